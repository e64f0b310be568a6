"""Decode picture files to upright 8-bit gray or RGB, and crop and resize them, on several threads.

Resizing uses Lanczos, which antialiases. Files may come from anyone: their size and number of
pixels are checked against limits before anything is decoded.
"""

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cache
from typing import Any, Protocol, TypeVar

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from gancli.data.modes import to_gray_or_rgb
from gancli.data.pictures import Pictures, digest
from gancli.data.rows import RowWriter
from gancli.errors import DataError, UsageError
from gancli.reporting import Progress, silent
from gancli.shape import COORDINATES

SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".jfif", ".webp", ".avif", ".gif", ".bmp", ".tif", ".tiff"),
    *(".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".jp2"),
)


# The formats of these suffixes, and those that often carry one of them by mistake. Pillow knows
# more, but some of them run other programs (EPS starts Ghostscript).
FORMATS = (
    *("PNG", "JPEG", "MPO", "WEBP", "AVIF", "GIF", "BMP", "DIB", "TIFF", "PPM", "TGA"),
    *("JPEG2000", "ICO"),
)
MAX_PIXELS = 89_000_000  # Pillow warns of a decompression bomb a little above this
MAX_SIDE = 32_768
MAX_FILE_BYTES = 2**29  # as many as MAX_PIXELS of 16-bit RGB take without compression
TOO_LARGE = f"larger than {MAX_FILE_BYTES // 10**6} MB"
TOO_MANY_PIXELS = (
    f"too many pixels; at most {MAX_PIXELS // 10**6} million, and {MAX_SIDE:,} a side, are read"
)


class Openable(Protocol):
    """A file on disk, or a member of an archive or a shard."""

    def open(self, mode: str) -> Any:
        """Open it as a binary file; `mode` is always "rb"."""


Crop = Callable[[Image.Image], Image.Image]
Item = TypeVar("Item")
Result = TypeVar("Result")

THREADS = min(8, os.cpu_count() or 1)  # threads help: Pillow decodes and resizes without the GIL
BATCH = 256  # pictures in flight, and so in memory, at a time


def decode_all(
    into: RowWriter,
    paths: Sequence[Openable],
    size: int,
    channels: int | None = None,
    progress: Progress = silent,
    crop: Crop | None = None,
) -> list[str]:
    """Decode `paths` and append each readable picture as a row (1, size, size, C), uint8.

    Each picture is cropped by `crop`, which sees it at its own size, then centre-cropped to a
    square and resized to `size`. Without `channels`, C is 1 if all pictures are gray, else 3.
    An error that `crop` raises propagates and ends the reading.

    Returns for each path the reason why it is unreadable, or "" if it was written.
    """
    colour: list[Openable] = []  # colour pictures seen so far; non-empty is all that matters

    def read(path: Openable, row: Any) -> str:
        try:
            picture = decode(path, target_size=None if crop else size)
        except DataError as error:
            return error.message
        _copy_into(_crop_and_resize(crop(picture) if crop else picture, size), row[0])
        # An RGB file can still be gray: compare its channels, until one colour picture is found.
        if not colour and picture.mode != "L" and (row != row[..., :1]).any():
            colour.append(path)
        return ""

    reasons = write_rows(into, (1, size, size, channels or 3), paths, read, progress)
    if channels is None and not colour:
        into.to_gray()
    return reasons


