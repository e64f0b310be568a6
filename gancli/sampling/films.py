"""Films: labels that sweep, walks from seed to seed, and the plane of a manifold as one picture."""

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

SHOWN_SIDE = 256  # pixels: films of small pictures are enlarged to about this


@dataclass(frozen=True, kw_only=True)
class Film:
    """Frames, each of `rows` x `columns` pictures, from the noise and labels in `inputs`.

    Nothing is computed until it is saved or `frames` are taken, and each of them starts again.
    """

    generator: Generator
    inputs: Callable[[], Iterable[tuple[Tensor, Tensor | None]]]
    rows: int
    columns: int

    def frames(self) -> Iterator[Array]:
        """The pictures of each frame, uint8 (rows * columns, H, W, C)."""
        return render.frames(self.generator, self.inputs())

    def save(self, out: Path, fps: float, scale: int | None, recipe: Recipe) -> int:
        """Write the film in the format that `out` names; the number of frames.

        A format of still pictures shows it as a strip.
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
        """A row for each picture of a frame, a column for each frame; and how many frames."""
        made = np.stack(list(self.frames()), axis=1)  # (pictures, frames, H, W, C)
        count, length = made.shape[:2]
        return images.grid(made.reshape(-1, *made.shape[2:]), rows=count), length


def sweep(
    generator: Generator, seeds: Sequence[int], classes: Sequence[int], steps: int, columns: int
) -> Film:
    """The noise of `seeds` held, in `columns`, while the label moves smoothly past `classes`.

    `steps` frames lead from each class to the next, by y[a] = 1 - p, y[b] = p.
    """
    model = generator.model
    z = latents.noise(seeds, model.z_dim, model.noise)
    stops = latents.one_hot(classes, model.shape.classes)

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
    """A walk from seed to seed; for each of `labels`, side by side, where there are any.

    `path` is "slerp", "lerp" or None for what suits the noise: normal noise has a length to keep.
    """
    model, count = generator.model, max(1, len(labels))
    stops = latents.noise(seeds, model.z_dim, model.noise)
    y = latents.one_hot(labels, model.shape.classes) if labels else None

    def inputs() -> Iterator[tuple[Tensor, Tensor | None]]:
        way = latents.walk(stops, steps, path or _usual_path(model), loop)
        return ((z.expand(count, -1), y) for z in way)

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
    """The manifold as a picture: z itself over the square `span` where it has two numbers, else
    the plane through three `seeds`, which lie at (0, 0), (1, 0) and (0, 1)."""
    model, (rows, columns) = generator.model, grid
    z = latents.square(rows, columns, *span)
    if model.z_dim != 2:
        z = latents.plane(latents.noise(seeds, model.z_dim, model.noise), z)
    y = None if label is None else latents.one_hot([label] * len(z), model.shape.classes)
    made = np.stack(list(render.pictures(generator, z, y)))
    images.save_png(out, images.grid(made, rows=rows, columns=columns, gap=0), recipe)


def _usual_path(model: GAN) -> str:
    return "slerp" if model.noise == "normal" else "lerp"
