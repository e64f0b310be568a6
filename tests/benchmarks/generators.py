"""Generators that learned nothing, of full width, in runs such as training leaves behind."""

import dataclasses
from pathlib import Path

import torch

from gancli import registry, weights
from gancli.gan import Shape

DIGITS = Shape(channels=1, size=28, classes=10)
FRONTS = Shape(channels=3, size=256, source=3)


def write_generators(folder: Path) -> None:
    """Runs of every model under `folder`/runs, with the settings that models have by default."""
    for model in registry.names("models"):
        pairs = registry.declared("models", model, "PAIRS")
        write_generator(folder / "runs" / f"{model}-drawn", model, FRONTS if pairs else DIGITS)


def write_generator(run: Path, model: str, shape: Shape) -> Path:
    """One generator file; its path."""
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
