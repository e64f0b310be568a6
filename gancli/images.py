"""Pictures as arrays: conversion to and from tensors, grids, and reading and writing files.

Arrays are uint8: a batch (B, H, W, C) or one picture (H, W, C), where C is 1 (gray) or 3 (RGB).
Tensors are (B, C, H, W) in [-1, 1]. PNG files can hold a recipe: the command that made the picture.
"""

import io
import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from gancli.errors import FileError, UsageError
from gancli.files import write_file

if TYPE_CHECKING:  # torch takes a second to import, and formats and charts work without it
    from torch import Tensor

Array = NDArray[np.uint8]

SUFFIXES = {  # formats that `save` writes: file suffix -> Pillow's name
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".bmp": "BMP",
}
GAP = 2  # pixels between the pictures of a grid
RECIPE_KEY = "gan"  # keyword of the PNG text chunk that holds the recipe, as JSON


def to_uint8(pictures: "Tensor") -> Array:
    """Convert (B, C, H, W) in [-1, 1] to uint8 (B, H, W, C). Values outside are clamped."""
    scaled = pictures.detach().float().clamp(-1, 1).add(1).mul(127.5).round()
    return cast(Array, scaled.byte().permute(0, 2, 3, 1).contiguous().cpu().numpy())


def from_uint8(pictures: Array) -> "Tensor":
    """Convert uint8 (B, H, W, C) to float32 (B, C, H, W) in [-1, 1]. `to_uint8` inverts it."""
    import torch

    return torch.from_numpy(pictures).permute(0, 3, 1, 2).contiguous().float().div(127.5).sub(1)


def grid(
    pictures: Array, rows: int | None = None, columns: int | None = None, gap: int = GAP
) -> Array:
    """Arrange pictures (B, H, W, C) row by row in one picture (H', W', C), `gap` pixels apart.

    Without `rows` and `columns` the grid is nearly square. Empty cells are black. Raises UsageError
    if `pictures` is empty, or has more pictures than the grid has cells.
    """
    count, height, width, channels = pictures.shape
    rows, columns = layout(count, rows, columns)
    cells = np.zeros((rows * columns, height + gap, width + gap, channels), np.uint8)
    cells[:count, :height, :width] = pictures
    cells = cells.reshape(rows, columns, *cells.shape[1:]).swapaxes(1, 2)
    sheet = cells.reshape(rows * (height + gap), columns * (width + gap), channels)
    return np.ascontiguousarray(sheet[: sheet.shape[0] - gap, : sheet.shape[1] - gap])


def layout(count: int, rows: int | None = None, columns: int | None = None) -> tuple[int, int]:
    """Return (rows, columns) for `count` pictures. Raises UsageError if that is too few cells."""
    if rows is None and columns is None:
        columns = math.ceil(math.sqrt(count))
    if columns is None:
        columns = math.ceil(count / max(rows or 1, 1))
    if rows is None:
        rows = math.ceil(count / max(columns, 1))
    if not 0 < count <= rows * columns:
        raise UsageError(f"A grid of {rows}x{columns} cannot hold {count} pictures.")
    return rows, columns


def enlarge(picture: Array, scale: int) -> Array:
    """Enlarge (H, W, C): every pixel becomes a square of `scale` x `scale` pixels."""
    return picture.repeat(scale, axis=0).repeat(scale, axis=1)


def to_pillow(picture: Array) -> Image.Image:
    """Convert (H, W, C) to a Pillow image, of mode "L" or "RGB"."""
    return Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)


def encode_png(picture: Array, recipe: Mapping[str, str] | None = None) -> bytes:
    """Encode (H, W, C) as PNG, with `recipe` in a text chunk under the keyword "gan"."""
    text = PngInfo()
    if recipe is not None:
        text.add_text(RECIPE_KEY, json.dumps(dict(recipe)))
    file = io.BytesIO()
    to_pillow(picture).save(file, format="PNG", pnginfo=text)
    return file.getvalue()


def save_png(
    path: Path,
    picture: Array,
    recipe: Mapping[str, str] | None = None,
    *,
    follow_links: bool = False,
) -> None:
    """Write (H, W, C) as PNG, with `recipe` in it. Raises FileError if it cannot be written.

    `follow_links` is for a path that the user has typed; see `files.replacing`.
    """
    write_file(path, encode_png(picture, recipe), follow_links=follow_links)


def save(
    path: Path,
    picture: Array,
    recipe: Mapping[str, str] | None = None,
    *,
    follow_links: bool = False,
) -> None:
    """Write (H, W, C) in the format of the suffix, one of SUFFIXES. Only PNG holds a `recipe`."""
    if path.suffix.lower() == ".png":
        return save_png(path, picture, recipe, follow_links=follow_links)
    file = io.BytesIO()
    to_pillow(picture).save(file, format=SUFFIXES[path.suffix.lower()], quality=95)
    return write_file(path, file.getvalue(), follow_links=follow_links)


def load_png(path: Path) -> Array:
    """Read a picture that `save_png` wrote, as uint8 (H, W, C). Raises FileError like `opened`."""
    with opened(path) as picture:
        array = np.asarray(picture)
    return array.reshape(*array.shape[:2], -1)


@contextmanager
def opened(path: Path) -> Iterator[Image.Image]:
    """Open a picture with Pillow. Raises FileError if the file is missing or not a picture."""
    try:
        with Image.open(path) as picture:
            yield picture
    except FileNotFoundError as error:
        raise FileError(f"{path} does not exist.") from error
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise FileError(f"{path} is not a picture, or it is damaged.") from error
