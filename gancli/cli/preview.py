"""Draw pictures in a terminal: each character shows two pixels, one above the other."""

from itertools import groupby

import numpy as np
from PIL import Image
from rich.color import Color
from rich.style import Style
from rich.text import Text

from gancli.images import GAP, Array, to_pillow

UPPER_HALF = "▀"


def half_blocks(picture: Array, width: int) -> Text:
    """Return `picture`, uint8 (H, W, C), as lines of coloured half blocks.

    Pictures wider than `width` characters are scaled down to it. A character's foreground is its
    upper pixel, its background the lower one. A cell of a terminal is about twice as high as it is
    wide, so pixels come out square.
    """
    pixels = _fit(picture, width)
    lines = [_line(upper, lower) for upper, lower in zip(pixels[::2], pixels[1::2], strict=True)]
    return Text("\n").join(lines)


def whole(picture: Array, width: int, lines: int) -> Text:
    """Return all of `picture`, (H, W, C), as large as a terminal of this size has room for."""
    room = 2 * (lines - 7) * picture.shape[1] // picture.shape[0]
    return half_blocks(picture, max(1, min(width - 1, room)))


def excerpt(grid: Array, size: int, by_class: bool, width: int, lines: int) -> Text:
    """Return the first samples of a grid, as many as fit well in a terminal of this size.

    `grid` is (H, W, C), made by `images.grid` of square samples with `size` pixels. With `by_class`
    its rows are classes; they are drawn as columns.
    """
    cells = _cells(grid, size)
    if by_class:
        cells = cells.swapaxes(0, 1)
    side = min(size, 20 if lines >= 30 else 16)  # a sample's pixels, and columns of the terminal
    columns = min(cells.shape[1], (width - 1) // side)
    rows = min(cells.shape[0], max(1, 2 * (lines - 7) // side), 2)
    chosen = cells[:rows, :columns].swapaxes(1, 2)
    return half_blocks(chosen.reshape(rows * size, columns * size, -1), columns * side)


def _cells(grid: Array, size: int) -> Array:
    """Cut a grid into its samples, (rows, columns, size, size, C)."""
    pitch = size + GAP
    padded = np.pad(grid, ((0, GAP), (0, GAP), (0, 0)))
    rows, columns = padded.shape[0] // pitch, padded.shape[1] // pitch
    cells = padded.reshape(rows, pitch, columns, pitch, -1).swapaxes(1, 2)
    found: Array = cells[:, :, :size, :size]
    return found


def _fit(picture: Array, width: int) -> Array:
    """Return (H, W, 3), at most `width` wide; a black row is added if H is odd."""
    shown = to_pillow(picture).convert("RGB")
    if shown.width > width:
        height = max(1, round(shown.height * width / shown.width))
        shown = shown.resize((max(1, width), height), Image.Resampling.BOX)
    return np.pad(np.asarray(shown), ((0, shown.height % 2), (0, 0), (0, 0)))


def _line(upper: Array, lower: Array) -> Text:
    """Return two rows (W, 3) as one line of text; equal neighbours share one colour code."""
    line = Text()
    cells = zip(map(tuple, upper.tolist()), map(tuple, lower.tolist()), strict=True)
    for (above, below), run in groupby(cells):
        style = Style(color=Color.from_rgb(*above), bgcolor=Color.from_rgb(*below))
        line.append(UPPER_HALF * len(list(run)), style)
    return line
