"""Draw a line chart of the losses of a run, with Pillow alone."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from gancli.images import Array

Point = tuple[float, float]
Segments = list[list[Point]]  # pieces of a line, broken where a value is not finite

SIZE = (960, 540)  # pixels
SUPERSAMPLING = 4  # Pillow draws jagged lines: draw 4 times as large and scale down
UNITS = ((1e6, 1e6, "M"), (1e4, 1e3, "k"))  # from this value on, divide by this, show this unit
DOTS = 40  # lines with at most this many points show a dot for each
PAPER, INK, FAINT, GRID = "#ffffff", "#1f2933", "#66707c", "#e4e7eb"
# Okabe & Ito, "Color Universal Design" (2008): colour-blind people can tell them apart.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")


def loss_chart(series: Mapping[str, Sequence[Point]], title: str, x_label: str) -> Array:
    """Draw a chart, uint8 (540, 960, 3), with a line through the points (x, y) of each series.

    A line is interrupted where a value is not finite.
    """
    lines = {name: list(_segments(points)) for name, points in series.items()}
    points = [point for line in lines.values() for segment in line for point in segment]
    pen = Pen()
    pen.text((28, 22), title, 22, INK)
    top = _legend(pen, list(lines)) + 26
    axes = _axes(pen, points, top)
    _draw_grid(pen, axes)
    pen.text(((axes.left + axes.right) / 2, SIZE[1] - 30), x_label, 14, FAINT, "ma")
    for index, line in enumerate(lines.values()):
        _draw_line(pen, axes, line, _colour(index))
    return pen.picture()


class Pen:
    """Draws in pixel coordinates of the finished chart, on a sheet SUPERSAMPLING times as large."""

    def __init__(self) -> None:
        self.sheet = Image.new("RGB", (SIZE[0] * SUPERSAMPLING, SIZE[1] * SUPERSAMPLING), PAPER)
        self.draw = ImageDraw.Draw(self.sheet)

    def text(self, at: Point, text: str, size: int, colour: str, anchor: str = "la") -> None:
        """Write `text`, `size` pixels high; `anchor` is Pillow's (la: upper left)."""
        where = (at[0] * SUPERSAMPLING, at[1] * SUPERSAMPLING)
        self.draw.text(where, text, fill=colour, font=_font(size), anchor=anchor)

    def width(self, text: str, size: int) -> float:
        """Return the width of `text` in pixels."""
        return self.draw.textlength(text, font=_font(size)) / SUPERSAMPLING

    def line(self, points: Iterable[Point], colour: str, width: float) -> None:
        """Draw a line through `points` with rounded corners."""
        fine = [(x * SUPERSAMPLING, y * SUPERSAMPLING) for x, y in points]
        self.draw.line(fine, fill=colour, width=round(width * SUPERSAMPLING), joint="curve")

    def dot(self, at: Point, colour: str, radius: float) -> None:
        """Draw a filled circle."""
        x, y, r = at[0] * SUPERSAMPLING, at[1] * SUPERSAMPLING, radius * SUPERSAMPLING
        self.draw.ellipse((x - r, y - r, x + r, y + r), fill=colour)

    def picture(self) -> Array:
        """Return the finished chart, uint8 (H, W, 3)."""
        return np.array(self.sheet.reduce(SUPERSAMPLING), np.uint8)


@dataclass(frozen=True, kw_only=True)
class Axes:
    """The plot area in pixels, the range of values that it shows, and its ticks."""

    left: float
    right: float
    top: float
    bottom: float
    x: Point
    y: Point
    x_ticks: list[float]
    y_ticks: list[float]

    def at(self, x: float, y: float) -> Point:
        """Return the pixel of a point (x, y)."""
        across = (x - self.x[0]) / (self.x[1] - self.x[0])
        down = (self.y[1] - y) / (self.y[1] - self.y[0])
        width, height = self.right - self.left, self.bottom - self.top
        return self.left + across * width, self.top + down * height


def ticks(low: float, high: float, about: int, integers: bool = False) -> list[float]:
    """Return about `about` round numbers that cover `low` to `high`; only integers if asked."""
    step = _round_up((high - low) / about)
    step = max(step, 1.0) if integers else step
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [k * step for k in range(first, last + 1)]


