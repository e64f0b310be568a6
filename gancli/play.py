"""What can be done with a generator file: sample it, measure it.

Each function takes a file and needs nothing but that file; nothing here prints.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gancli import checkpoint, hardware, images, latents, registry, render
from gancli.datasets import Pictures, Progress, Say, open_pictures, places, silent
from gancli.errors import FileError
from gancli.evaluate import Measure, extractor, measure
from gancli.gan import GAN, Shape


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A generator from its file, the model it belongs to, and what the file says of itself."""

    gan: GAN
    header: dict[str, Any]
    path: Path

    def recipe(self, command: str) -> dict[str, str]:
        """What a picture carries: the command, the model, and the start of its file's hash."""
        digest = hashlib.sha256(self.path.read_bytes()).hexdigest()
        return {"command": command, "model": self.header["model"], "sha256": digest[:12]}


def load(path: Path, device: str = "auto") -> Loaded:
    """The generator in `path`, ready to be called. Raises FileError when it is not what it says."""
    header = checkpoint.read_header(path)
    module = registry.load("models", header["model"])
    hardware.prepare()
    try:
        settings, shape = module.Settings(**header["settings"]), Shape(**header["shape"])
        with torch.device("meta"):  # the discriminator is never made real
            gan = module.build(settings, shape)
        gan.generator.load_state_dict(checkpoint.load(path), assign=True)
    except (KeyError, TypeError, RuntimeError):
        raise FileError(
            f"{path} does not fit the model {header['model']} of this gan "
            f"(it was made by version {header.get('version', 'unknown')}).",
            hint="pip install --upgrade gancli",
        ) from None
    gan.generator.to(hardware.device(device), memory_format=torch.channels_last).eval()
    return Loaded(gan=gan, header=header, path=path)


def sample(loaded: Loaded, seeds: Sequence[int]) -> Iterator[images.Array]:
    """A picture for each seed, uint8 (H, W, C); picture i depends on seed i alone."""
    gan = loaded.gan
    z = latents.noise(seeds, gan.z_dim, gan.noise)
    return render.pictures(gan, gan.generator, z)


def save_samples(loaded: Loaded, seeds: Sequence[int], out: Path) -> None:
    """One grid, where `out` is a .png, or single pictures in a folder, each with its recipe."""
    recipe = loaded.recipe("sample")
    if out.suffix:
        made = images.grid(np.stack(list(sample(loaded, seeds))))
        images.save_png(out, made, recipe | {"seeds": ",".join(map(str, seeds))})
        return
    for seed, picture in zip(seeds, sample(loaded, seeds), strict=True):
        images.save_png(out / f"seed-{seed:06d}.png", picture, recipe | {"seeds": str(seed)})


def preview(name: str, out: Path, data_dir: Path | None, say: Say, progress: Progress) -> None:
    """A grid of the first 64 training pictures of a data set."""
    found = open_pictures(name, places(data_dir), "train", say=say, progress=progress)
    for note in found.notes:
        say(note)
    images.save_png(out, images.grid(found.images[:64]))


def evaluate(
    path: Path,
    *,
    samples: int = 10_000,
    seed: int = 0,
    device: str = "auto",
    data_dir: Path | None = None,
    say: Say = silent,
) -> Measure:
    """Measure the generator in `path` against the data set that it was trained on."""
    loaded = load(path, device)
    real = {split: _pictures(loaded, split, data_dir, say) for split in ("train", "test")}
    judge = extractor(real["train"], real["test"], places(data_dir).cache, say)
    gan = loaded.gan
    z = latents.noise(range(seed * samples, (seed + 1) * samples), gan.z_dim, gan.noise)
    return measure(
        render.batches(gan, gan.generator, z), judge, real["train"], real["test"], seed=seed
    )


def _pictures(loaded: Loaded, split: str, data_dir: Path | None, say: Say) -> Pictures:
    """The pictures that a generator was trained on, or the test split, in its size and channels."""
    source, shape = loaded.header["dataset"]["source"], loaded.gan.shape
    return open_pictures(
        source, places(data_dir), split, size=shape.size, channels=shape.channels, say=say
    )
