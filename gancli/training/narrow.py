"""Narrow models and random images, to try out a model in a second."""

import dataclasses
from types import ModuleType
from typing import Any

import torch

from gancli.config import Training
from gancli.gan import GAN, Shape
from gancli.training.resident import ResidentDataset
from gancli.training.trainer import Trainer

SETTINGS = {"width": 8, "z_dim": 6}  # for models that have them
BATCH, IMAGES = 8, 40


def narrow(module: ModuleType, shape: Shape, **settings: object) -> GAN:
    """Build a narrow model with a fixed seed. Models that learn from pairs get a source shape."""
    known = {f.name for f in dataclasses.fields(module.Settings)}
    values = {k: v for k, v in SETTINGS.items() if k in known} | settings
    if getattr(module, "PAIRS", False):
        shape = dataclasses.replace(shape, source=shape.channels)  # type: ignore[arg-type]
    torch.manual_seed(0)
    gan: GAN = module.build(module.Settings(**values), shape)
    return gan


def random_data(shape: Shape, count: int = IMAGES, device: str = "cpu") -> ResidentDataset:
    """Return random images or points in memory, with labels and sources if `shape` has them."""
    rng = torch.Generator().manual_seed(1)
    size = (count, shape.size, shape.size, shape.channels)
    images = torch.randint(0, 256, size, dtype=torch.uint8, generator=rng)
    images = images / 127.5 - 1 if shape.points else images
    labels = torch.arange(count) % shape.classes if shape.classes else None
    sources = 255 - images if shape.source else None
    return ResidentDataset(images, labels, shape.classes, torch.device(device), sources=sources)


def narrow_trainer(
    module: ModuleType,
    shape: Shape,
    *,
    device: str = "cpu",
    capture: bool = True,
    compile: bool = False,
    **options: Any,
) -> Trainer:
    """Return a trainer of a narrow model on random images, with batches of 8."""
    gan = narrow(module, shape).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    config = Training(**{"batch_size": BATCH, "epochs": 2, **options})
    data = random_data(gan.shape, device=device)
    return Trainer(gan, data, config, capture=capture, compile=compile)
