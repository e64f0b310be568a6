"""Points in the plane: 25 Gaussians on a grid, a harder test for mode collapse.

The centres are 2 apart and the standard deviation is 0.05, all divided by 4, so that the centres
are in [-1, 1]. Used by Srivastava et al. (VEEGAN, 2017, arXiv:1705.07761) and by Lin, Khetan,
Fanti, Oh (PacGAN, 2017, arXiv:1712.04086).
"""

from itertools import product
from typing import Any

import numpy as np

from gancli.data import planar
from gancli.data.pictures import Info, Pictures, Places
from gancli.points import Mixture
from gancli.reporting import Progress, Say, silent

INFO = Info(
    title="Grid: 25 Gaussians on a grid",
    size="points in the plane",
    train=20_000,
    test=10_000,
    terms="none: drawn at random",
    home="built in",
)
POINTS = True

SCALE = 4.0  # the outermost centres are at 4
MIXTURE = Mixture(
    centres=tuple(
        (x / SCALE, y / SCALE) for x, y in product((-4.0, -2.0, 0.0, 2.0, 4.0), repeat=2)
    ),
    deviation=0.05 / SCALE,
)


def load(places: Places, split: str, say: Say = silent, progress: Progress = silent) -> Pictures:
    """Draw the `train` or `test` split, float32 (N, 1, 1, 2)."""
    return planar.drawn("grid", split, INFO, draw, MIXTURE)


def draw(count: int, rng: np.random.Generator) -> tuple[Any, Any]:
    """Draw points (count, 2), the same number from each Gaussian in turn, and their Gaussians."""
    return planar.from_mixture(MIXTURE, count, rng)
