"""Tell pairs side by side from single pictures, before a model trains on halves of photos.

A pair has a seam down its middle: the two columns there differ more than any neighbours. Where both
halves end in the same background, as in drawings on white paper, the halves have their edges in the
same places instead. In a single picture the right half resembles the left one's mirror image, if
anything. On our test data 94 % or more of pairs pass (CMP facades, toy-facades, drawings), and at
most 26 % of single pictures (photos of facades; of CelebA's faces, 3 %).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gancli.data.decode import decode, map_threaded
from gancli.data.folder import PictureFile
from gancli.errors import DataError

EXAMINED = 64  # pictures, evenly spread over the folder
ROWS = 512  # of a picture, when its columns are compared
NEIGHBOURS = 1 / 8  # of the width, on each side of the middle
EDGES = 64  # pixels a side of the halves, when their edges are compared
CELLS = 16  # a side, in each of which the edges are summed
ALIKE, AHEAD = 0.25, 0.1  # correlation of two halves, and its lead over the mirrored one


def check_halves(root: Path, found: Sequence[PictureFile], hint: str) -> None:
    """Raise DataError, with this `hint`, if most pictures are not pairs side by side.

    Unreadable files and pictures of a single colour are ignored.
    """
    step = -(-len(found) // EXAMINED)
    answers = [a for a in map_threaded(_examine, found[::step]) if a is not None]
    pairs = sum(is_pair for is_pair, _ in answers)
    if 2 * pairs >= len(answers):
        return
    shapes = len({width / height for _, (width, height) in answers})
    varied = f", and they have {shapes} different shapes" if shapes > 1 else ""
    raise DataError(
        f"The pictures in {root} look like single pictures, not like pairs side by side: no seam "
        f"runs down the middle of {len(answers) - pairs} of {len(answers)}{varied}.",
        hint=hint,
    )


def _examine(file: PictureFile) -> tuple[bool, tuple[int, int]] | None:
    """Return whether a picture is a pair, and its size; None if its pixels do not tell."""
    try:
        picture = decode(file.path).convert("RGB")
    except DataError:
        return None
    of_one_colour = picture.getcolors(1) is not None
    return None if of_one_colour else (is_pair(picture), picture.size)


def is_pair(picture: Image.Image) -> bool:
    """Return whether an RGB picture seems to be two pictures side by side."""
    even = picture.width % 2 == 0 and picture.width >= 4
    return even and (_has_seam(picture) or _has_equal_edges(picture))


def _has_seam(picture: Image.Image) -> bool:
    """Return whether the two middle columns differ more than any others near them."""
    width, height = picture.size
    middle, reach = width // 2, max(2, round(width * NEIGHBOURS))
    box = (max(0, middle - reach), 0, min(width, middle + reach), height)
    near = picture.crop(box).resize((box[2] - box[0], min(height, ROWS)), Image.Resampling.BOX)
    steps = np.abs(np.diff(np.asarray(near, np.float32), axis=1)).mean((0, 2))
    seam = len(steps) // 2
    return bool(steps[seam] > np.delete(steps, seam).max())


def _has_equal_edges(picture: Image.Image) -> bool:
    """Return whether the halves have edges in the same places, and not in mirrored ones."""
    width, height = picture.size
    gray, middle = picture.convert("L"), width // 2
    left, right = gray.crop((0, 0, middle, height)), gray.crop((middle, 0, width, height))
    mirrored = right.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    direct = _correlation(_edges(left), _edges(right))
    return direct > max(ALIKE, _correlation(_edges(left), _edges(mirrored)) + AHEAD)


def _edges(picture: Image.Image) -> Any:
    """Return the strength of the edges in each cell of a gray picture, float (CELLS * CELLS,)."""
    small = picture.resize((EDGES, EDGES), Image.Resampling.BOX)
    pixels = np.asarray(small, np.float32)
    across = np.abs(np.diff(pixels, axis=1, append=pixels[:, -1:]))
    down = np.abs(np.diff(pixels, axis=0, append=pixels[-1:]))
    side = EDGES // CELLS
    return (across + down).reshape(CELLS, side, CELLS, side).mean((1, 3)).ravel()


def _correlation(a: Any, b: Any) -> float:
    """Pearson's correlation; 0 if one of them is constant."""
    return float(np.corrcoef(a, b)[0, 1]) if a.std() > 0 and b.std() > 0 else 0.0
