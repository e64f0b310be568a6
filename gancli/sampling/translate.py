"""Pictures of any size through a generator that feeds on pictures.

Normalisation goes by each picture's own statistics, so pictures pass one by one and none depends on
those beside it. Dropout is the noise of such a model (Isola et al. 2016, arXiv:1611.07004, section
3.1): it stays on, and a seed decides it.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from gancli import images
from gancli.gan import GAN
from gancli.images import Array

TILE = 1024  # pixels a side; larger pictures are translated in tiles of this, which bounds memory
OVERLAP = 192  # pixels that neighbouring tiles share, at least; they are blended over these


def picture(gan: GAN, generator: nn.Module, source: Array, seed: int = 0) -> Array:
    """The translation of one picture: uint8 (H, W, C') to uint8 (H, W, C).

    Any size: a picture smaller than those that the model was trained on is continued at its edges
    and cut back; one larger than a tile is translated in tiles that overlap.
    """
    height, width = source.shape[:2]
    padded = _continued(source, gan.shape.size)
    with torch.inference_mode(), _dropout(generator, seed):
        made = _tiled(gan, generator, images.from_uint8(padded[None]))
    translated: Array = images.to_uint8(made[..., :height, :width])[0]
    return translated


def varies(generator: nn.Module) -> bool:
    """Whether seeds make a difference: whether there is any dropout."""
    return any(m.p > 0 for m in _dropouts(generator))


def _continued(source: Array, least: int) -> Array:
    """At least `least` pixels a side, by repeating the last row and column."""
    height, width = source.shape[:2]
    more = (0, max(0, least - height)), (0, max(0, least - width)), (0, 0)
    return np.pad(source, more, mode="edge") if height < least or width < least else source


def _tiled(gan: GAN, generator: nn.Module, source: Tensor) -> Tensor:
    """(1, C', H, W) to (1, C, H, W), in [-1, 1] on the CPU."""
    height, width = source.shape[2:]
    if max(height, width) <= TILE:
        return _one(gan, generator, source)
    mixed = not gan.crisp  # of two labels' colours a mean is neither, or a third's
    made = torch.zeros(1, gan.shape.channels, height, width)
    weights = torch.zeros(1, 1, height, width)
    for top in _starts(height):
        for left in _starts(width):
            here = (..., slice(top, top + TILE), slice(left, left + TILE))
            tile = _one(gan, generator, source[here])
            weight = _ramp(tile.shape[2])[:, None] * _ramp(tile.shape[3])
            if mixed:
                made[here] += tile * weight
                weights[here] += weight
            else:  # of the tile in which a pixel lies further from the edge
                made[here] = torch.where(weight > weights[here], tile, made[here])
                weights[here] = torch.maximum(weight, weights[here])
    return made.div_(weights) if mixed else made


def _one(gan: GAN, generator: nn.Module, source: Tensor) -> Tensor:
    device = next(generator.parameters()).device
    given = source.to(device, memory_format=torch.channels_last)
    return gan.translate(generator, given).float().cpu()


def _starts(length: int) -> list[int]:
    """Where tiles begin along a side, evenly, the first at 0 and the last ending with it."""
    if length <= TILE:
        return [0]
    count = -(-(length - OVERLAP) // (TILE - OVERLAP))
    return [round(i * (length - TILE) / (count - 1)) for i in range(count)]


def _ramp(length: int) -> Tensor:
    """Weights (length,) that rise from the edges over the overlap, so that no seam shows."""
    inward = torch.arange(1, length + 1).minimum(torch.arange(length, 0, -1))
    return inward.clamp(max=OVERLAP) / OVERLAP


@contextmanager
def _dropout(generator: nn.Module, seed: int) -> Iterator[None]:
    """Meanwhile dropout is on, drawn by `seed`; the caller's random numbers stay as they were."""
    layers = _dropouts(generator)
    device = next(generator.parameters()).device
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        for layer in layers:
            layer.train()
        try:
            yield
        finally:
            for layer in layers:
                layer.eval()


def _dropouts(generator: nn.Module) -> list[nn.Dropout]:
    return [m for m in generator.modules() if isinstance(m, nn.Dropout)]
