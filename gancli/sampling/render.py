"""Turn noise into pictures, in batches of one fixed size.

The last batch is padded to that size. A network's rounding depends on the batch size, so this way
a picture is the same to the bit whether it is generated alone or among thousands.
"""

from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from gancli import images
from gancli.sampling.generator import Generator

PIXELS = 64 * 64 * 64  # in a batch: 64 pictures of up to 64x64, or fewer larger ones
BATCHES = 8  # rendered together by `frames`, so that only the last of them is padded


def batches(generator: Generator, z: Tensor, y: Tensor | None = None) -> Iterator[Tensor]:
    """Yield pictures (n, C, H, W) in [-1, 1], on the device, for noise (N, Z) and labels (N, K)."""
    size = _batch_size(generator)
    for start in range(0, len(z), size):
        label = None if y is None else _pad(y[start : start + size], size)
        yield generator(_pad(z[start : start + size], size), label)[: len(z) - start]


def pictures(generator: Generator, z: Tensor, y: Tensor | None = None) -> Iterator[images.Array]:
    """Yield the same pictures one by one: uint8 (H, W, C)."""
    for batch in batches(generator, z, y):
        yield from images.to_uint8(batch)


def frames(
    generator: Generator, inputs: Iterable[tuple[Tensor, Tensor | None]]
) -> Iterator[images.Array]:
    """Yield the pictures of each frame, uint8 (n, H, W, C), for its noise (n, Z) and labels (n, K).

    Frames are rendered a few batches at a time: that fills the batches, and a film of any length
    needs the memory of a few frames only.
    """
    remaining = iter(inputs)
    while block := list(islice(remaining, 1)):
        count = len(block[0][0])
        block += islice(remaining, max(0, BATCHES * _batch_size(generator) // count - 1))
        z = torch.cat([z for z, _ in block])
        labels = [y for _, y in block if y is not None]
        rendered = np.stack(list(pictures(generator, z, torch.cat(labels) if labels else None)))
        yield from rendered.reshape(len(block), count, *rendered.shape[1:])


def _batch_size(generator: Generator) -> int:
    return max(1, min(64, PIXELS // generator.shape.size**2))


def _pad(rows: Tensor, size: int) -> Tensor:
    return torch.cat([rows, rows.new_zeros(size - len(rows), *rows.shape[1:])])
