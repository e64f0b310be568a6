"""Translate pictures and videos of any size with a generator that was trained on pairs.

Pictures are translated one by one, because normalisation uses the statistics of each picture and
a result must not depend on its neighbours in a batch. Dropout stays on: it is the noise of such a
model (Isola et al. 2016, arXiv:1611.07004, section 3.1), and a seed fixes it.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from gancli import formats, images
from gancli.data import pairs
from gancli.data.decode import bombs_as_errors, decode
from gancli.formats import Recipe
from gancli.images import Array
from gancli.sampling import video
from gancli.sampling.generator import Generator

TILE = 1024  # pixels; pictures with a longer side are translated in tiles, which bounds memory
OVERLAP = 192  # pixels that neighbouring tiles share at least, and over which they are blended


def picture(generator: Generator, source: Array, seed: int = 0) -> Array:
    """Translate one picture of any size: uint8 (H, W, C') to uint8 (H, W, C).

    A picture smaller than those that the model was trained on is padded by repeating its edges,
    and the result is cropped. A picture larger than a tile is translated in overlapping tiles.
    """
    height, width = source.shape[:2]
    padded = _pad(source, generator.shape.size)
    with _dropout(generator.network, seed):
        generated = _translate_tiled(generator, images.from_uint8(padded[None]))
    cropped: Array = images.to_uint8(generated[..., :height, :width])[0]
    return cropped


def varies(generator: Generator) -> bool:
    """Return whether results depend on the seed, that is, whether the network has dropout."""
    return any(m.p > 0 for m in _dropouts(generator.network))


def save_picture(
    generator: Generator,
    source: Path,
    outs: Sequence[Path],
    seed: int,
    paired: bool,
    recipe: Callable[[int], Recipe],
) -> None:
    """Translate the picture in the file `source` once for each of `outs`, with seeds from `seed`.

    The result has the size of the input. With `paired`, the file holds a pair side by side, and
    the result shows input, output and ground truth. `recipe` returns the recipe for a seed. Raises
    DataError if the file is not a picture.
    """
    with bombs_as_errors():
        decoded = decode(source).convert("RGB")
    given, truth = np.array(decoded), None
    if paired and (direction := generator.header.direction):
        given, truth = map(np.array, direction.of(pairs.split(decoded)))
    for k, out in enumerate(outs):
        output = picture(generator, given, seed + k)
        shown = output if truth is None else np.concatenate([given, output, truth], axis=1)
        images.save(out, shown, recipe(seed + k))


def save_video(generator: Generator, source: Path, out: Path, seed: int, recipe: Recipe) -> None:
    """Translate a video frame by frame with one seed. The frame rate stays, the sound is dropped.

    Raises GanError if the extra `gancli[video]` is not installed, DataError if the file is not a
    video.
    """
    writer = formats.writer_for(out)
    with video.opened(source) as (frames, fps):
        writer.write(out, (picture(generator, f, seed) for f in frames), fps, recipe)


def _pad(source: Array, size: int) -> Array:
    """Pad to at least `size` pixels per side by repeating the last row and column."""
    height, width = source.shape[:2]
    missing = (0, max(0, size - height)), (0, max(0, size - width)), (0, 0)
    return np.pad(source, missing, mode="edge") if height < size or width < size else source


def _translate_tiled(generator: Generator, source: Tensor) -> Tensor:
    """Translate (1, C', H, W) to (1, C, H, W), in [-1, 1] on the CPU."""
    height, width = source.shape[2:]
    if max(height, width) <= TILE:
        return generator.translate(source)
    # label maps are not blended: the mean of two labels' colours may be the colour of a third
    blend = not generator.model.exact_palette
    merged = torch.zeros(1, generator.shape.channels, height, width)
    weights = torch.zeros(1, 1, height, width)
    for top in _starts(height):
        for left in _starts(width):
            here = (..., slice(top, top + TILE), slice(left, left + TILE))
            tile = generator.translate(source[here])
            weight = _ramp(tile.shape[2])[:, None] * _ramp(tile.shape[3])
            if blend:
                merged[here] += tile * weight
                weights[here] += weight
            else:  # take each pixel from the tile in which it is further from the edge
                merged[here] = torch.where(weight > weights[here], tile, merged[here])
                weights[here] = torch.maximum(weight, weights[here])
    return merged.div_(weights) if blend else merged


def _starts(length: int) -> list[int]:
    """Return where the tiles start along a side: evenly spaced, the last one ends with the side."""
    if length <= TILE:
        return [0]
    count = -(-(length - OVERLAP) // (TILE - OVERLAP))
    return [round(i * (length - TILE) / (count - 1)) for i in range(count)]


def _ramp(length: int) -> Tensor:
    """Return blending weights (length,) that rise from both edges over OVERLAP, to hide seams."""
    distance = torch.arange(1, length + 1).minimum(torch.arange(length, 0, -1))  # from the edge
    return distance.clamp(max=OVERLAP) / OVERLAP


@contextmanager
def _dropout(network: nn.Module, seed: int) -> Iterator[None]:
    """Switch dropout on with `seed`; afterwards restore the global state of the random numbers."""
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
