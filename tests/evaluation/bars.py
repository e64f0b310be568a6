"""A dataset of bars: small, labelled, and learned in a second."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from gancli.data.pictures import Pictures, digest
from gancli.evaluation.classifier import images_of
from gancli.evaluation.evidence import ByClass, Samples
from gancli.evaluation.extractor import Extractor

CLASSES = ("top", "upper", "lower", "bottom")
SIZE = 16
STEPS_TO_LEARN = 60  # training steps after which a classifier knows the bars


def bars(split: str, count: int, seed: int, colours: int = 1) -> Pictures:
    """Return `count` noisy pictures of a bright bar at one of four heights, its class."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % len(CLASSES)
    images = rng.normal(60, 25, (count, SIZE, SIZE, colours))
    for image, label in zip(images, labels, strict=True):
        image[4 * label + 1 : 4 * label + 3] += rng.uniform(80, 150)
    images = images.clip(0, 255).astype(np.uint8)
    return Pictures(
        name="bars",
        split=split,
        images=images,
        labels=labels,
        classes=CLASSES,
        digest=digest(images, labels),
    )


def unlabelled(pictures: Pictures) -> Pictures:
    """Return the same pictures without classes."""
    return replace(pictures, labels=None, classes=())


def noisy(images: Tensor) -> Tensor:
    """Add noise to real pictures, so that they look worse."""
    rng = torch.Generator().manual_seed(0)
    return (images + 60 * torch.rand(images.shape, generator=rng)).clamp(0, 255).to(torch.uint8)


class Bars:
    """The training and test split of bars, and their extractor."""

    def __init__(self, train: Pictures, test: Pictures, extractor: Extractor) -> None:
        self.train, self.test, self.extractor = train, test, extractor
        self.real = images_of(train)

    def samples(self, *batches: Tensor, requested: Tensor | None = None, seed: int = 0) -> Samples:
        """Return `batches` as the samples of a generator, with the classes that they should show.

        Every draw returns these batches, however many samples are drawn.
        """

        def draw(_: int) -> tuple[Tensor, ...]:
            return batches

        by_class = None if requested is None else ByClass(draw=draw, labels=lambda _: requested)
        return Samples(
            draw=draw,
            count=sum(map(len, batches)),
            extractor=self.extractor,
            train=self.train,
            test=self.test,
            by_class=by_class,
            seed=seed,
        )
