"""Points in the plane: eight Gaussians on a circle, the usual test for mode collapse.

The centres are on a circle of radius 1, the standard deviation is 0.02. Used, with other radii, by
Metz, Poole, Pfau, Sohl-Dickstein: Unrolled Generative Adversarial Networks (2016, arXiv:1611.02163)
and Srivastava, Valkov, Russell, Gutmann, Sutton: VEEGAN (2017, arXiv:1705.07761).
"""

import math
from typing import Any

import numpy as np

from gancli.data import planar
from gancli.data.pictures import Info, Pictures, Places
from gancli.points import Mixture
from gancli.reporting import Progress, Say, silent

INFO = Info(
    title="Ring: eight Gaussians on a circle",
    size="points in the plane",
    train=20_000,
    test=10_000,
    terms="none: drawn at random",
    home="built in",
)
POINTS = True

ANGLES = [2 * math.pi * k / 8 for k in range(8)]
MIXTURE = Mixture(centres=tuple((math.cos(a), math.sin(a)) for a in ANGLES), deviation=0.02)


def load(places: Places, split: str, say: Say = silent, progress: Progress = silent) -> Pictures:
    """Draw the `train` or `test` split, float32 (N, 1, 1, 2)."""
    return planar.drawn("ring", split, INFO, draw, MIXTURE)


def draw(count: int, rng: np.random.Generator) -> tuple[Any, Any]:
    """Draw points (count, 2), the same number from each Gaussian in turn, and their Gaussians."""
    return planar.from_mixture(MIXTURE, count, rng)
