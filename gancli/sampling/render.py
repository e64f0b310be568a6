"""From noise to pictures: any number, in chunks of one fixed size.

The chunk never varies and the last one is padded, so that a picture is computed by the same
arithmetic whether it is asked for alone or among thousands.
"""

from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from gancli import images
from gancli.sampling.generator import Generator

PIXELS = 64 * 64 * 64  # a chunk is 64 pictures of 64x64; fewer of larger ones
CHUNKS = 8  # made before frames are handed on, so that little of a chunk is padding


def batches(generator: Generator, z: Tensor, y: Tensor | None = None) -> Iterator[Tensor]:
    """(n, C, H, W) in [-1, 1] on the device, for noise (N, Z) and labels (N, K), chunk by chunk."""
    size = _size(generator)
    for start in range(0, len(z), size):
        label = None if y is None else _padded(y[start : start + size], size)
        yield generator(_padded(z[start : start + size], size), label)[: len(z) - start]


def pictures(generator: Generator, z: Tensor, y: Tensor | None = None) -> Iterator[images.Array]:
    """The same as single pictures: uint8 (H, W, C)."""
    for batch in batches(generator, z, y):
        yield from images.to_uint8(batch)


def frames(
    generator: Generator, inputs: Iterable[tuple[Tensor, Tensor | None]]
) -> Iterator[images.Array]:
    """For each frame's noise (n, Z) and labels (n, K), its pictures: uint8 (n, H, W, C).

    Frames are taken a few chunks at a time, so that they fill them and a film of any length needs
    the memory of a few.
    """
    waiting = iter(inputs)
    while block := list(islice(waiting, 1)):
        count = len(block[0][0])
        block += islice(waiting, max(0, CHUNKS * _size(generator) // count - 1))
        z = torch.cat([z for z, _ in block])
        labels = [y for _, y in block if y is not None]
        made = np.stack(list(pictures(generator, z, torch.cat(labels) if labels else None)))
        yield from made.reshape(len(block), count, *made.shape[1:])


def _size(generator: Generator) -> int:
    return max(1, min(64, PIXELS // generator.shape.size**2))


def _padded(rows: Tensor, size: int) -> Tensor:
    return torch.cat([rows, rows.new_zeros(size - len(rows), *rows.shape[1:])])
