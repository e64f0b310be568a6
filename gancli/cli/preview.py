"""Pictures in the terminal: two pixels a character, one above the other."""

from itertools import groupby

import numpy as np
from PIL import Image
from rich.color import Color
from rich.style import Style
from rich.text import Text

from gancli.images import Array, to_pillow

UPPER_HALF = "▀"


def half_blocks(picture: Array, width: int) -> Text:
    """uint8 (H, W, C), reduced to `width` characters where it is wider, as coloured half blocks.

    The foreground is the upper pixel of a character and the background the lower one; a terminal's
    cell is about twice as high as wide, so that pixels are square.
    """
    pixels = _fitted(picture, width)
    lines = [_line(upper, lower) for upper, lower in zip(pixels[::2], pixels[1::2], strict=True)]
    return Text("\n").join(lines)


def _fitted(picture: Array, width: int) -> Array:
    """(H, W, 3), no wider than `width`, H even: a last row alone is doubled by a black one."""
    shown = to_pillow(picture).convert("RGB")
    if shown.width > width:
        height = max(1, round(shown.height * width / shown.width))
        shown = shown.resize((max(1, width), height), Image.Resampling.BOX)
    return np.pad(np.asarray(shown), ((0, shown.height % 2), (0, 0), (0, 0)))


def _line(upper: Array, lower: Array) -> Text:
    """Two rows (W, 3) as one line of text; equal neighbours are drawn as one run."""
    line = Text()
    cells = zip(map(tuple, upper.tolist()), map(tuple, lower.tolist()), strict=True)
    for (above, below), run in groupby(cells):
        style = Style(color=Color.from_rgb(*above), bgcolor=Color.from_rgb(*below))
        line.append(UPPER_HALF * len(list(run)), style)
    return line
