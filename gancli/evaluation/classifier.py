"""A small classifier of pictures: its network, how it is trained, and what it recognises.

Features of networks trained on photographs say nothing about digits of 28x28, so metrics go by a
classifier of the project's own.

Everything runs on the CPU in fp32: a figure must not depend on the device.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gancli.data.pictures import Pictures
from gancli.errors import DataError
from gancli.images import to_uint8
from gancli.reporting import Progress, silent

VERSION = "v1"  # of architecture and schedule: figures of two versions do not compare
FEATURES = 128
STEPS = 2600  # of training, and no more than PASSES over the pictures
PASSES = 50
BATCH = 128
RATE = 3e-3  # the highest learning rate of the cycle
DECAY = 0.02  # of weights, times the learning rate, a step
DROPOUT = 0.25  # of the features
CHUNK = 250  # pictures looked at together: memory, not results, depends on it


class Classifier(nn.Module):
    """A plain CNN for pictures (B, channels, size, size) in [-1, 1]; logits (B, classes).

    3x3 convolutions, pooled down to at most 8x8 pixels, one more, and 128 rectified features.
    Pooling comes before batch norm and ReLU, which leaves them a quarter of the work: a third more
    pictures a second (28x28, batch 256, one core).
    """

    def __init__(self, channels: int, size: int, classes: int) -> None:
        super().__init__()
        layers, width = [*_block(channels, 24, pool=True)], 24
        size //= 2
        while size > 8:
            layers, width = [*layers, *_block(width, 64, pool=True)], 64
            size //= 2
        layers += [*_block(width, 64), nn.Flatten(), nn.Linear(64 * size**2, FEATURES), nn.ReLU()]
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(FEATURES, classes)

    def forward(self, image: Tensor) -> Tensor:
        features = F.dropout(self.features(image), DROPOUT, self.training)
        logits: Tensor = self.head(features)
        return logits


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Shares in 0..1 of pictures whose class was recognised, over all and by class name."""

    overall: float
    per_class: Mapping[str, float]


def fit(
    images: Tensor,
    labels: Tensor,
    classes: int,
    *,
    seed: int = 0,
    steps: int | None = None,
    progress: Progress = silent,
) -> Classifier:
    """Train a Classifier on `images` (N, C, H, W), uint8 or in [-1, 1], and `labels` (N,) int64.

    The same seed gives the same weights on one machine, and the caller's random numbers go on as
    if nothing had been drawn. AdamW on a one-cycle schedule (Smith and Topin 2017,
    arXiv:1708.07120).
    """
    size = min(BATCH, len(images))
    steps = steps or min(STEPS, PASSES * (len(images) // size))
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        network = Classifier(images.shape[1], images.shape[-1], classes)
        network = network.to(memory_format=torch.channels_last)
        optimizer = torch.optim.AdamW(network.parameters(), weight_decay=DECAY, fused=True)
        cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
        for step, chosen in zip(range(steps), _orders(len(images), size), strict=False):
            optimizer.zero_grad()
            loss = F.cross_entropy(network(_floats(images[chosen])), labels[chosen])
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            cycle.step()
            progress("classifier", step + 1, steps)
    return network.eval()


@torch.no_grad()
def look(network: Classifier, images: Tensor) -> tuple[Tensor, Tensor]:
    """Features (B, 128) and recognised classes (B,) of `images`, uint8 or in [-1, 1]."""
    features = network.features(_floats(quantise(images)))
    return features, network.head(features).argmax(1)


def look_at_all(network: Classifier, batches: Iterator[Tensor]) -> tuple[Tensor, Tensor]:
    """The same for any number of pictures, batch by batch."""
    features, classes = zip(*(look(network, batch) for batch in batches), strict=True)
    return torch.cat(features), torch.cat(classes)


def score(network: Classifier, images: Tensor, labels: Tensor, classes: tuple[str, ...]) -> Scores:
    """The share of `images` (N, C, H, W) that `network` recognises as `labels` (N,)."""
    return scores(look_at_all(network, chunks(images))[1], labels, classes)


def scores(recognised: Tensor, labels: Tensor, classes: tuple[str, ...]) -> Scores:
    """How often `recognised` (N,) and `labels` (N,) agree; of `classes`, those among the labels."""
    right = (recognised == labels).double()
    present = [i for i in range(len(classes)) if (labels == i).any()]
    per_class = {classes[i]: right[labels == i].mean().item() for i in present}
    return Scores(overall=right.mean().item(), per_class=per_class)


def quantise(images: Tensor) -> Tensor:
    """Pictures in [-1, 1] as uint8 on the CPU, rounded as in files; uint8 is left alone.

    Raises DataError for pictures that are not finite: the training that made them diverged.
    """
    if images.dtype == torch.uint8:
        return images.cpu()
    if not images.isfinite().all():
        raise DataError(
            "The samples hold values that are no numbers: the training has diverged.",
            hint="train again with a lower --lr",
        )
    return torch.from_numpy(to_uint8(images)).permute(0, 3, 1, 2)


def images_of(pictures: Pictures) -> Tensor:
    """The pictures as uint8 (N, C, H, W), channels last, sharing their memory."""
    return torch.from_numpy(pictures.images).permute(0, 3, 1, 2)


def labels_of(pictures: Pictures) -> Tensor:
    """Their classes, int64 (N,)."""
    return torch.from_numpy(pictures.labels).long()


def chunks(images: Tensor) -> Iterator[Tensor]:
    """`images` in pieces that need little memory."""
    return (images[i : i + CHUNK] for i in range(0, len(images), CHUNK))


def _block(inputs: int, outputs: int, pool: bool = False) -> list[nn.Module]:
    conv = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    halve = [nn.MaxPool2d(2)] if pool else []
    return [conv, *halve, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]


def _floats(images: Tensor) -> Tensor:
    """(B, C, H, W) in [-1, 1], float32, channels last, from bytes (or the like, left alone)."""
    x = images.float() / 127.5 - 1 if images.dtype == torch.uint8 else images.float()
    return x.contiguous(memory_format=torch.channels_last)


def _orders(count: int, size: int) -> Iterator[Tensor]:
    """Indices of batches, endlessly: every picture once a pass, what is left of a pass dropped."""
    while True:
        order = torch.randperm(count)
        yield from (order[i : i + size] for i in range(0, count - size + 1, size))
