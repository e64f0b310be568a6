"""What can be done with a generator file: sample it, walk through it, measure it.

Each function takes a file and, but for measuring, needs nothing but that file; nothing here prints.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import gancli
from gancli import formats, hardware, images, registry, weights
from gancli.data import pairs
from gancli.data.decode import decode, strictly
from gancli.data.pictures import Pictures, places
from gancli.datasets import open_pictures
from gancli.errors import FileError
from gancli.evaluation.classifier import (
    Measure,
    Scores,
    extractor,
    gan_test,
    gan_train,
    measure,
    quantise,
)
from gancli.evaluation.pairs import Fidelity, of_labels, of_photos
from gancli.formats import Recipe
from gancli.gan import GAN, Feeds, Shape
from gancli.images import Array
from gancli.reporting import Progress, Say, silent
from gancli.sampling import latents, render, translate, video

SHOWN_SIDE = 256  # pixels: films of small pictures are enlarged to about this


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A generator from its file, the model it belongs to, and what the file says of itself."""

    gan: GAN
    header: dict[str, Any]
    path: Path


def load(path: Path, device: str = "auto") -> Loaded:
    """The generator in `path`, ready to be called. Raises FileError when it is not what it says."""
    header = weights.read_generator(path)
    module = registry.load("models", header["model"])
    hardware.prepare()
    try:
        settings, shape = module.Settings(**header["settings"]), Shape(**header["shape"])
        with torch.device("meta"):  # the discriminator is never made real
            gan = module.build(settings, shape)
        gan.generator.load_state_dict(weights.load(path), assign=True)
    except (KeyError, TypeError, RuntimeError):
        raise FileError(
            f"{path} does not fit the model {header['model']} of this gan, {gancli.__version__}: "
            f"it was made by version {header.get('version', 'unknown')}.",
            hint=f"gan train {header['model']} --help",
        ) from None
    gan.generator.to(hardware.device(device), memory_format=torch.channels_last).eval()
    return Loaded(gan=gan, header=header, path=path)


def draw(loaded: Loaded, seeds: Sequence[int], labels: Sequence[int] = ()) -> Iterator[Array]:
    """A picture for each seed, uint8 (H, W, C); picture i depends on seed i alone.

    Models with labels are asked for `labels`, one a seed; without any, for class seed % K.
    """
    z, y = _inputs(loaded.gan, seeds, labels)
    return render.pictures(loaded.gan, loaded.gan.generator, z, y)


def save_samples(
    loaded: Loaded, seeds: Sequence[int], labels: Sequence[int], out: Path, recipe: Recipe
) -> None:
    """Samples of `seeds`, for each of `labels` where there are any.

    One grid where `out` is a .png, a row for each label; else single pictures in a folder.
    """
    each: Sequence[int | None] = labels or [None]
    pairs = [(seed, label) for label in each for seed in seeds]
    made = draw(loaded, [s for s, _ in pairs], [x for _, x in pairs if x is not None])
    if out.suffix and not out.is_dir():
        rows = len(labels) if labels else None
        images.save_png(out, images.grid(np.stack(list(made)), rows=rows), recipe)
        return
    for (seed, label), picture in zip(pairs, made, strict=True):
        name = f"seed-{seed:06d}.png" if label is None else f"label-{label}-seed-{seed:06d}.png"
        images.save_png(out / name, picture, {**recipe, "command": _alone(seed, label)})


def _alone(seed: int, label: int | None) -> str:
    """The command that makes one picture of a folder again, without the others."""
    asked = "" if label is None else f" --label {label}"
    return f"gan sample REF --seeds {seed}{asked}"


@dataclass(frozen=True, kw_only=True)
class Film:
    """Frames to be made, each of `rows` x `columns` pictures, from noise and labels."""

    loaded: Loaded
    inputs: Iterable[tuple[Tensor, Tensor | None]]
    rows: int
    columns: int

    def save(self, out: Path, fps: float, scale: int | None, recipe: Recipe) -> int:
        """Write the film in the format that `out` names; the number of frames.

        A .png shows it as a strip: a row for each picture of a frame, a column for each frame.
        """
        writer = formats.writer_for(out, fps)
        gan = self.loaded.gan
        made = render.frames(gan, gan.generator, self.inputs)
        if out.suffix.lower() == ".png":
            strip = np.stack(list(made), axis=1)  # (pictures, frames, H, W, C)
            count, length = strip.shape[:2]
            sheet = images.grid(strip.reshape(-1, *strip.shape[2:]), rows=count)
            images.save_png(out, images.enlarge(sheet, scale or 1), recipe)
            return int(length)
        times = scale or max(1, round(SHOWN_SIDE / (gan.shape.size * max(self.rows, self.columns))))
        sheets = (images.grid(f, rows=self.rows, columns=self.columns) for f in made)
        return writer.write(out, (images.enlarge(s, times) for s in sheets), fps, recipe)


