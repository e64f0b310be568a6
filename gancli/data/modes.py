"""Convert pictures of any Pillow mode to 8-bit gray or RGB.

On the way, a pixel takes up to 16 bytes, so pictures are converted a few rows at a time.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from gancli.errors import DataError

BAND = 2**20  # pixels that are converted at a time


def to_gray_or_rgb(image: Image.Image) -> Image.Image:
    """Convert a picture of any Pillow mode to L or RGB, with alpha over white.

    Raises DataError for NaN or infinity.
    """
    if image.mode in ("L", "RGB") and "transparency" not in image.info:
        return image
    if image.mode in ("1", "F") or image.mode.startswith("I"):
        return _eight_bit(image)
    if image.has_transparency_data:
        mode = "L" if image.mode in ("L", "LA", "La") else "RGB"
        return _by_bands(image, mode, lambda band: _over_white(band.convert("RGBA")).convert(mode))
    return image.convert("RGB")


def _over_white(image: Image.Image) -> Image.Image:
    """Composite an RGBA picture over white."""
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)


def _eight_bit(image: Image.Image) -> Image.Image:
    """Scale 1-bit, 16-bit, 32-bit or float gray to 8 bits, by mode and maximum."""
    if image.mode == "1":
        return image.convert("L")
    top = max(_maximum(image.crop(box)) for box in _bands(image))
    if image.mode.startswith("I;16") or top > 255:
        return _by_bands(image, "L", lambda band: _rounded(_floats(band) / (65535 / 255)))
    scale = 255 if image.mode == "F" and top <= 1 else 1
    return _by_bands(image, "L", lambda band: _rounded(_floats(band) * scale))


def _maximum(image: Image.Image) -> float:
    values = _floats(image)
    if not np.isfinite(values).all():
        raise DataError("it holds NaN or infinite values")
    return float(values.max(initial=0))


def _floats(image: Image.Image) -> Any:
    return np.asarray(image, np.float32)


def _rounded(values: Any) -> Image.Image:
    return Image.fromarray(values.round().clip(0, 255).astype(np.uint8))


def _by_bands(
    image: Image.Image, mode: str, convert: Callable[[Image.Image], Image.Image]
) -> Image.Image:
    """Convert an image to `mode` a few rows at a time."""
    result = Image.new(mode, image.size)
    for box in _bands(image):
        result.paste(convert(image.crop(box)), box)
    return result


def _bands(image: Image.Image) -> list[tuple[int, int, int, int]]:
    """Return the boxes of bands of about BAND pixels that cover the image from top to bottom."""
    rows = max(1, BAND // image.width)
    tops = range(0, image.height, rows)
    return [(0, top, image.width, min(top + rows, image.height)) for top in tops]
