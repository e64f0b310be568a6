"""Points in the plane: two arms of a spiral."""

from typing import Any

import numpy as np

from gancli.data import planar
from gancli.data.pictures import Info, Pictures, Places
from gancli.reporting import Progress, Say, silent

INFO = Info(
    title="Spiral: two arms",
    size="points in the plane",
    train=20_000,
    test=10_000,
    terms="none: drawn at random",
    home="built in",
)
POINTS = True
TURNS = 1.25  # of each arm
DEVIATION = 0.02


def load(places: Places, split: str, say: Say = silent, progress: Progress = silent) -> Pictures:
    """Draw the `train` or `test` split, float32 (N, 1, 1, 2)."""
    return planar.drawn("spiral", split, INFO, draw)


def draw(count: int, rng: np.random.Generator) -> tuple[Any, Any]:
    """Draw points (count, 2), about in [-1, 1], and the arm of each."""
    arm = np.arange(count) % 2
    radius = np.sqrt(rng.uniform(0, 1, count))  # as many points per length everywhere
    angle = 2 * np.pi * TURNS * radius + np.pi * arm
    points = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return points + DEVIATION * rng.standard_normal((count, 2)), arm
