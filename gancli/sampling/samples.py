"""Draw and save samples by seed: picture or point i depends only on seed i."""

from collections.abc import Iterator, Sequence
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gancli import images
from gancli.files import write_file
from gancli.formats import Recipe
from gancli.images import Array
from gancli.sampling import plane, render
from gancli.sampling.generator import Generator
from gancli.sampling.grid import Grid


def draw(generator: Generator, seeds: Sequence[int], labels: Sequence[int] = ()) -> Iterator[Array]:
    """Yield one picture per seed, uint8 (H, W, C).

    `labels` holds one class per seed; if it is empty, models with labels get `default_labels`.
    """
    return render.pictures(generator, *inputs(generator, seeds, labels))


def batches(
    generator: Generator, seeds: Sequence[int], labels: Sequence[int] = ()
) -> Iterator[Tensor]:
    """Yield the pictures of `draw` in batches, (B, C, H, W) in [-1, 1] on the device."""
    return render.batches(generator, *inputs(generator, seeds, labels))


def points(generator: Generator, seeds: Sequence[int]) -> Any:
    """Return the point of each seed, float32 (len(seeds), 2), if the generator makes points."""
    found = torch.cat([*batches(generator, seeds)])
    return found[:, :, 0, 0].cpu().numpy()


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


def grid(generator: Generator, seeds: Sequence[int], labels: Sequence[int]) -> Grid:
    """Return the samples of `seeds`: for each of `labels`, if there are any, a row of them all.

    Points are drawn together, in one picture.
    """
    if generator.shape.points:
        found = points(generator, seeds)
        drawn = plane.draw(plane.Scene(half=plane.half_side(found), fake=found))
        return Grid(pictures=drawn[None], rows=1)
    pictures = draw(generator, *_seeds_and_labels(seeds, labels))
    return Grid(pictures=np.stack(list(pictures)), rows=len(labels) or None)


def save_points(generator: Generator, seeds: Sequence[int], out: Path) -> None:
    """Write the points of `seeds` to a .csv file, in the units of the data it was trained on."""
    found, frame = points(generator, seeds), generator.header.frame
    if frame is not None:
        found = found * frame.scale + (frame.x, frame.y)
    rows = "".join(f"{x:.6g},{y:.6g}\n" for x, y in found.tolist())
    write_file(out, f"x,y\n{rows}".encode(), follow_links=True)


def save_each(
    generator: Generator,
    seeds: Sequence[int],
    labels: Sequence[int],
    folder: Path,
    recipe: Recipe,
    scale: int = 1,
) -> None:
    """Write the pictures of `grid` into `folder`, a file each, enlarged `scale` times.

    They are written one by one, so any number of them needs little memory.
    """
    each, label_of = _seeds_and_labels(seeds, labels)
    drawn = draw(generator, each, label_of)
    for seed, label, picture in zip(each, label_of or repeat(None), drawn, strict=False):
        name = f"seed-{seed:06d}.png" if label is None else f"label-{label}-seed-{seed:06d}.png"
        text = {**recipe, "command": _command(seed, label, scale)}
        images.save_png(folder / name, images.enlarge(picture, scale), text)


def _seeds_and_labels(seeds: Sequence[int], labels: Sequence[int]) -> tuple[list[int], list[int]]:
    """Return the seed and the label of each picture: all `seeds` for each of `labels`."""
    if not labels:
        return [*seeds], []
    return [*seeds] * len(labels), [label for label in labels for _ in seeds]


def _command(seed: int, label: int | None, scale: int) -> str:
    """Return the command that makes a single picture of a folder again, without the others."""
    option = "" if label is None else f" --labels {label}"
    return f"gan sample REF --seeds {seed}{option} --scale {scale}"
