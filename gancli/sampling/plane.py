"""Draw points in the plane: real and generated ones, over what the discriminator believes.

Blue is real, orange is generated. The background shows D's probability that a point there is real:
blue at 1, white at 1/2, orange at 0.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from gancli.images import Array

SIDE = 600  # pixels of a drawing, without the line of text
HEADER = 28  # pixels of the line of text above it
FINE = 2  # Pillow draws jagged circles and lines: draw twice as large and scale down
MARGIN = 1.3  # a drawing shows this much more than the extent of the real points
REAL, FAKE, INK, PAPER = "#00456e", "#a03c00", "#1f2933", "#ffffff"
# The background at D = 0, 1/2 and 1: Okabe & Ito's orange and blue (see report.charts), lighter.
HEAT = np.array([(246, 190, 150), (255, 255, 255), (150, 200, 235)], np.float32)
RADIUS = 1.8  # of a point, in pixels


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What a drawing shows: points (N, 2), and D's probabilities in a square.

    `half` is half the side of the square that is shown, around 0. `belief` (R, R) has D at R x R
    places in it, the first row at the top; see `places`. Anything may be None.
    """

    half: float
    real: Any = None
    fake: Any = None
    belief: Any = None
    caption: str = ""


def half_side(points: Any) -> float:
    """Return half the side of a square around 0 that shows all `points` (N, 2) with a margin."""
    extent = float(np.abs(points).max(initial=0.0))
    return MARGIN * (extent if np.isfinite(extent) and extent > 0 else 1.0)


def places(half: float, count: int) -> Any:
    """Return count x count places in the square, float32 (count * count, 2), row by row."""
    axis = (np.arange(count, dtype=np.float32) + 0.5) / count * 2 - 1
    x, y = np.meshgrid(axis, -axis)  # y points up
    return half * np.stack([x.ravel(), y.ravel()], axis=1)


def draw(scene: Scene) -> Array:
    """Draw `scene`, uint8 (SIDE + HEADER, SIDE, 3), with a legend and the caption at the top."""
    sheet = Image.new("RGB", (SIDE * FINE, (SIDE + HEADER) * FINE), PAPER)
    pen = ImageDraw.Draw(sheet)
    if scene.belief is not None:
        sheet.paste(_heat(scene.belief), (0, HEADER * FINE))
    for points, colour in ((scene.real, REAL), (scene.fake, FAKE)):
        if points is not None:
            _dots(pen, points, scene.half, colour)
    pen.rectangle((0, 0, SIDE * FINE, HEADER * FINE), fill=PAPER)  # over points outside
    _legend(pen, scene)
    return np.asarray(sheet.resize((SIDE, SIDE + HEADER), Image.Resampling.BOX))


def _heat(belief: Any) -> Image.Image:
    """Return probabilities (R, R) as a background."""
    at = np.nan_to_num(np.asarray(belief, np.float32), nan=0.5).clip(0, 1) * 2
    low = np.minimum(at.astype(np.int64), 1)
    part = (at - low)[..., None]
    colours = HEAT[low] * (1 - part) + HEAT[low + 1] * part
    picture = Image.fromarray(colours.round().astype(np.uint8))
    return picture.resize((SIDE * FINE, SIDE * FINE), Image.Resampling.BILINEAR)


def _dots(pen: ImageDraw.ImageDraw, points: Any, half: float, colour: str) -> None:
    radius = RADIUS * FINE
    for x, y in pixels(points, half):
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


def pixels(points: Any, half: float) -> Any:
    """Return where `points` (N, 2) are on the sheet, FINE times as large; those that are finite."""
    found = np.asarray(points, np.float64).reshape(-1, 2)
    found = found[np.isfinite(found).all(1)].clip(
        -4 * half, 4 * half
    )  # Pillow's integers are 32 bits
    place = (found * (1, -1) / half + 1) / 2 * SIDE + (0, HEADER)
    return place * FINE


def _legend(pen: ImageDraw.ImageDraw, scene: Scene) -> None:
    font = ImageFont.load_default(size=15 * FINE)
    x, middle = 10 * FINE, HEADER * FINE / 2
    for name, points, colour in (("real", scene.real, REAL), ("generated", scene.fake, FAKE)):
        if points is None:
            continue
        radius = 2 * RADIUS * FINE
        pen.ellipse((x, middle - radius, x + 2 * radius, middle + radius), fill=colour)
        x += round(3 * radius)
        pen.text((x, middle), name, fill=INK, font=font, anchor="lm")
        x += round(pen.textlength(name, font=font)) + 16 * FINE
    where = ((SIDE - 10) * FINE, middle)
    pen.text(where, scene.caption, fill=INK, font=font, anchor="rm")
