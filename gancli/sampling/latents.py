"""Inputs of a generator: noise by seed, walks between points, planes, and labels that blend.

Each picture has a row of noise (Z,) and a label (K,), one-hot or a blend of classes. Everything is
computed on the CPU and is the same on every machine, except for the last bits of normal noise,
which depend on the CPU's instruction set.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor


def noise(seeds: Sequence[int], z_dim: int, kind: str) -> Tensor:
    """Draw noise (len(seeds), z_dim): N(0, 1) for kind "normal", U(-1, 1) for "uniform".

    Each row depends only on its own seed, not on the other seeds.
    """
    rows = torch.empty(len(seeds), z_dim)
    for row, seed in zip(rows, seeds, strict=True):
        rng = torch.Generator().manual_seed(seed)
        if kind == "uniform":
            row.uniform_(-1, 1, generator=rng)
        else:
            row.normal_(generator=rng)
    return rows


def one_hot(labels: Sequence[int], classes: int) -> Tensor:
    """Return `labels` as one-hot rows (len(labels), classes)."""
    return torch.eye(classes)[list(labels)]


def lerp(a: Tensor, b: Tensor, t: float) -> Tensor:
    """Interpolate linearly from `a` to `b`; `t` is in 0..1."""
    return (1 - t) * a + t * b


def slerp(a: Tensor, b: Tensor, t: float) -> Tensor:
    """Interpolate along the arc from `a` to `b`; `t` is in 0..1 (Shoemake 1985).

    The points of the arc are about as long as normal noise is; those of a straight line are
    shorter, and the generator was not trained on them (White 2016, arXiv:1609.04468).
    """
    cosine = (a / a.norm()).dot(b / b.norm()).clamp(-1, 1)
    angle = torch.acos(cosine)
    if angle.sin() < 1e-4:  # parallel or opposite: the arc is not unique
        return lerp(a, b, t)
    arc: Tensor = (((1 - t) * angle).sin() * a + (t * angle).sin() * b) / angle.sin()
    return arc


PATHS = {"lerp": lerp, "slerp": slerp}


def walk(points: Tensor, steps: int, path: str = "lerp", loop: bool = False) -> Iterator[Tensor]:
    """Yield points (Z,) of a walk through `points` (P, Z), `steps` from each one to the next.

    The walk includes its first and last point and repeats none. With `steps` 1 it consists of the
    `points` themselves. With `loop` it goes back to the first point and stops one step before it,
    so that it can be played in a loop.
    """
    stops = [*points, points[0]] if loop else [*points]
    legs = len(stops) - 1
    for leg in range(legs):
        final = leg == legs - 1 and not loop
        for step in range(steps):
            t = step / max(1, steps - 1) if final else step / steps
            yield PATHS[path](stops[leg], stops[leg + 1], t)
    if steps == 1 and not loop:
        yield stops[-1]


def square(rows: int, columns: int, low: float, high: float) -> Tensor:
    """Return a grid of points (rows * columns, 2) over [low, high]^2, row by row from the top."""
    x, y = torch.linspace(low, high, columns), torch.linspace(high, low, rows)
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1).reshape(-1, 2)


def plane(corners: Tensor, places: Tensor) -> Tensor:
    """Return the points (N, Z) of the plane through `corners` (3, Z) at `places` (N, 2).

    (0, 0) is the first corner, (1, 0) the second, (0, 1) the third.
    """
    origin = corners[0]
    return origin + places @ (corners[1:] - origin)
