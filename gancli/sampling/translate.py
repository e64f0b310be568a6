"""Pictures of any size through a generator that feeds on pictures.

Normalisation goes by each picture's own statistics, so pictures pass one by one and none depends on
those beside it. Dropout is the noise of such a model (Isola et al. 2016, arXiv:1611.07004, section
3.1): it stays on, and a seed decides it.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from gancli import formats, images
from gancli.data import pairs
from gancli.data.decode import decode, strictly
from gancli.formats import Recipe
from gancli.images import Array
from gancli.sampling import video
from gancli.sampling.generator import Generator

TILE = 1024  # pixels a side; larger pictures are translated in tiles of this, which bounds memory
OVERLAP = 192  # pixels that neighbouring tiles share, at least; they are blended over these


def picture(generator: Generator, source: Array, seed: int = 0) -> Array:
    """The translation of one picture: uint8 (H, W, C') to uint8 (H, W, C).

    Any size: a picture smaller than those that the model was trained on is continued at its edges
    and cut back; one larger than a tile is translated in tiles that overlap.
    """
    height, width = source.shape[:2]
    padded = _continued(source, generator.shape.size)
    with _dropout(generator.network, seed):
        made = _tiled(generator, images.from_uint8(padded[None]))
    translated: Array = images.to_uint8(made[..., :height, :width])[0]
    return translated


def varies(generator: Generator) -> bool:
    """Whether seeds make a difference: whether there is any dropout."""
    return any(m.p > 0 for m in _dropouts(generator.network))


def save_picture(
    generator: Generator,
    source: Path,
    outs: Sequence[Path],
    seed: int,
    paired: bool,
    recipe: Callable[[int], Recipe],
) -> None:
    """Translate the picture in `source` once for each of `outs`, by seeds from `seed` on.

    The result has the input's size. With `paired`, the file holds a pair side by side, and the
    result shows input, output and truth. Raises DataError for what is no picture.
    """
    with strictly():
        found = decode(source).convert("RGB")
    given, truth = np.array(found), None
    if paired and (direction := generator.header.direction):
        given, truth = map(np.array, direction.of(pairs.split(found)))
    for k, out in enumerate(outs):
        made = picture(generator, given, seed + k)
        shown = made if truth is None else np.concatenate([given, made, truth], axis=1)
        images.save(out, shown, recipe(seed + k))


def save_video(generator: Generator, source: Path, out: Path, seed: int, recipe: Recipe) -> None:
    """Translate a video frame by frame, all by one seed, at its own rate, without its sound.

    Raises GanError where the extra that reads videos is not installed, DataError for a file that is
    no video.
    """
    writer = formats.writer_for(out)
    with video.opened(source) as (frames, fps):
        writer.write(out, (picture(generator, f, seed) for f in frames), fps, recipe)


def _continued(source: Array, least: int) -> Array:
    """At least `least` pixels a side, by repeating the last row and column."""
    height, width = source.shape[:2]
    more = (0, max(0, least - height)), (0, max(0, least - width)), (0, 0)
    return np.pad(source, more, mode="edge") if height < least or width < least else source


def _tiled(generator: Generator, source: Tensor) -> Tensor:
    """(1, C', H, W) to (1, C, H, W), in [-1, 1] on the CPU."""
    height, width = source.shape[2:]
    if max(height, width) <= TILE:
        return generator.translate(source)
    mixed = not generator.model.crisp  # of two labels' colours a mean is neither, or a third's
    made = torch.zeros(1, generator.shape.channels, height, width)
    weights = torch.zeros(1, 1, height, width)
    for top in _starts(height):
        for left in _starts(width):
            here = (..., slice(top, top + TILE), slice(left, left + TILE))
            tile = generator.translate(source[here])
            weight = _ramp(tile.shape[2])[:, None] * _ramp(tile.shape[3])
            if mixed:
                made[here] += tile * weight
                weights[here] += weight
            else:  # of the tile in which a pixel lies further from the edge
                made[here] = torch.where(weight > weights[here], tile, made[here])
                weights[here] = torch.maximum(weight, weights[here])
    return made.div_(weights) if mixed else made


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
def _dropout(network: nn.Module, seed: int) -> Iterator[None]:
    """Meanwhile dropout is on, drawn by `seed`; the caller's random numbers stay as they were."""
    layers = _dropouts(network)
    device = next(network.parameters()).device
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        for layer in layers:
            layer.train()
        try:
            yield
        finally:
            for layer in layers:
                layer.eval()


def _dropouts(network: nn.Module) -> list[nn.Dropout]:
    return [m for m in network.modules() if isinstance(m, nn.Dropout)]
