"""Pictures from files and between sizes: whatever Pillow reads, as upright 8-bit gray or RGB."""

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, Protocol, TypeVar

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from gancli.data.pictures import Pictures, digest
from gancli.data.rows import RowWriter
from gancli.errors import DataError
from gancli.reporting import Progress, silent

SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".jfif", ".webp", ".avif", ".gif", ".bmp", ".tif", ".tiff"),
    *(".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".jp2"),
)


class Openable(Protocol):
    """A file, or one inside an archive or a shard."""

    def open(self, mode: str) -> Any:
        """What it holds, as a file; `mode` is "rb"."""


Crop = Callable[[Image.Image], Image.Image]
Item = TypeVar("Item")
Result = TypeVar("Result")

THREADS = min(8, os.cpu_count() or 1)  # Pillow decodes and resizes without the interpreter's lock
BATCH = 256  # pictures handed to the threads at once, and held in memory


def decode_all(
    into: RowWriter,
    paths: Sequence[Openable],
    size: int,
    channels: int | None = None,
    progress: Progress = silent,
    crop: Crop | None = None,
) -> list[str]:
    """Write every readable picture, as uint8 (size, size, C), one to a row; why others are not.

    Each is cut by `crop`, then about its centre to a square, and resized to `size`. Without
    `channels` they are gray (C = 1) only where every one is. What `crop` raises ends the reading;
    it is given pictures in their own size.
    """
    colour: list[Openable] = []  # pictures that are not gray: one will do

    def read(path: Openable, row: Any) -> str:
        try:
            picture = decode(path, room=None if crop else size)
        except DataError as error:
            return error.message
        _put(_square(crop(picture) if crop else picture, size), row[0])
        if not colour and picture.mode != "L" and (row != row[..., :1]).any():
            colour.append(path)
        return ""

    reasons = write_all(into, (1, size, size, channels or 3), paths, read, progress)
    if channels is None and not colour:
        into.to_gray()
    return reasons


def write_all(
    into: RowWriter,
    shape: tuple[int, ...],
    items: Sequence[Item],
    read: Callable[[Item, Any], str],
    progress: Progress = silent,
) -> list[str]:
    """Write a row of `shape` for each of `items`, which `read` fills or says why it cannot.

    What comes back are the reasons, "" where there is a row. BATCH rows are in memory.
    """
    batch = np.empty((min(BATCH, len(items)), *shape), np.uint8)
    reasons: list[str] = []

    def numbered(i: int) -> str:
        return read(items[i], batch[i % BATCH])

    for why in each(numbered, range(len(items)), progress):
        reasons.append(why)
        if len(reasons) % BATCH == 0 or len(reasons) == len(items):  # the threads wait
            some = reasons[(len(reasons) - 1) // BATCH * BATCH :]
            into.append(batch[: len(some)][[not why for why in some]])
    return reasons


def each(
    work: Callable[[Item], Result], items: Sequence[Item], progress: Progress = silent
) -> Iterator[Result]:
    """`work` done on every item by threads, in order, `strictly`; an exception of it ends all."""
    with strictly(), ThreadPoolExecutor(THREADS) as pool:
        for start in range(0, len(items), BATCH):
            done = pool.map(work, items[start : start + BATCH])
            for i, result in enumerate(done, start + 1):
                yield result
                progress("reading pictures", i, len(items))


def decode(path: Openable, room: int | None = None) -> Image.Image:
    """The picture in a file, upright, mode L or RGB, alpha over white; its first frame.

    One that is only wanted at `room` x `room` pixels may come smaller than the file has it, which
    decodes a large JPEG several times faster. Raises DataError for whatever is no whole picture;
    a decompression bomb counts as one only inside `strictly`.
    """
    try:
        with path.open("rb") as file, Image.open(file) as image:
            if room:
                image.draft(None, (2 * room, 2 * room))
            image.load()
            with suppress(Exception):  # of damaged EXIF data; the picture may be whole
                ImageOps.exif_transpose(image, in_place=True)
            return _plain(image)
    except Exception as error:  # decoders raise whatever they like over damaged files
        raise DataError(_why(error)) from error


def natural_size(paths: Sequence[Openable], legal: Sequence[int], otherwise: int) -> int:
    """The side of pictures that are all square and alike, if that is `legal`; or `otherwise`."""
    sizes: set[tuple[int, int]] = set()
    with strictly():
        for path in paths:
            with suppress(Exception), path.open("rb") as file, Image.open(file) as image:
                sizes.add(image.size)
            if len(sizes) > 1:
                return otherwise
    width, height = next(iter(sizes), (0, 0))
    return width if width == height and width in legal else otherwise


def fit(pictures: Pictures, size: int | None = None, channels: int | None = None) -> Pictures:
    """The same pictures at `size` x `size`, antialiased, in `channels`; None changes nothing."""
    images = pictures.images
    height, width, depth = images.shape[1:]
    size, channels = size or height, channels or depth
    if (height, width, depth) == (size, size, channels):
        return pictures
    fitted = np.empty((len(images), size, size, channels), np.uint8)
    for image, into in zip(images, fitted, strict=True):
        picture = Image.fromarray(image if depth == 3 else image[..., 0])
        _put(_square(picture, size), into)
    found = digest(fitted, pictures.labels)
    return replace(pictures, images=fitted, partners=None, digest=found, stored=None)


@contextmanager
def strictly() -> Iterator[None]:
    """Refuse decompression bombs, and keep Pillow's other remarks from the user.

    Filters belong to the whole process: enter this once, around the threads that decode.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def _square(picture: Image.Image, size: int) -> Image.Image:
    return ImageOps.fit(picture, (size, size), Image.Resampling.LANCZOS)


def _put(picture: Image.Image, into: Any) -> None:
    """Copy a picture into uint8 (H, W, C), gray to every channel, colour to gray where C is 1."""
    picture = picture.convert("L") if into.shape[-1] == 1 else picture
    into[...] = np.asarray(picture).reshape(*into.shape[:2], -1)


def _plain(image: Image.Image) -> Image.Image:
    """Mode L or RGB of any mode."""
    if image.mode in ("L", "RGB") and "transparency" not in image.info:
        return image.copy()
    if image.mode in ("1", "F") or image.mode.startswith("I"):
        return _eight_bit(image)
    if image.has_transparency_data:
        return _over_white(image.convert("RGBA"), gray=image.mode in ("L", "LA", "La"))
    return image.convert("RGB")


def _over_white(image: Image.Image, gray: bool) -> Image.Image:
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("L" if gray else "RGB")


def _eight_bit(image: Image.Image) -> Image.Image:
    """Gray of one bit, of 16 or 32 bits, or of floats, by the range that the values need."""
    if image.mode == "1":
        return image.convert("L")
    values = np.asarray(image, np.float32)
    if not np.isfinite(values).all():
        raise DataError("values that are no numbers")
    top = float(values.max(initial=0))
    if image.mode.startswith("I;16") or top > 255:
        values = values / (65535 / 255)
    elif image.mode == "F" and top <= 1:
        values = values * 255
    return Image.fromarray(values.round().clip(0, 255).astype(np.uint8))


def _why(error: Exception) -> str:
    """A few words on a damaged file; Pillow's own often name objects instead."""
    if isinstance(error, DataError):
        return error.message
    if isinstance(error, UnidentifiedImageError):
        return "no picture"
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        return "too many pixels"
    text = str(getattr(error, "strerror", None) or error or type(error).__name__)
    return "cut short" if "truncated" in text.lower() else text.splitlines()[0][:80]
