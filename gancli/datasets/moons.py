"""Points in the plane: two interleaved half circles, as in scikit-learn's `make_moons`."""

from typing import Any

import numpy as np

from gancli.data import planar
from gancli.data.pictures import Info, Pictures, Places
from gancli.reporting import Progress, Say, silent

INFO = Info(
    title="Moons: two interleaved half circles",
    size="points in the plane",
    train=20_000,
    test=10_000,
    terms="none: drawn at random",
    home="built in",
)
POINTS = True
DEVIATION = 0.05


def load(places: Places, split: str, say: Say = silent, progress: Progress = silent) -> Pictures:
    """Draw the `train` or `test` split, float32 (N, 1, 1, 2)."""
    return planar.drawn("moons", split, INFO, draw)


def draw(count: int, rng: np.random.Generator) -> tuple[Any, Any]:
    """Draw points (count, 2), about in [-1, 1], and the moon of each."""
    angle, moon = rng.uniform(0, np.pi, count), np.arange(count) % 2
    x = np.where(moon, 1 - np.cos(angle), np.cos(angle))
    y = np.where(moon, 0.5 - np.sin(angle), np.sin(angle))
    points = (np.stack([x, y], axis=1) - (0.5, 0.25)) / 1.5  # to the middle
    return points + DEVIATION * rng.standard_normal((count, 2)), moon