def tick_labels(values: Sequence[float]) -> list[str]:
    """Format evenly spaced ticks, all with the same decimals: 0.5 and 1.0, 20k and 40k."""
    largest = max(abs(value) for value in values)
    step = values[1] - values[0] if len(values) > 1 else 1.0
    if step < 1e-5 or largest >= 1e12:
        return [f"{value:.3g}" for value in values]
    size, letter = next((u[1:] for u in UNITS if largest >= u[0]), (1.0, ""))
    decimals = max(0, -math.floor(math.log10(step / size) + 1e-9))
    return [f"{value / size:.{decimals}f}{letter}" for value in values]


def _segments(points: Iterable[Point]) -> Iterator[list[Point]]:
    """Split a line where a value is not finite."""
    segment: list[Point] = []
    for x, y in points:
        if math.isfinite(x) and math.isfinite(y):
            segment.append((x, y))
        elif segment:
            yield segment
            segment = []
    if segment:
        yield segment


def _axes(pen: Pen, points: Sequence[Point], top: float) -> Axes:
    """Return axes that show all `points` and leave space for the tick labels."""
    x, y = _span([x for x, _ in points]), _span([y for _, y in points])
    integers = all(float(x).is_integer() for x, _ in points)
    y_ticks = ticks(*y, about=6)
    labels = max(pen.width(label, 14) for label in tick_labels(y_ticks))
    return Axes(
        left=28 + labels + 10,
        right=SIZE[0] - 32,
        top=top,
        bottom=SIZE[1] - 64,
        x=x,
        y=(y_ticks[0], y_ticks[-1]),
        x_ticks=[t for t in ticks(*x, about=10, integers=integers) if x[0] <= t <= x[1]],
        y_ticks=y_ticks,
    )


def _span(values: Sequence[float]) -> Point:
    """Return the minimum and maximum, widened if they are equal; 0 and 1 without values."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    margin = 0.0 if low < high else abs(low) / 10 or 1.0
    return low - margin, high + margin


def _draw_grid(pen: Pen, axes: Axes) -> None:
    """Draw a horizontal line and a label at every y tick, the x axis, and its ticks and labels."""
    for y, label in zip(axes.y_ticks, tick_labels(axes.y_ticks), strict=True):
        start, end = axes.at(axes.x[0], y), axes.at(axes.x[1], y)
        pen.line([start, end], GRID, 1)
        pen.text((axes.left - 10, start[1]), label, 14, FAINT, "rm")
    pen.line([axes.at(axes.x[0], axes.y[0]), axes.at(axes.x[1], axes.y[0])], FAINT, 1)
    for x, label in zip(axes.x_ticks, tick_labels(axes.x_ticks), strict=True):
        foot = axes.at(x, axes.y[0])
        pen.line([foot, (foot[0], foot[1] + 5)], FAINT, 1)
        pen.text((foot[0], foot[1] + 9), label, 14, FAINT, "ma")


def _draw_line(pen: Pen, axes: Axes, segments: Segments, colour: str) -> None:
    """Draw a line, with a dot for each point if there are few, and for isolated points."""
    few = sum(map(len, segments)) <= DOTS
    for segment in segments:
        pixels = [axes.at(x, y) for x, y in segment]
        if len(pixels) > 1:
            pen.line(pixels, colour, 2.5 if few else 1.5)
        if few or len(pixels) == 1:
            for pixel in pixels:
                pen.dot(pixel, colour, 3.5)


def _legend(pen: Pen, names: Sequence[str]) -> float:
    """Draw each name with a dash of its colour, wrapped into rows; return where they end."""
    x, y = 28.0, 62.0
    for index, name in enumerate(names):
        wide = 26 + pen.width(name, 15)
        if x > 28 and x + wide > SIZE[0] - 32:
            x, y = 28.0, y + 24
        pen.line([(x, y + 9), (x + 18, y + 9)], _colour(index), 4)
        pen.text((x + 26, y + 9), name, 15, INK, "lm")
        x += wide + 28
    return y + 20


def _colour(index: int) -> str:
    return COLOURS[index % len(COLOURS)]


def _round_up(step: float) -> float:
    """Return the smallest of ..., 0.1, 0.2, 0.5, 1, 2, 5, 10, ... that is at least `step`."""
    power = 10.0 ** math.floor(math.log10(step))
    return next((m * power for m in (1, 2, 5) if m * power >= step * (1 - 1e-9)), 10 * power)


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size * SUPERSAMPLING)
