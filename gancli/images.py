"""Pictures as arrays: to and from tensors, side by side, and as PNG files with their recipe.

An array is uint8, (B, H, W, C) or one picture (H, W, C), C 1 (gray) or 3 (RGB); a tensor is
(B, C, H, W) in [-1, 1].
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

if TYPE_CHECKING:  # formats and charts need no torch, and it takes a second to import
    from torch import Tensor

Array = NDArray[np.uint8]

SUFFIXES = {  # single pictures are written to, by Pillow's name for the format
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".bmp": "BMP",
}
RECIPE_KEY = "gan"  # the keyword of the PNG text that holds a recipe, as JSON


def to_uint8(pictures: "Tensor") -> Array:
    """(B, C, H, W) in [-1, 1] to uint8 (B, H, W, C); what lies outside is clamped."""
    scaled = pictures.detach().float().clamp(-1, 1).add(1).mul(127.5).round()
    return cast(Array, scaled.byte().permute(0, 2, 3, 1).contiguous().cpu().numpy())


def from_uint8(pictures: Array) -> "Tensor":
    """uint8 (B, H, W, C) to float32 (B, C, H, W) in [-1, 1]; `to_uint8` gives the same back."""
    import torch

    return torch.from_numpy(pictures).permute(0, 3, 1, 2).contiguous().float().div(127.5).sub(1)


def grid(
    pictures: Array, rows: int | None = None, columns: int | None = None, gap: int = 2
) -> Array:
    """uint8 (B, H, W, C) side by side, row by row, as one (H', W', C); `gap` pixels between them.

    Near square unless `rows` or `columns` say otherwise; cells without a picture are black.
    Raises UsageError where `pictures` are none, or more than the cells.
    """
    count, height, width, channels = pictures.shape
    rows, columns = layout(count, rows, columns)
    cells = np.zeros((rows * columns, height + gap, width + gap, channels), np.uint8)
    cells[:count, :height, :width] = pictures
    cells = cells.reshape(rows, columns, *cells.shape[1:]).swapaxes(1, 2)
    sheet = cells.reshape(rows * (height + gap), columns * (width + gap), channels)
    return np.ascontiguousarray(sheet[: sheet.shape[0] - gap, : sheet.shape[1] - gap])


def layout(count: int, rows: int | None = None, columns: int | None = None) -> tuple[int, int]:
    """Rows and columns for `count` pictures. Raises UsageError where they do not hold them."""
    if rows is None and columns is None:
        columns = math.ceil(math.sqrt(count))
    if columns is None:
        columns = math.ceil(count / max(rows or 1, 1))
    if rows is None:
        rows = math.ceil(count / max(columns, 1))
    if not 0 < count <= rows * columns:
        raise UsageError(f"A grid of {rows}x{columns} cannot show {count} pictures.")
    return rows, columns


def enlarge(picture: Array, scale: int) -> Array:
    """(H, W, C) with every pixel drawn as `scale` x `scale`."""
    return picture.repeat(scale, axis=0).repeat(scale, axis=1)


def to_pillow(picture: Array) -> Image.Image:
    """(H, W, C) as a Pillow picture, "L" or "RGB"."""
    return Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)


def encode_png(picture: Array, recipe: Mapping[str, str] | None = None) -> bytes:
    """(H, W, C) as a PNG file, `recipe` in its text under "gan"."""
    text = PngInfo()
    if recipe is not None:
        text.add_text(RECIPE_KEY, json.dumps(dict(recipe)))
    file = io.BytesIO()
    to_pillow(picture).save(file, format="PNG", pnginfo=text)
    return file.getvalue()


def save_png(path: Path, picture: Array, recipe: Mapping[str, str] | None = None) -> None:
    """Write (H, W, C) as PNG, `recipe` in its text. Raises FileError where that cannot be."""
    write_file(path, encode_png(picture, recipe))


def save(path: Path, picture: Array, recipe: Mapping[str, str] | None = None) -> None:
    """Write (H, W, C) in the format of `path`'s suffix, one of SUFFIXES; a PNG holds `recipe`."""
    if path.suffix.lower() == ".png":
        return save_png(path, picture, recipe)
    file = io.BytesIO()
    to_pillow(picture).save(file, format=SUFFIXES[path.suffix.lower()], quality=95)
    return write_file(path, file.getvalue())


def load_png(path: Path) -> Array:
    """A picture that `save_png` wrote, uint8 (H, W, C). Raises FileError for what is no picture."""
    with opened(path) as picture:
        array = np.asarray(picture)
    return array.reshape(*array.shape[:2], -1)


@contextmanager
def opened(path: Path) -> Iterator[Image.Image]:
    """The picture in a file. Raises FileError where there is none."""
    try:
        with Image.open(path) as picture:
            yield picture
    except FileNotFoundError as error:
        raise FileError(f"There is no file {path}.") from error
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise FileError(f"{path} is not a picture that can be read.") from error
