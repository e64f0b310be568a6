"""Animations of a generator: label sweeps, walks from seed to seed, and maps of the latent space.

A `Film` describes an animation; `save` renders it and writes it in any output format. A map, which
`save_plane` draws, is a single picture.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import Tensor

from gancli import formats, images
from gancli.formats import Recipe
from gancli.gan import GAN
from gancli.images import Array
from gancli.sampling import latents, render
from gancli.sampling.generator import Generator

SHOWN_SIDE = 256  # pixels; animations of smaller pictures are enlarged to about this side


@dataclass(frozen=True, kw_only=True)
class Film:
    """An animation whose frames show `rows` x `columns` pictures each.

    `inputs` returns the noise (n, Z) and labels (n, K) of each frame. It is called again for every
    `save` or `frames`, so a film can be rendered several times; nothing is computed before that.
    """

    generator: Generator
    inputs: Callable[[], Iterable[tuple[Tensor, Tensor | None]]]
    rows: int
    columns: int

    def frames(self) -> Iterator[Array]:
        """Yield the pictures of each frame, uint8 (rows * columns, H, W, C)."""
        return render.frames(self.generator, self.inputs())

    def save(self, out: Path, fps: float, scale: int | None, recipe: Recipe) -> int:
        """Write the film in the format of `out`'s suffix and return the number of frames.

        Formats that hold one picture get a strip of all frames. With `scale` None, small frames
        are enlarged to about SHOWN_SIDE, and strips are not enlarged.
        """
        writer = formats.writer_for(out, fps)
        if formats.is_still(out):
            strip, length = self._strip()
            writer.write(out, [images.enlarge(strip, scale or 1)], fps, recipe)
            return length
        side = self.generator.shape.size * max(self.rows, self.columns)
        times = scale or max(1, round(SHOWN_SIDE / side))
        sheets = (images.grid(f, rows=self.rows, columns=self.columns) for f in self.frames())
        return writer.write(out, (images.enlarge(s, times) for s in sheets), fps, recipe)

    def _strip(self) -> tuple[Array, int]:
        """Return one sheet with a column per frame, and the number of frames."""
        frames = np.stack(list(self.frames()), axis=1)  # (rows * columns, frames, H, W, C)
        count, length = frames.shape[:2]
        return images.grid(frames.reshape(-1, *frames.shape[2:]), rows=count), length


def sweep(
    generator: Generator, seeds: Sequence[int], classes: Sequence[int], steps: int, columns: int
) -> Film:
    """Return a film in which the noise of `seeds` is fixed and the label blends through `classes`.

    `steps` frames lead from each class a to the next class b: y[a] = 1 - p, y[b] = p. The pictures
    of a frame are laid out in `columns` columns.
    """
    z, stops = generator.noise(seeds), generator.one_hot(classes)

    def inputs() -> Iterator[tuple[Tensor, Tensor]]:
        return ((z, y.expand(len(z), -1)) for y in latents.walk(stops, steps))

    return Film(generator=generator, inputs=inputs, rows=len(seeds) // columns, columns=columns)


def interpolate(
    generator: Generator,
    seeds: Sequence[int],
    steps: int,
    path: str | None = None,
    loop: bool = False,
    labels: Sequence[int] = (),
) -> Film:
    """Return a film of a walk from seed to seed, `steps` frames each, with `labels` side by side.

    `path` is "slerp", "lerp" or None. None means slerp for normal noise, whose vectors all have
    about the same length, and lerp for uniform noise. With `loop`, the walk returns to its start.
    """
    stops, count = generator.noise(seeds), max(1, len(labels))
    y = generator.one_hot(labels) if labels else None

    def inputs() -> Iterator[tuple[Tensor, Tensor | None]]:
        walk = latents.walk(stops, steps, path or _default_path(generator.model), loop)
        return ((z.expand(count, -1), y) for z in walk)

    return Film(generator=generator, inputs=inputs, rows=1, columns=count)


def save_plane(
    generator: Generator,
    seeds: Sequence[int],
    grid: tuple[int, int],
    span: tuple[float, float],
    label: int | None,
    out: Path,
    recipe: Recipe,
) -> None:
    """Write a map of the latent space, one picture without gaps between its cells.

    If z has two numbers, the map covers `span` x `span` of z itself. Otherwise it covers the plane
    through three `seeds`, which lie at (0, 0), (1, 0) and (0, 1).
    """
    rows, columns = grid
    z = latents.square(rows, columns, *span)
    if generator.model.z_dim != 2:
        z = latents.plane(generator.noise(seeds), z)
    y = None if label is None else generator.one_hot([label] * len(z))
    pictures = np.stack(list(render.pictures(generator, z, y)))
    images.save_png(out, images.grid(pictures, rows=rows, columns=columns, gap=0), recipe)


def _default_path(model: GAN) -> str:
    return "slerp" if model.noise == "normal" else "lerp"