def write_rows(
    into: RowWriter,
    shape: tuple[int, ...],
    items: Sequence[Item],
    read: Callable[[Item, Any], str],
    progress: Progress = silent,
) -> list[str]:
    """Append a uint8 row of `shape` for each item, filled by `read(item, row)`.

    `read` returns "" or, if it cannot fill the row, the reason; such rows are left out. Returns the
    reason for each item. At most BATCH rows are in memory.
    """
    batch = np.empty((min(BATCH, len(items)), *shape), np.uint8)
    reasons: list[str] = []

    def numbered(i: int) -> str:
        return read(items[i], batch[i % BATCH])

    for why in map_threaded(numbered, range(len(items)), progress):
        reasons.append(why)
        # The batch is full, and no thread writes to it until the next result is taken.
        if len(reasons) % BATCH == 0 or len(reasons) == len(items):
            some = reasons[(len(reasons) - 1) // BATCH * BATCH :]
            into.append(batch[: len(some)][[not why for why in some]])
    return reasons


def map_threaded(
    work: Callable[[Item], Result], items: Sequence[Item], progress: Progress = silent
) -> Iterator[Result]:
    """Run `work` on every item with threads, and yield the results in order.

    Decompression bombs are refused (see `bombs_as_errors`). The first exception ends the iteration.
    """
    with bombs_as_errors(), ThreadPoolExecutor(THREADS) as pool:
        for start in range(0, len(items), BATCH):
            done = pool.map(work, items[start : start + BATCH])
            for i, result in enumerate(done, start + 1):
                yield result
                progress("reading pictures", i, len(items))


def decode(path: Openable, target_size: int | None = None) -> Image.Image:
    """Decode the first frame of a file, turned upright, in mode L or RGB, with alpha over white.

    With `target_size`, a large JPEG is decoded at a reduced size, but with no side below twice the
    target: several times faster. Raises DataError if the file is not a complete picture, or is
    larger than the limits above.
    """
    try:
        with opened(path) as image:
            if target_size:
                image.draft(None, (2 * target_size, 2 * target_size))
            image.load()
            with suppress(Exception):  # damaged EXIF data; the pixels may be fine
                ImageOps.exif_transpose(image, in_place=True)
            return to_gray_or_rgb(image)
    except Exception as error:  # decoders raise all kinds of errors for damaged files
        raise DataError(_error_text(error)) from error


@contextmanager
def opened(path: Openable) -> Iterator[Image.Image]:
    """Open a picture and read its header only.

    Raises DataError if the picture is larger than the limits above, and what Pillow raises if the
    file is not a picture.
    """
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) > MAX_FILE_BYTES:
            raise DataError(TOO_LARGE)
        file.seek(0)
        with Image.open(file, formats=_formats()) as image:
            if image.width * image.height > MAX_PIXELS or max(image.size) > MAX_SIDE:
                raise DataError(TOO_MANY_PIXELS)
            yield image


@cache
def _formats() -> list[str]:
    """Return those of FORMATS that this build of Pillow reads."""
    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]


def natural_size(paths: Sequence[Openable], legal: Sequence[int], otherwise: int) -> int:
    """Return the side if all pictures are squares of one size in `legal`, else `otherwise`.

    Reads headers only; unreadable files are ignored.
    """
    sizes: set[tuple[int, int]] = set()
    with bombs_as_errors():
        for path in paths:
            with suppress(Exception), opened(path) as image:
                sizes.add(image.size)
            if len(sizes) > 1:
                return otherwise
    width, height = next(iter(sizes), (0, 0))
    return width if width == height and width in legal else otherwise


def fit(pictures: Pictures, size: int | None = None, channels: int | None = None) -> Pictures:
    """Return `pictures` at `size` x `size` with `channels` channels; None keeps the current value.

    If anything changes, label maps (partners with a palette) are dropped: resizing mixes colours.
    Raises UsageError if that would change points, or make points of pictures.
    """
    height, width, depth = pictures.images.shape[1:]
    size, channels = size or height, channels or depth
    if (height, width, depth) == (size, size, channels):
        return pictures
    if pictures.points or channels == COORDINATES:
        is_what = "has points in the plane, not pictures"
        is_what = is_what if pictures.points else "has pictures, not points in the plane"
        raise UsageError(f"{pictures.name} {is_what}.", hint="gan datasets list")
    images = _fit_all(pictures.images, size, channels)
    partners = None if pictures.palette else pictures.partners
    partners = None if partners is None else _fit_all(partners, size, channels)
    found = digest(images, pictures.labels, partners)
    return replace(pictures, images=images, partners=partners, digest=found, stored=None)


def _fit_all(images: Any, size: int, channels: int) -> Any:
    fitted = np.empty((len(images), size, size, channels), np.uint8)
    for image, into in zip(images, fitted, strict=True):
        picture = Image.fromarray(image if image.shape[-1] == 3 else image[..., 0])
        _copy_into(_crop_and_resize(picture, size), into)
    return fitted


@contextmanager
def bombs_as_errors() -> Iterator[None]:
    """Turn Pillow's decompression bomb warning into an error, and hide its other warnings.

    Warning filters are global to the process: enter this once, outside the decoding threads.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def _crop_and_resize(picture: Image.Image, size: int) -> Image.Image:
    """Centre-crop to a square and resize to `size`."""
    return ImageOps.fit(picture, (size, size), Image.Resampling.LANCZOS)


def _copy_into(picture: Image.Image, into: Any) -> None:
    """Copy a picture into uint8 (H, W, C), converting between gray and colour as C needs."""
    picture = picture.convert("L") if into.shape[-1] == 1 else picture
    into[...] = np.asarray(picture).reshape(*into.shape[:2], -1)


def _error_text(error: Exception) -> str:
    """Return a short reason for the user; Pillow's own messages often show object reprs."""
    if isinstance(error, DataError):
        return error.message
    if isinstance(error, UnidentifiedImageError):
        return "not a picture"
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        return TOO_MANY_PIXELS
    text = str(getattr(error, "strerror", None) or error).strip() or type(error).__name__
    return "truncated" if "truncated" in text.lower() else text.splitlines()[0][:80]
