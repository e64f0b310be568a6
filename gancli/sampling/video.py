"""Read the frames of a video file; needs imageio-ffmpeg."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import imageio.v2 as imageio
import numpy as np

from gancli.errors import DataError, GanError
from gancli.images import Array


@contextmanager
def opened(path: Path) -> Iterator[tuple[Iterator[Array], float]]:
    """Open a video: its frames, uint8 (H, W, 3), read one by one, and its frames per second.

    Raises GanError if the extra is not installed, DataError if the file is not a video.
    """
    if find_spec("imageio_ffmpeg") is None:
        raise GanError(
            "Reading videos needs imageio-ffmpeg, which is not installed.",
            hint="pip install imageio-ffmpeg",
        )
    try:
        reader = imageio.get_reader(path, format="FFMPEG")
    except (OSError, ValueError, RuntimeError, StopIteration) as error:
        raise DataError(f"{path} is not a video that ffmpeg can read.") from error
    with reader:
        fps = float(reader.get_meta_data()["fps"])
        frames: Iterator[Array] = map(np.asarray, reader.iter_data())
        yield frames, fps
