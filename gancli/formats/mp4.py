"""MP4: small files for slides and the web; needs imageio-ffmpeg for its encoder."""

import json
from collections.abc import Iterable
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import imageio.v2 as imageio
import numpy as np

from gancli.errors import FileError, GanError
from gancli.files import OUT_HINT, check_writable, replacing
from gancli.formats import Recipe, numbered
from gancli.images import Array

SUFFIXES = (".mp4",)

QUALITY = 7  # of 10: H.264 with a constant rate factor of 15, nearly lossless to the eye


def check(path: Path, fps: float) -> None:
    """Raise GanError if the encoder is not installed, FileError if `path` cannot be written."""
    if find_spec("imageio_ffmpeg") is None:
        raise GanError(
            "Writing .mp4 needs imageio-ffmpeg, which is not installed.",
            hint="pip install imageio-ffmpeg",
        )
    check_writable(path)


def write(path: Path, frames: Iterable[Array], fps: float, recipe: Recipe | None = None) -> int:
    """Write every frame, padded with black to even sides; `recipe` becomes the file's comment."""
    sent = 0
    with replacing(path, follow_links=True) as beside:
        # closing(): after an error, imageio's own context manager leaves ffmpeg running
        with closing(_encoder(beside, fps, recipe)) as encoder:
            for _, frame in numbered(frames):
                _send(encoder, _pad_to_even(frame), path)
                sent += 1
        if _count_frames(beside) != sent:
            raise _encoder_stopped(path)
    return sent


def _encoder(path: Path, fps: float, recipe: Recipe | None) -> Any:
    """Start ffmpeg. It subsamples chroma by 2x2 (4:2:0), as most players require."""
    comment = [] if recipe is None else ["-metadata", f"comment={json.dumps(dict(recipe))}"]
    return imageio.get_writer(
        path,
        format="FFMPEG",
        fps=fps,
        quality=QUALITY,
        macro_block_size=1,  # imageio would stretch the frames to multiples of 16
        output_params=["-movflags", "+faststart", *comment],
    )


def _send(encoder: Any, frame: Array, path: Path) -> None:
    """Send a frame to ffmpeg. If ffmpeg could not write, it has ended and the pipe is broken."""
    try:
        encoder.append_data(frame)
    except OSError as error:
        raise _encoder_stopped(path) from error


def _pad_to_even(frame: Array) -> Array:
    """Return (H, W, 3), padded to even H and W, which 4:2:0 chroma subsampling needs."""
    height, width, channels = frame.shape
    padded = np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)))
    return padded.repeat(3, axis=2) if channels == 1 else padded


def _count_frames(path: Path) -> int:
    """Return the number of frames in a film, 0 if it is unreadable.

    On a full disk ffmpeg leaves half a file and reports no error; counting detects that.
    """
    import imageio_ffmpeg

    try:
        return int(imageio_ffmpeg.count_frames_and_secs(str(path))[0])
    except RuntimeError:
        return 0


def _encoder_stopped(path: Path) -> FileError:
    return FileError(
        f"Cannot write {path}: the encoder stopped. The disk may be full.", hint=OUT_HINT
    )
