"""Digits drawn from a font: 70,000 gray pictures, 28x28, in ten classes; needs no download.

The digits are of the font that comes with Pillow, white on black like MNIST. Each is rotated,
sheared, scaled, thickened and warped at random. The elastic warp follows Simard, Steinkraus, Platt:
Best Practices for Convolutional Neural Networks Applied to Visual Document Analysis (ICDAR 2003),
with a coarse grid of displacements instead of filtered noise.
"""

import contextlib
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from gancli.data import cache
from gancli.data.pictures import Info, Pictures, Places
from gancli.data.rows import RowWriter
from gancli.errors import DataError
from gancli.reporting import Progress, Say, silent

INFO = Info(
    title="Glyphs: digits drawn from a font",
    size="28x28 gray",
    train=60_000,
    test=10_000,
    classes=tuple("0123456789"),
    terms="none: drawn with the font that comes with Pillow (Aileron, CC0)",
    home="built in",
)

VERSION = "glyphs-2"  # the cache key: change it when the drawing changes
SEED = 0
SIZE = 28
CHUNK = 1000  # pictures drawn at once, with one random generator
FINE = 4  # digits are rendered once at this scale ("fine pixels"); pictures are sampled from them
CANVAS = 144  # side of a rendered digit with its black margin, in fine pixels
HEIGHT = 108  # font size in fine pixels: a digit is then 20 pixels tall, as in MNIST
STROKES = (-1, 0, 1, 2, 3, 4)  # stroke width added on each side, in fine pixels
KNOTS = 5  # grid points of the elastic warp along each side of a picture


def load(places: Places, split: str, say: Say = silent, progress: Progress = silent) -> Pictures:
    """Load the `train` or `test` split, uint8 (N, 28, 28, 1); drawn once, then read from disk."""
    first, count = (0, INFO.train) if split == "train" else (INFO.train, INFO.test)

    def fill(into: RowWriter) -> Pictures:
        say(f"glyphs: drawing {count:,} digits (only the first time).")
        into.append(draw(first, count, progress=progress)[:, None])
        labels = np.arange(first, first + count, dtype=np.int64) % 10
        return Pictures(
            name="glyphs", split=split, images=None, labels=labels, classes=INFO.classes
        )

    folders = (places.cache / "glyphs", *places.folders("glyphs"))  # data may be shared
    return cache.load_or_create(
        [folder / f"{split}.rows" for folder in folders], VERSION, fill, say
    )


def draw(first: int, count: int, seed: int = SEED, progress: Progress = silent) -> Any:
    """Draw pictures `first` to `first + count - 1`, uint8 (count, 28, 28, 1).

    Picture i shows the digit i % 10 and depends only on `seed` and i. One core draws about 12,000
    per second.
    """
    atlas = _atlas()
    images = np.empty((count, SIZE, SIZE, 1), np.uint8)
    done = 0
    while done < count:
        chunk, skip = divmod(first + done, CHUNK)
        some = _chunk(atlas, np.random.default_rng([seed, chunk]))[skip : skip + count - done]
        images[done : done + len(some), ..., 0] = some
        done += len(some)
        progress("glyphs", done, count)
    return images


def _atlas() -> Any:
    """Render each digit in each stroke width, float32 (widths * 10, CANVAS, CANVAS) in 0..255.

    The blur of about half an output pixel prevents aliasing when single points are sampled.
    """
    digits = [_digit(text, stroke) for stroke in STROKES for text in INFO.classes]
    return np.array(digits, np.float32)


def _digit(text: str, stroke: int) -> Any:
    """Render one digit, centred by its bounding box; a negative `stroke` thins it."""
    font = _font()
    picture = Image.new("L", (CANVAS, CANVAS))
    pen = ImageDraw.Draw(picture)
    left, top, right, bottom = pen.textbbox((0, 0), text, font=font)
    at = ((CANVAS - left - right) / 2, (CANVAS - top - bottom) / 2)
    pen.text(at, text, font=font, fill=255, stroke_width=max(stroke, 0))
    if stroke < 0:
        picture = picture.filter(ImageFilter.MinFilter(1 - 2 * stroke))
    return np.asarray(picture.filter(ImageFilter.GaussianBlur(FINE * 0.4)))


