"""Where pictures come from: noise by seed, walks between points, planes, labels that blend.

Noise is a row (Z,) for each picture, a label a row (K,) that is one-hot or a blend of classes.
Everything is computed on the CPU, so that it is the same on every machine, but for the last bits of
normal noise, which depend on the CPU's instructions.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor


def noise(seeds: Sequence[int], z_dim: int, kind: str) -> Tensor:
    """(len(seeds), z_dim): N(0, 1) for kind "normal", U(-1, 1) for "uniform".

    Each row has a generator of its own: it depends on its seed alone, whatever the others are.
    """
    rows = torch.empty(len(seeds), z_dim)
    for row, seed in zip(rows, seeds, strict=True):
        generator = torch.Generator().manual_seed(seed)
        if kind == "uniform":
            row.uniform_(-1, 1, generator=generator)
        else:
            row.normal_(generator=generator)
    return rows


def one_hot(labels: Sequence[int], classes: int) -> Tensor:
    """(len(labels), classes) with a 1 at each label."""
    return torch.eye(classes)[list(labels)]


def lerp(a: Tensor, b: Tensor, t: float) -> Tensor:
    """The point at `t`, 0 to 1, of the straight line from `a` to `b`."""
    return (1 - t) * a + t * b


def slerp(a: Tensor, b: Tensor, t: float) -> Tensor:
    """The point at `t` of the arc from `a` to `b` (Shoemake 1985; for GANs White 2016,
    arXiv:1609.04468): it keeps to the lengths that noise has, where a straight line cuts inside.
    """
    cosine = (a / a.norm()).dot(b / b.norm()).clamp(-1, 1)
    angle = torch.acos(cosine)
    if angle.sin() < 1e-4:  # the same direction, or the opposite one: no arc, or too many
        return lerp(a, b, t)
    arc: Tensor = (((1 - t) * angle).sin() * a + (t * angle).sin() * b) / angle.sin()
    return arc


PATHS = {"lerp": lerp, "slerp": slerp}


def walk(points: Tensor, steps: int, path: str = "lerp", loop: bool = False) -> Iterator[Tensor]:
    """Points (Z,) along the way past `points` (P, Z): `steps` to each leg, both ends included.

    No point comes twice. With a single step they are the `points` themselves. With `loop` a last
    leg leads back to the first point, and the walk stops one step short of it, so that it can be
    played for ever.
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
    """(rows * columns, 2): a grid over [low, high] x [low, high], top row first, left to right."""
    x, y = torch.linspace(low, high, columns), torch.linspace(high, low, rows)
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1).reshape(-1, 2)


def plane(corners: Tensor, places: Tensor) -> Tensor:
    """(N, Z) on the plane through `corners` (3, Z), at `places` (N, 2).

    Place (0, 0) is the first corner, (1, 0) the second, (0, 1) the third.
    """
    origin = corners[0]
    return origin + places @ (corners[1:] - origin)
