"""Points in the plane: the black squares of a 4x4 checkerboard, with sharp edges."""

from typing import Any

import numpy as np

from gancli.data import planar
from gancli.data.pictures import Info, Pictures, Places
from gancli.reporting import Progress, Say, silent

INFO = Info(
    title="Checkerboard: eight squares with sharp edges",
    size="points in the plane",
    train=20_000,
    test=10_000,
    terms="none: drawn at random",
    home="built in",
)
POINTS = True
SIDE = 4  # squares on each side


def load(places: Places, split: str, say: Say = silent, progress: Progress = silent) -> Pictures:
    """Draw the `train` or `test` split, float32 (N, 1, 1, 2)."""
    return planar.drawn("checkerboard", split, INFO, draw)


def draw(count: int, rng: np.random.Generator) -> tuple[Any, Any]:
    """Draw points (count, 2) in [-1, 1], and the square of each, row by row."""
    square = np.arange(count) % (SIDE * SIDE // 2)
    row = square // (SIDE // 2)
    column = 2 * (square % (SIDE // 2)) + row % 2
    corner = np.stack([column, row], axis=1)
    return (corner + rng.uniform(0, 1, (count, 2))) * (2 / SIDE) - 1, square
