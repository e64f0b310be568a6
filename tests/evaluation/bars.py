"""Pictures of bars: small, labelled, and learned in a second."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from gancli.data.pictures import Pictures, digest
from gancli.evaluation.classifier import images_of
from gancli.evaluation.evidence import Samples
from gancli.evaluation.extractor import Extractor

CLASSES = ("top", "upper", "lower", "bottom")
SIZE = 16
ENOUGH = 60  # steps to learn the bars


def bars(split: str, count: int, seed: int, colours: int = 1) -> Pictures:
    """A bright bar in one of four places, in noise; class i is as frequent as any other."""
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
    return replace(pictures, labels=None, classes=())


def noisy(images: Tensor) -> Tensor:
    """Real pictures made worse."""
    rng = torch.Generator().manual_seed(0)
    return (images + 60 * torch.rand(images.shape, generator=rng)).clamp(0, 255).to(torch.uint8)


class Bars:
    """The two splits, their extractor, and samples to be held against them."""

    def __init__(self, train: Pictures, test: Pictures, extractor: Extractor) -> None:
        self.train, self.test, self.extractor = train, test, extractor
        self.real = images_of(train)

    def samples(self, *batches: Tensor, asked: Tensor | None = None, seed: int = 0) -> Samples:
        """As if a generator had made `batches`, asked for the classes `asked`, whatever number."""
        return Samples(
            draw=lambda count: batches,
            count=sum(map(len, batches)),
            extractor=self.extractor,
            train=self.train,
            test=self.test,
            asked=None if asked is None else lambda count: asked,
            seed=seed,
        )
