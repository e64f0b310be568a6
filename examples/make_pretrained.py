"""Make the generators that come with gan: train, store in fewer bits, measure, and add a card.

    python examples/make_pretrained.py acgan-mnist dcgan-fashion-mnist

Each is trained by a command of `gan` (a run that was interrupted resumes), measured by `gan
evaluate` as it is stored, and written to gancli/pretrained/. Without names, all are made, which
takes hours. If there are runs with several seeds, such as runs/acgan-mnist-seed1, the one with the
lowest Fréchet distance is used.
"""

import argparse
import shlex
import subprocess
import sys
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np

import gancli
from gancli import compact, weights
from gancli.data.pictures import places
from gancli.datasets import open_pictures
from gancli.pretrained import FOLDER
from gancli.sampling import samples, translate
from gancli.sampling.generator import Generator
from gancli.weights import Card

MNIST = "MNIST, 60,000 handwritten digits, commonly quoted as CC BY-SA 3.0"
MNIST_PAPER = (
    "LeCun, Bottou, Bengio, Haffner: Gradient-based learning applied to document recognition, 1998"
)
FASHION = "Fashion-MNIST, 60,000 pictures of clothes by Zalando, MIT licence"
FASHION_PAPER = "Xiao, Rasul, Vollgraf: Fashion-MNIST, 2017, arXiv:1708.07747"
FACADES = "CMP Facades, pairs of photos and label maps, for research"
FACADES_PAPER = (
    "Tylecek, Sara: Spatial pattern templates for recognition of objects with regular structure, "
    "GCPR 2013"
)
SMALL = "Gray pictures of 28x28 pixels, of the 10 classes of its data and nothing else."
DISCRIMINATOR = "discriminator.safetensors"  # beside the generator in a run folder
COMPARED = 64  # pictures by which the weights in fewer bits are compared with those of the run


@dataclass(frozen=True)
class Recipe:
    """How a generator is made: its command, the bits of its weights, and what its card says."""

    command: str
    data: str
    citation: str
    limits: str = SMALL
    bits: compact.Bits = 16


RECIPES = {
    "dcgan-fashion-mnist": Recipe(
        "gan train dcgan --dataset fashion-mnist", FASHION, FASHION_PAPER
    ),
    "cgan-fashion-mnist": Recipe("gan train cgan --dataset fashion-mnist", FASHION, FASHION_PAPER),
    "acgan-mnist": Recipe("gan train acgan --dataset mnist", MNIST, MNIST_PAPER),
    "facades-A2B": Recipe(
        "gan train pix2pix --dataset facades --direction A2B --image-size 256 --epochs 53.3001",
        FACADES,
        FACADES_PAPER,
        "Made for photos of fronts of houses, seen straight on. It finds walls, windows and "
        "cornices, and often misses doors, pillars and shops.",
        bits=8,
    ),
}


def make(name: str) -> None:
    """Make the generator `name`, and print the row of a table about it."""
    recipe = RECIPES[name]
    run = Path("runs") / name
    command = f"{recipe.command} --threads 1 --out {run}"
    subprocess.run([sys.executable, "-m", "gancli", *shlex.split(command)[1:]], check=True)
    found = {r: gancli.load(r) for r in (run, *sorted(run.parent.glob(f"{name}-seed*")))}
    best = found[min(found, key=lambda r: distance(found[r]))] if len(found) > 1 else found[run]
    store(name, recipe, best)


def distance(generator: gancli.Generator) -> float:
    """Return the Fréchet distance of a run, to choose between seeds."""
    return float(generator.evaluate(quick=True).as_dict()["frechet_distance"])


def store(name: str, recipe: Recipe, trained: Generator) -> None:
    """Write the generator to the package, with a card."""
    target = FOLDER / f"{name}.safetensors"
    assert trained.path is not None
    generator, discriminator = (
        weights.load(trained.path.with_name(file)) for file in (weights.GENERATOR, DISCRIMINATOR)
    )
    tensors = compact.compress(compact.join(generator, discriminator), recipe.bits)
    seed = f" --seed {trained.header.seed}" if trained.header.seed else ""
    card = Card(
        data=recipe.data,
        citation=recipe.citation,
        command=f"{recipe.command} --threads 1{seed}",
        date=date.today().isoformat(),
        measures="not measured yet",
        limits=recipe.limits,
        weights="",
    )
    header = replace(trained.header, card=card)
    weights.save(target, tensors, header.as_dict())
    stored = gancli.load(target)
    card = replace(
        card,
        measures=measures(stored),
        weights=f"{recipe.bits} bits; {difference(trained, stored)}",
    )
    weights.save(target, tensors, replace(header, card=card).as_dict())
    print(name, f"{target.stat().st_size / 1e6:.1f} MB", asdict(card))


def measures(generator: gancli.Generator) -> str:
    """Return what `gan evaluate` finds, without the figures of each class, in one line."""
    rows = [(key.strip(), value) for key, value in generator.evaluate().rows()]
    last = next(i for i, (key, _) in enumerate(rows) if key == "protocol")
    return "; ".join(f"{key} {value}" for key, value in rows[: last + 1] if key != "by class")


def difference(one: Generator, other: Generator) -> str:
    """Tell how much the pictures of two generators differ, on average and at most."""
    a, b = (pictures(g).astype(int) for g in (one, other))
    levels = np.abs(a - b)
    return (
        f"pictures differ from those of the full weights by {levels.mean():.2f} of 255 levels on "
        f"average, and 99.9 % of pixels by at most {np.quantile(levels, 0.999):.0f}"
    )


def pictures(generator: Generator) -> np.ndarray:
    """Return pictures of a generator, uint8: of the first seeds, or translations of test pairs."""
    if not generator.header.direction:
        labels = samples.default_labels(generator, range(COMPARED))
        return np.stack([*samples.draw(generator, range(COMPARED), labels)])
    source, size = generator.header.dataset.source, generator.shape.size
    pairs = open_pictures(source, places(None, print), "test", size=size, pairs=True)
    given, _ = generator.header.direction.of((pairs.images, pairs.partners))
    return np.stack([translate.picture(generator, picture, 0) for picture in given[:COMPARED]])


def main() -> None:
    """Make the generators named on the command line, or all."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", choices=[*RECIPES, []], metavar="NAME")
    for name in parser.parse_args().names or RECIPES:
        make(name)


if __name__ == "__main__":
    main()
