"""Samples by seed: picture i depends on seed i alone."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from torch import Tensor

from gancli import images
from gancli.formats import Recipe
from gancli.images import Array
from gancli.sampling import latents, render
from gancli.sampling.generator import Generator


def draw(generator: Generator, seeds: Sequence[int], labels: Sequence[int] = ()) -> Iterator[Array]:
    """A picture for each seed, uint8 (H, W, C).

    Models with labels are asked for `labels`, one a seed; without any, for `default_labels`.
    """
    return render.pictures(generator, *inputs(generator, seeds, labels))


def batches(generator: Generator, seeds: Sequence[int]) -> Iterator[Tensor]:
    """The same pictures as `draw` without labels, as (B, C, H, W) in [-1, 1] on the device."""
    return render.batches(generator, *inputs(generator, seeds))


def inputs(
    generator: Generator, seeds: Sequence[int], labels: Sequence[int] = ()
) -> tuple[Tensor, Tensor | None]:
    """Noise (N, Z) by `seeds` and, for models with labels, those (N, K) of `labels`."""
    z = latents.noise(seeds, generator.model.z_dim, generator.model.noise)
    if not generator.labelled:
        return z, None
    chosen = labels or default_labels(generator, seeds)
    return z, latents.one_hot(chosen, generator.shape.classes)


def default_labels(generator: Generator, seeds: Sequence[int]) -> list[int]:
    """The class of each seed where none is asked for: seed % K."""
    return [seed % generator.shape.classes for seed in seeds]


def save(
    generator: Generator, seeds: Sequence[int], labels: Sequence[int], out: Path, recipe: Recipe
) -> None:
    """Samples of `seeds`, for each of `labels` where there are any.

    One grid where `out` is a .png, a row for each label; else single pictures in a folder.
    """
    each: Sequence[int | None] = labels or [None]
    pairs = [(seed, label) for label in each for seed in seeds]
    drawn = draw(generator, [s for s, _ in pairs], [x for _, x in pairs if x is not None])
    if out.suffix and not out.is_dir():
        rows = len(labels) if labels else None
        images.save_png(out, images.grid(np.stack(list(drawn)), rows=rows), recipe)
        return
    for (seed, label), picture in zip(pairs, drawn, strict=True):
        name = f"seed-{seed:06d}.png" if label is None else f"label-{label}-seed-{seed:06d}.png"
        images.save_png(out / name, picture, {**recipe, "command": _alone(seed, label)})


def _alone(seed: int, label: int | None) -> str:
    """The command that makes one picture of a folder again, without the others."""
    asked = "" if label is None else f" --label {label}"
    return f"gan sample REF --seeds {seed}{asked}"
