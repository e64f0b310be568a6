"""Draw and save samples by seed: picture i depends only on seed i."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from torch import Tensor

from gancli import images
from gancli.formats import Recipe
from gancli.images import Array
from gancli.sampling import render
from gancli.sampling.generator import Generator


def draw(generator: Generator, seeds: Sequence[int], labels: Sequence[int] = ()) -> Iterator[Array]:
    """Yield one picture per seed, uint8 (H, W, C).

    `labels` holds one class per seed; if it is empty, models with labels get `default_labels`.
    """
    return render.pictures(generator, *inputs(generator, seeds, labels))


def batches(generator: Generator, seeds: Sequence[int]) -> Iterator[Tensor]:
    """Yield the pictures of `draw` with default labels, (B, C, H, W) in [-1, 1] on the device."""
    return render.batches(generator, *inputs(generator, seeds))


def inputs(
    generator: Generator, seeds: Sequence[int], labels: Sequence[int] = ()
) -> tuple[Tensor, Tensor | None]:
    """Return the noise (N, Z) of `seeds` and, for models with labels, one-hot `labels` (N, K)."""
    z = generator.noise(seeds)
    if not generator.labelled:
        return z, None
    return z, generator.one_hot(labels or default_labels(generator, seeds))


def default_labels(generator: Generator, seeds: Sequence[int]) -> list[int]:
    """Return the class of each seed when no labels are given: seed % K."""
    return [seed % generator.shape.classes for seed in seeds]


def save(
    generator: Generator, seeds: Sequence[int], labels: Sequence[int], out: Path, recipe: Recipe
) -> None:
    """Write the samples of `seeds`, once for each of `labels` if there are any.

    If `out` is a .png, write one grid with a row per label; otherwise write single pictures into
    the folder `out`.
    """
    rows_of: Sequence[int | None] = labels or [None]
    pairs = [(seed, label) for label in rows_of for seed in seeds]
    drawn = draw(generator, [s for s, _ in pairs], [x for _, x in pairs if x is not None])
    if out.suffix and not out.is_dir():
        rows = len(labels) if labels else None
        images.save_png(out, images.grid(np.stack(list(drawn)), rows=rows), recipe)
        return
    for (seed, label), picture in zip(pairs, drawn, strict=True):
        name = f"seed-{seed:06d}.png" if label is None else f"label-{label}-seed-{seed:06d}.png"
        images.save_png(out / name, picture, {**recipe, "command": _command(seed, label)})


def _command(seed: int, label: int | None) -> str:
    """Return the command that makes a single picture of a folder again, without the others."""
    option = "" if label is None else f" --label {label}"
    return f"gan sample REF --seeds {seed}{option}"
