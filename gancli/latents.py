"""Noise by seed: picture i depends on its seed alone, whatever the batch or the device."""

from collections.abc import Sequence

import torch
from torch import Tensor


def noise(seeds: Sequence[int], z_dim: int, kind: str) -> Tensor:
    """(len(seeds), z_dim) on the CPU: N(0, 1) for kind "normal", U(-1, 1) for "uniform".

    Each row has a generator of its own, always the CPU's, so that it is the same on every machine.
    """
    rows = torch.empty(len(seeds), z_dim)
    for row, seed in zip(rows, seeds, strict=True):
        generator = torch.Generator().manual_seed(seed)
        if kind == "uniform":
            row.uniform_(-1, 1, generator=generator)
        else:
            row.normal_(generator=generator)
    return rows
