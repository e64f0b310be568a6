"""Write untrained generators at full width, in run folders like those that training leaves.

The benchmarks of sampling and start-up use them: an untrained generator is as fast as a trained
one.
"""

import dataclasses
from pathlib import Path

import torch

from gancli import registry, weights
from gancli.gan import Shape

DIGITS = Shape(channels=1, size=28, classes=10)
FACADES = Shape(channels=3, size=256, source=3)


def write_generators(folder: Path) -> None:
    """Write one run of every model under `folder`/runs, with the default settings of the model."""
    for model in registry.names("models"):
        pairs = registry.declared("models", model, "PAIRS")
        write_generator(folder / "runs" / f"{model}-drawn", model, FACADES if pairs else DIGITS)


def write_generator(run: Path, model: str, shape: Shape) -> Path:
    """Write the generator file of one untrained `model` into the folder `run`; return its path."""
    module = registry.load("models", model)
    torch.manual_seed(0)
    gan = module.build(module.Settings(), shape)
    labelled = "LABEL" in str(gan.feeds)
    header = {
        "model": model,
        "settings": {},
        "shape": dataclasses.asdict(shape),
        "dataset": {"name": "drawn", "source": "drawn", "pictures": 1, "digest": ""},
        "classes": [str(i) for i in range(shape.classes)],
        "labelled": labelled,
        "direction": "A2B" if shape.source else None,
        "images_seen": 0,
    }
    path = run / weights.GENERATOR
    weights.save(path, gan.generator.state_dict(), header)
    return path
