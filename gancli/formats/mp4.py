"""MP4: small, for slides and the web; needs the extra `gancli[video]`, which brings the encoder."""

import json
from collections.abc import Iterable
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import imageio.v2 as imageio
import numpy as np

from gancli.errors import FileError, GanError
from gancli.files import ELSEWHERE, check_writable, replacing
from gancli.formats import Recipe, numbered
from gancli.images import Array

SUFFIXES = (".mp4",)

QUALITY = 7  # of 10: H.264 at a constant rate factor of 15, hard to tell from the frames


def check(path: Path, fps: float) -> None:
    """Raise GanError where there is no encoder, FileError where no file can be."""
    if find_spec("imageio_ffmpeg") is None:
        raise GanError(
            "Writing .mp4 needs an encoder that is not installed.",
            hint="pip install 'gancli[video]'",
        )
    check_writable(path)


def write(path: Path, frames: Iterable[Array], fps: float, recipe: Recipe | None = None) -> int:
    """Every frame is there, padded with black to even sides; `recipe` is the file's comment."""
    sent = 0
    with replacing(path) as beside:
        with closing(_encoder(beside, fps, recipe)) as encoder:  # imageio's own leaves it running
            for _, frame in numbered(frames):
                _append(encoder, _even(frame), path)
                sent += 1
        if _count(beside) != sent:
            raise _stopped(path)
    return sent


def _encoder(path: Path, fps: float, recipe: Recipe | None) -> Any:
    """What ffmpeg is told. The colours are halved in size, since few players show others."""
    comment = [] if recipe is None else ["-metadata", f"comment={json.dumps(dict(recipe))}"]
    return imageio.get_writer(
        path,
        format="FFMPEG",
        fps=fps,
        quality=QUALITY,
        macro_block_size=1,  # imageio would stretch the frames to multiples of 16
        output_params=["-movflags", "+faststart", *comment],
    )


def _append(encoder: Any, frame: Array, path: Path) -> None:
    """ffmpeg ends when it cannot write; what is sent to it then fails without a reason."""
    try:
        encoder.append_data(frame)
    except OSError as error:
        raise _stopped(path) from error


def _even(frame: Array) -> Array:
    """(H, W, C) with H and W even, as halved colours need, and three channels."""
    height, width, channels = frame.shape
    padded = np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)))
    return padded.repeat(3, axis=2) if channels == 1 else padded


def _count(path: Path) -> int:
    """Frames in a film, 0 for what is none: the encoder does not say that it left half a file."""
    import imageio_ffmpeg

    try:
        return int(imageio_ffmpeg.count_frames_and_secs(str(path))[0])
    except RuntimeError:
        return 0


def _stopped(path: Path) -> FileError:
    return FileError(f"Cannot write {path}: the encoder stopped; is there room?", hint=ELSEWHERE)
