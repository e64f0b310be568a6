"""Translate pictures and videos of any size with a generator that was trained on pairs.

Pictures are translated one by one, because normalisation uses the statistics of each picture and
a result must not depend on its neighbours in a batch. Dropout stays on: it is the noise of such a
model (Isola et al. 2016, arXiv:1611.07004, section 3.1), and a seed fixes it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from gancli import formats, images
from gancli.data import pairs
from gancli.data.decode import bombs_as_errors, decode
from gancli.errors import DataError, UsageError
from gancli.formats import Recipe
from gancli.images import Array
from gancli.reporting import Progress, silent
from gancli.sampling import video
from gancli.sampling.generator import Generator
from gancli.shape import Direction

TILE = 1024  # pixels; pictures with a longer side are translated in tiles, which bounds memory
OVERLAP = 192  # pixels that neighbouring tiles share at least, and over which they are blended


def picture(
    generator: Generator, source: Array, seed: int = 0, progress: Progress = silent
) -> Array:
    """Translate one picture of any size: uint8 (H, W, C') to uint8 (H, W, C).

    A picture smaller than those that the model was trained on is padded by repeating its edges,
    and the result is cropped. A picture larger than a tile is translated in overlapping tiles,
    which `progress` counts.
    """
    height, width = source.shape[:2]
    padded = _pad(source, generator.shape.size)
    with _dropout(generator.network, seed):
        if max(padded.shape[:2]) > TILE:
            return _translate_tiled(generator, padded, progress)[:height, :width]
        generated = generator.translate_batch(images.from_uint8(padded[None]))
    cropped: Array = images.to_uint8(generated[..., :height, :width])[0]
    return cropped


def check_variations(generator: Generator, variations: int) -> None:
    """Raise UsageError for several variations if the network has no dropout, which makes them."""
    if variations > 1 and not any(m.p > 0 for m in _dropouts(generator.network)):
        raise UsageError(
            f"{generator.path or 'The generator'} has no dropout, so all its results for one input "
            "are equal.",
            hint="--variations 1",
        )


def pictures(
    generator: Generator,
    source: str | Path | Array,
    seeds: Iterable[int],
    paired: bool,
    progress: Progress = silent,
) -> Iterator[Array]:
    """Translate a picture once for each of `seeds`, uint8 (H, W, C) of the size of the input.

    `source` is a file, or uint8 (H, W) or (H, W, C). With `paired`, it is a pair side by side, and
    a result shows input, output and ground truth. Raises DataError if it is not a picture.
    """
    given, truth = _as_arrays(_opened(source), generator.header.direction if paired else None)
    for seed in seeds:
        output = picture(generator, given, seed, progress)
        yield output if truth is None else np.concatenate([given, output, truth], axis=1)


def _as_arrays(opened: Image.Image, halves: Direction | None) -> tuple[Array, Array | None]:
    """Return the input and, if `opened` is a pair of these halves, the ground truth.

    Pillow's copy, of 4 bytes a pixel, is not needed after this call.
    """
    if halves is None:
        return np.array(opened), None
    given, truth = map(np.array, halves.of(pairs.split(opened)))
    return given, truth


def _opened(source: str | Path | Array) -> Image.Image:
    """Return a picture in RGB, as models that learn from pairs take it."""
    if isinstance(source, str | Path):
        with bombs_as_errors():
            decoded = decode(Path(source))
            return decoded if decoded.mode == "RGB" else decoded.convert("RGB")
    if source.dtype != np.uint8 or source.shape[2:] not in ((), (1,), (3,)) or not source.size:
        raise DataError(
            f"A picture must be uint8 (H, W), (H, W, 1) or (H, W, 3), not {source.dtype} "
            f"{source.shape}."
        )
    return images.to_pillow(source.reshape(*source.shape[:2], -1)).convert("RGB")


def save_picture(
    generator: Generator,
    source: Path,
    outs: Sequence[Path],
    seed: int,
    paired: bool,
    recipe: Callable[[int], Recipe],
    progress: Progress = silent,
) -> None:
    """Translate the picture in the file `source` once for each of `outs`, with seeds from `seed`.

    `paired` is that of `pictures`. `recipe` returns the recipe for a seed. Raises DataError if the
    file is not a picture.
    """
    seeds = range(seed, seed + len(outs))
    results = pictures(generator, source, seeds, paired, progress)
    for out, number, shown in zip(outs, seeds, results, strict=True):
        if max(shown.shape[:2]) > TILE:  # compressing 80 million pixels takes over 10 seconds
            progress("writing", 0, None)
        images.save(out, shown, recipe(number))


def save_video(generator: Generator, source: Path, out: Path, seed: int, recipe: Recipe) -> None:
    """Translate a video frame by frame with one seed. The frame rate stays, the sound is dropped.

    Raises GanError if imageio-ffmpeg is not installed, DataError if the file is not a
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


def _translate_tiled(generator: Generator, source: Array, progress: Progress) -> Array:
    """Translate uint8 (H, W, C') to uint8 (H, W, C) in overlapping tiles, row by row.

    Only the rows of the current tiles are held as floats: 16 KB for each pixel of the width.
    """
    height, width = source.shape[:2]
    rows, columns = _starts(height), _starts(width)
    result = np.empty((height, width, generator.shape.channels), np.uint8)
    strip = _Strip(generator, min(TILE, height), width)
    for i, (top, end) in enumerate(pairwise([*rows, height])):
        for k, left in enumerate(columns, 1):
            here = source[None, top : top + TILE, left : left + TILE]
            strip.add(left, generator.translate_batch(images.from_uint8(here)))
            progress("translating tiles", i * len(columns) + k, len(rows) * len(columns))
        result[top:end] = strip.take(end - top)
    return result


class _Strip:
    """The tiles of one row, merged where they overlap: (1, C, H, W) floats and their weights."""

    def __init__(self, generator: Generator, height: int, width: int) -> None:
        # label maps are not blended: the mean of two labels' colours may be the colour of a third
        self._blend = not generator.model.exact_palette
        self._merged = torch.zeros(1, generator.shape.channels, height, width)
        self._weights = torch.zeros(1, 1, height, width)

    def add(self, left: int, tile: Tensor) -> None:
        """Merge a tile (1, C, H, W') whose first column is `left`."""
        columns = (..., slice(left, left + tile.shape[3]))
        merged, weights = self._merged[columns], self._weights[columns]
        weight = _ramp(tile.shape[2])[:, None] * _ramp(tile.shape[3])
        if self._blend:
            merged += tile * weight
            weights += weight
        else:  # take each pixel from the tile in which it is further from the edge
            merged[:] = torch.where(weight > weights, tile, merged)
            weights[:] = torch.maximum(weight, weights)

    def take(self, count: int) -> Array:
        """Return the first `count` rows, uint8 (count, W, C), and move the others to the top."""
        result = np.empty((count, self._merged.shape[3], self._merged.shape[1]), np.uint8)
        for left in range(0, result.shape[1], TILE):  # bounds the memory of the conversion
            here = (..., slice(count), slice(left, left + TILE))
            merged = self._merged[here]
            done = merged / self._weights[here] if self._blend else merged
            result[:, left : left + TILE] = images.to_uint8(done)[0]
        for held in (self._merged, self._weights):
            held.copy_(nn.functional.pad(held[:, :, count:], (0, 0, 0, count)))
        return result


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
