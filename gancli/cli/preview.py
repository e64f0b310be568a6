"""Draw pictures in a terminal: each character shows two pixels, one above the other."""

from itertools import groupby

import numpy as np
from PIL import Image
from rich.color import Color
from rich.style import Style
from rich.text import Text

from gancli.images import Array, to_pillow

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
