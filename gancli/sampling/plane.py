"""Draw points in the plane: real and generated ones, over what the discriminator believes.

Blue is real, orange is generated. The background shows D's probability that a point there is real:
blue at 1, white at 1/2, orange at 0. The gray lines are a grid of z as the generator maps it, and
the arrows say where the generator's loss pushes its samples.
"""

from dataclasses import dataclass
from statistics import NormalDist
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
LINE = "#8a949e"
LINES, STEPS = 15, 121  # of the grid of z: lines in each direction, and points on a line
EDGE = 0.005  # share of the noise beyond the first and the last line
# The length of an arrow in pixels per unit of the gradient, and at most. It is absolute, so that
# vanishing gradients are seen to vanish.
ARROW, LONGEST = 25.0, 60.0
HEAD = 4.0  # length of the head of an arrow in pixels, at most


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What a drawing shows: points (N, 2), and D's probabilities in a square.

    `half` is half the side of the square that is shown, around 0. `belief` (R, R) has D at R x R
    places in it, the first row at the top; see `places`. `lines` (M, L, 2) are drawn below the
    points, and `arrows` (K, 2, 2), each a place and a vector, above them. Anything may be None.
    """

    half: float
    real: Any = None
    fake: Any = None
    belief: Any = None
    lines: Any = None
    arrows: Any = None
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
    for line in () if scene.lines is None else scene.lines:
        pen.line([*map(tuple, pixels(line, scene.half))], fill=LINE, width=FINE)
    for points, colour in ((scene.real, REAL), (scene.fake, FAKE)):
        if points is not None:
            _dots(pen, points, scene.half, colour)
    for place, vector in () if scene.arrows is None else scene.arrows:
        _arrow(pen, pixels(place, scene.half), vector)
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


def _arrow(pen: ImageDraw.ImageDraw, start: Any, vector: Any) -> None:
    """Draw an arrow from `start` (1, 2), on the sheet, along the gradient `vector` (2,)."""
    norm = float(np.linalg.norm(vector))
    if not len(start) or not np.isfinite(norm) or norm * ARROW < 1:  # shorter than a pixel
        return
    length = min(norm * ARROW, LONGEST) * FINE
    along = np.array((vector[0], -vector[1])) / norm
    (tail,), across = start, np.array((-along[1], along[0]))
    tip = tail + length * along
    head = min(HEAD * FINE, length / 2)
    pen.line([tuple(tail), tuple(tip)], fill=INK, width=FINE)
    sides = [tuple(tip - head * along + side * head / 2 * across) for side in (-1, 1)]
    pen.polygon([tuple(tip), *sides], fill=INK)


def noise_lines(noise: str) -> Any:
    """Return the lines of a grid of z with two numbers, float32 (2 LINES, STEPS, 2).

    Neighbouring lines have the same share of the `noise` between them, "normal" or "uniform".
    """
    line, step = np.linspace(EDGE, 1 - EDGE, LINES), np.linspace(EDGE, 1 - EDGE, STEPS)
    x, y = np.meshgrid(line, step, indexing="ij")
    shares = np.concatenate([np.stack([x, y], axis=2), np.stack([y, x], axis=2)])
    if noise == "uniform":
        return (2 * shares - 1).astype(np.float32)
    normal = np.vectorize(NormalDist().inv_cdf, otypes=[np.float32])
    return normal(shares)


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