def _font() -> ImageFont.FreeTypeFont:
    """Return Pillow's scalable font. Raises DataError if Pillow has no FreeType."""
    with contextlib.suppress(ImportError):
        font = ImageFont.load_default(size=HEIGHT)
        if isinstance(font, ImageFont.FreeTypeFont):
            return font
    raise DataError(
        "This build of Pillow has no FreeType, so it cannot draw glyphs.",
        hint="pip install --force-reinstall pillow",
    )


def _chunk(atlas: Any, rng: np.random.Generator) -> Any:
    """Draw CHUNK pictures, uint8 (CHUNK, 28, 28), of the digits 0 to 9 in turn."""
    stroke = rng.integers(len(STROKES), size=CHUNK)
    x, y = _points(rng)
    images = _sample_bilinear(atlas, stroke * 10 + np.arange(CHUNK) % 10, x, y)
    images *= _uniform(rng, 0.85, 1)
    images += _uniform(rng, 0, 8) * rng.standard_normal(images.shape, np.float32)
    return images.round().clip(0, 255).astype(np.uint8)


def _points(rng: np.random.Generator) -> tuple[Any, Any]:
    """Return the point of the canvas that each pixel samples: x and y, float32 (CHUNK, 28, 28)."""
    turn, shear = _normal(rng, 0.12), _normal(rng, 0.15)  # radians
    wide, tall = _uniform(rng, 0.8, 1.15), _uniform(rng, 0.8, 1.15)
    axis = np.arange(SIZE, dtype=np.float32) - (SIZE - 1) / 2
    x = axis + _normal(rng, 1) + _warp(rng)
    y = axis[:, None] + _normal(rng, 1) + _warp(rng)
    x, y = np.cos(turn) * x - np.sin(turn) * y, np.sin(turn) * x + np.cos(turn) * y
    middle = (CANVAS - 1) / 2
    return (FINE / wide) * (x + shear * y) + middle, (FINE / tall) * y + middle


def _warp(rng: np.random.Generator) -> Any:
    """Return a smooth random displacement of every pixel, in pixels: float32 (CHUNK, 28, 28)."""
    # Random offsets at the grid points, interpolated by raised cosines along both axes.
    knots = 0.8 * rng.standard_normal((CHUNK, KNOTS, KNOTS), np.float32)
    place = np.linspace(0, KNOTS - 1, SIZE)[:, None] - np.arange(KNOTS)
    bumps = np.where(abs(place) < 1, np.cos(np.pi * place) / 2 + 0.5, 0)  # rows sum to 1
    bumps = bumps.astype(np.float32)
    return bumps @ knots @ bumps.T


def _normal(rng: np.random.Generator, deviation: float) -> Any:
    """Draw one normal number per picture, mean 0, float32 (CHUNK, 1, 1)."""
    return deviation * rng.standard_normal((CHUNK, 1, 1), np.float32)


def _uniform(rng: np.random.Generator, low: float, high: float) -> Any:
    """Draw one uniform number per picture, float32 (CHUNK, 1, 1)."""
    return low + (high - low) * rng.random((CHUNK, 1, 1), np.float32)


def _sample_bilinear(fine: Any, number: Any, x: Any, y: Any) -> Any:
    """Sample the pictures `fine[number]` at the points (x, y), bilinear: float32 (N, h, w).

    `fine` is (M, CANVAS, CANVAS), `number` (N,), and `x` and `y` are (N, h, w).
    """
    # Stay below CANVAS - 1, so that the right and lower neighbours exist.
    x, y = x.clip(0, CANVAS - 1.01), y.clip(0, CANVAS - 1.01)
    left, top = x.astype(np.int32), y.astype(np.int32)
    right, low = x - left.astype(np.float32), y - top.astype(np.float32)
    # Index into the flattened pictures: one gather per corner of the pixel.
    corner = (number[:, None, None].astype(np.int32) * CANVAS + top) * CANVAS + left
    flat = fine.reshape(-1)
    above = flat[corner] * (1 - right) + flat[corner + 1] * right
    corner += CANVAS
    below = flat[corner] * (1 - right) + flat[corner + 1] * right
    return above * (1 - low) + below * low