def sweep(
    loaded: Loaded, seeds: Sequence[int], classes: Sequence[int], steps: int, columns: int
) -> Film:
    """The noise of `seeds` held, in `columns`, while the label moves smoothly past `classes`.

    `steps` frames lead from each class to the next, by y[a] = 1 - p, y[b] = p.
    """
    gan = loaded.gan
    z = latents.noise(seeds, gan.z_dim, gan.noise)
    labels = latents.walk(latents.one_hot(classes, gan.shape.classes), steps)
    inputs = ((z, y.expand(len(z), -1)) for y in labels)
    return Film(loaded=loaded, inputs=inputs, rows=len(seeds) // columns, columns=columns)


def interpolate(
    loaded: Loaded,
    seeds: Sequence[int],
    steps: int,
    path: str | None = None,
    loop: bool = False,
    labels: Sequence[int] = (),
) -> Film:
    """A walk from seed to seed; for each of `labels`, side by side, where there are any.

    `path` is "slerp", "lerp" or None for what suits the noise: normal noise has a length to keep.
    """
    gan = loaded.gan
    points = latents.noise(seeds, gan.z_dim, gan.noise)
    way = latents.walk(points, steps, path or _path(gan), loop)
    y = latents.one_hot(labels, gan.shape.classes) if labels else None
    count = max(1, len(labels))
    inputs = ((z.expand(count, -1), y) for z in way)
    return Film(loaded=loaded, inputs=inputs, rows=1, columns=count)


def save_plane(
    loaded: Loaded,
    seeds: Sequence[int],
    grid: tuple[int, int],
    span: tuple[float, float],
    label: int | None,
    out: Path,
    recipe: Recipe,
) -> None:
    """The manifold as a picture: z itself over the square `span` where it has two numbers, else
    the plane through three `seeds`, which lie at (0, 0), (1, 0) and (0, 1)."""
    gan = loaded.gan
    rows, columns = grid
    z = latents.square(rows, columns, *span)
    if gan.z_dim != 2:
        z = latents.plane(latents.noise(seeds, gan.z_dim, gan.noise), z)
    y = None if label is None else latents.one_hot([label] * len(z), gan.shape.classes)
    made = np.stack(list(render.pictures(gan, gan.generator, z, y)))
    images.save_png(out, images.grid(made, rows=rows, columns=columns, gap=0), recipe)


def translate_picture(
    loaded: Loaded,
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
        picture = decode(source).convert("RGB")
    given, truth = np.array(picture), None
    if paired:
        halves = pairs.split(picture)
        given, truth = map(
            np.array, halves if loaded.header["direction"] == "A2B" else halves[::-1]
        )
    for k, out in enumerate(outs):
        made = translate.picture(loaded.gan, loaded.gan.generator, given, seed + k)
        shown = made if truth is None else np.concatenate([given, made, truth], axis=1)
        images.save(out, shown, recipe(seed + k))


def varies(loaded: Loaded) -> bool:
    """Whether seeds change a translation."""
    return translate.varies(loaded.gan.generator)


def translate_video(loaded: Loaded, source: Path, out: Path, seed: int, recipe: Recipe) -> None:
    """Translate a video frame by frame, all by one seed, at its own rate, without its sound.

    Raises GanError where the extra that reads videos is not installed, DataError for a file that is
    no video.
    """
    writer = formats.writer_for(out)
    with video.opened(source) as (frames, fps):
        made = (translate.picture(loaded.gan, loaded.gan.generator, f, seed) for f in frames)
        writer.write(out, made, fps, recipe)


def _path(gan: GAN) -> str:
    return "slerp" if gan.noise == "normal" else "lerp"


def preview(name: str, out: Path, data_dir: Path | None, say: Say, progress: Progress) -> None:
    """A grid of the first 64 training pictures of a data set; of pairs, A beside B."""
    found = open_pictures(name, places(data_dir), "train", say=say, progress=progress)
    for note in found.notes:
        say(note)
    shown = found.images[:64]
    if found.partners is not None:
        shown = np.concatenate([shown[:20], found.partners[:20]], axis=2)
    images.save_png(out, images.grid(shown))


def evaluate(
    path: Path,
    *,
    samples: int = 10_000,
    seed: int = 0,
    device: str = "auto",
    data_dir: Path | None = None,
    say: Say = silent,
    progress: Progress = silent,
    teach: bool = True,
) -> Measure | Fidelity:
    """Measure the generator in `path` against the data set that it was trained on.

    One that translates pictures is measured on the test pairs, see `pairs`; else `samples` of it.

    Of models with labels also GAN-test and, unless `teach` is False, GAN-train, which trains a
    classifier on as many samples as there are training pictures.
    """
    loaded = load(path, device)
    if Feeds.IMAGE in loaded.gan.feeds:
        return _fidelity(loaded, seed, data_dir, say, progress)
    real = {split: _pictures(loaded, split, data_dir, say) for split in ("train", "test")}
    known = loaded.header["dataset"]
    if known.get("digest", real["train"].digest) != real["train"].digest:
        say(f"{known['source']} holds other pictures here than {path} was trained on.")
    judge = extractor(real["train"], real["test"], places(data_dir).cache, say, progress)
    seeds = range(seed * samples, (seed + 1) * samples)
    made = [quantise(batch) for batch in _batches(loaded, seeds)]
    found = measure(made, judge, real["train"], real["test"], seed=seed)
    if Feeds.LABEL not in loaded.gan.feeds:
        return found
    asked = torch.tensor(_classes(loaded.gan, seeds))
    recognised = gan_test(judge, torch.cat(made), asked)
    taught = _teach(loaded, real, seed, say, progress) if teach else None
    return replace(found, gan_test=recognised, gan_train=taught)


def _fidelity(
    loaded: Loaded, seed: int, data_dir: Path | None, say: Say, progress: Progress
) -> Fidelity:
    """The translated test pictures against their partners."""
    header = loaded.header
    source, size = header["dataset"]["source"], loaded.gan.shape.size
    test = open_pictures(source, places(data_dir), "test", size=size, pairs=True, say=say)
    given, truth = test.images, test.partners
    if header["direction"] == "B2A":
        given, truth = truth, given
    made = _translated(loaded, given, seed, progress)
    if test.palette and header["direction"] == "A2B":
        return of_labels(made, truth, test.palette)
    return of_photos(made, truth, say)


def _translated(loaded: Loaded, given: Array, seed: int, progress: Progress) -> Iterator[Array]:
    for number, picture in enumerate(given, 1):
        yield translate.picture(loaded.gan, loaded.gan.generator, picture, seed)
        progress("translating", number, len(given))


def _teach(
    loaded: Loaded, real: dict[str, Pictures], seed: int, say: Say, progress: Progress
) -> Scores:
    """GAN-train, on as many fakes as there are real training pictures."""
    count = len(real["train"].images)
    say(f"Training a classifier on {count:,} samples alone.")
    seeds = range(seed * count, (seed + 1) * count)
    fakes = torch.cat([quantise(batch) for batch in _batches(loaded, seeds)])
    labels = torch.tensor(_classes(loaded.gan, seeds))
    return gan_train(fakes, labels, real["test"], seed=seed, progress=progress)


def _batches(loaded: Loaded, seeds: Sequence[int]) -> Iterator[Tensor]:
    """The same pictures as `draw` without labels, as (B, C, H, W) in [-1, 1]."""
    z, y = _inputs(loaded.gan, seeds)
    return render.batches(loaded.gan, loaded.gan.generator, z, y)


def _inputs(
    gan: GAN, seeds: Sequence[int], labels: Sequence[int] = ()
) -> tuple[Tensor, Tensor | None]:
    z = latents.noise(seeds, gan.z_dim, gan.noise)
    if Feeds.LABEL not in gan.feeds:
        return z, None
    return z, latents.one_hot(labels or _classes(gan, seeds), gan.shape.classes)


def _classes(gan: GAN, seeds: Sequence[int]) -> list[int]:
    """The class of each seed where nobody asked for one."""
    return [seed % gan.shape.classes for seed in seeds]


def _pictures(loaded: Loaded, split: str, data_dir: Path | None, say: Say) -> Pictures:
    """The pictures that a generator was trained on, or the test split, in its size and channels."""
    source, shape = loaded.header["dataset"]["source"], loaded.gan.shape
    return open_pictures(
        source, places(data_dir), split, size=shape.size, channels=shape.channels, say=say
    )
