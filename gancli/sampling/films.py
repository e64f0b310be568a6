"""Animations of a generator: label sweeps, walks from seed to seed, and maps of the latent space.

A `Film` describes an animation; `save` renders it and writes it in any output format. A map, which
`plane` draws, is a single picture.
"""

import base64
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from torch import Tensor

from gancli import formats, images
from gancli.formats import Recipe, webp
from gancli.gan import GAN
from gancli.images import Array
from gancli.sampling import latents, render
from gancli.sampling.choices import Plane
from gancli.sampling.generator import Generator
from gancli.sampling.grid import SHOWN_SIDE, Grid
from gancli.sampling.recipes import with_scale

FRAME_SIDE = 256  # pixels; smaller frames are enlarged to about this side: larger files play badly
HOLD = 1.0  # seconds


@dataclass(frozen=True, kw_only=True)
class Film:
    """An animation whose frames show `rows` x `columns` pictures each, at `fps` frames per second.

    `inputs` returns the noise (n, Z) and labels (n, K) of each frame. It is called again whenever
    the film is rendered; nothing is computed before that. `scale` enlarges the pictures; without
    it, they get one that fits the format.
    `recipe` is stored in saved files. Films that do not end where they began (`loops`) hold their
    last frame for HOLD seconds, in formats that can.
    """

    generator: Generator = field(repr=False)
    inputs: Callable[[], Iterable[tuple[Tensor, Tensor | None]]] = field(repr=False)
    rows: int
    columns: int
    fps: float = 25
    loops: bool = False
    scale: int | None = None
    recipe: Recipe | None = None

    def pictures(self) -> Iterator[Array]:
        """Yield the pictures of each frame, uint8 (rows * columns, H, W, C)."""
        return render.frames(self.generator, self.inputs())

    @cached_property
    def frames(self) -> Array:
        """All frames, not enlarged: uint8 (F, H, W, C)."""
        return np.stack([*self._sheets()])

    def save(self, out: str | Path) -> int:
        """Write the film in the format of `out`'s suffix and return the number of frames.

        Formats that hold one picture get a strip of all frames. Raises UsageError for an unknown
        suffix, FileError if `out` cannot be written, GanError if an encoder is missing.
        """
        path = Path(out)
        writer, times = formats.writer_for(path, self.fps), self._times(path)
        recipe = self.recipe if self.scale else with_scale(self.recipe, times)
        if formats.is_still(path):
            strip, length = self._strip()
            writer.write(path, [images.enlarge(strip, times)], self.fps, recipe)
            return length
        frames = (images.enlarge(sheet, times) for sheet in self._sheets())
        if self.loops or not formats.can_hold(writer):
            return writer.write(path, frames, self.fps, recipe)
        return writer.write(path, frames, self.fps, recipe, hold=HOLD)

    def _times(self, out: str | Path) -> int:
        """How many times a file `out` is enlarged: `scale`, or what fits the format."""
        if self.scale:
            return self.scale
        if formats.is_still(Path(out)):
            frames = sum(1 for _ in self.inputs())
            cells = max(frames, self.rows * self.columns)
            return max(1, round(SHOWN_SIDE / (cells * (self.generator.shape.size + images.GAP))))
        return self._enlarged

    def _sheets(self) -> Iterator[Array]:
        """Yield the frames one by one, not enlarged: uint8 (H, W, C)."""
        return (images.grid(p, rows=self.rows, columns=self.columns) for p in self.pictures())

    @property
    def _enlarged(self) -> int:
        """How many times frames are enlarged without a `scale`."""
        side = self.generator.shape.size * max(self.rows, self.columns)
        return max(1, round(FRAME_SIDE / side))

    def _strip(self) -> tuple[Array, int]:
        """Return one sheet with a column per frame, and the number of frames."""
        frames = np.stack(list(self.pictures()), axis=1)  # (rows * columns, frames, H, W, C)
        count, length = frames.shape[:2]
        return images.grid(frames.reshape(-1, *frames.shape[2:]), rows=count), length

    def _repr_html_(self) -> str:
        """Show the film in a notebook. The browser enlarges it, which keeps the page small."""
        with TemporaryDirectory() as folder:
            file = Path(folder, "film.webp")
            webp.write(file, self.frames, self.fps)
            data = base64.b64encode(file.read_bytes()).decode()
        width = self.frames.shape[2] * self._times("film.webp")
        style = f"width: {width}px; image-rendering: pixelated"
        return f'<img style="{style}" src="data:image/webp;base64,{data}">'


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

    return Film(generator=generator, inputs=inputs, rows=1, columns=count, loops=loop)


def plane(generator: Generator, chosen: Plane) -> Grid:
    """Return a map of the latent space, one picture without gaps between its cells.

    If z has two numbers, the map covers the square `chosen.span` of z itself. Otherwise it covers
    the plane through three seeds, which lie at (0, 0), (1, 0) and (0, 1).
    """
    rows, columns = chosen.grid
    z = latents.square(rows, columns, *chosen.span)
    if generator.model.z_dim != 2:
        z = latents.plane(generator.noise(chosen.seeds), z)
    y = None if chosen.label is None else generator.one_hot([chosen.label] * len(z))
    pictures = np.stack(list(render.pictures(generator, z, y)))
    return Grid(pictures=pictures, rows=rows, columns=columns, gap=0)


def _default_path(model: GAN) -> str:
    return "slerp" if model.noise == "normal" else "lerp"
