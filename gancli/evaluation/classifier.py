"""How good the samples are, measured with a small classifier trained on the real pictures.

Features of networks trained on photographs say nothing about digits of 28x28, so the extractor is
the project's own: `Classifier`, trained on the real training split with a fixed seed, kept in the
cache. A figure means something only beside its protocol (extractor, counts, reference split) and
its floor, the same distance for real pictures; `Measure` carries all of it.

- Fréchet distance and classes hit: `measure`; pictures without classes are given some, see `turned`
- are fakes what was asked for? `gan_test` (Shmelkov, Schmid, Alahari 2018, arXiv:1807.09499)
- can a classifier learn from fakes alone? `gan_train` (the same paper; Ravuri and Vinyals 2019,
  arXiv:1905.10887, call it the classification accuracy score)

Everything runs on the CPU in fp32: a figure must not depend on the device.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gancli import weights
from gancli.data.pictures import Pictures
from gancli.errors import DataError, FileError, UsageError
from gancli.images import to_uint8
from gancli.reporting import Progress, Say, silent

VERSION = "v1"  # of architecture and schedule: figures of two versions do not compare
FEATURES = 128
STEPS = 2600  # of training, and no more than PASSES over the pictures
PASSES = 50
BATCH = 128
RATE = 3e-3  # the highest learning rate of the cycle
DECAY = 0.02  # of weights, times the learning rate, a step
DROPOUT = 0.25  # of the features
CHUNK = 250  # pictures looked at together: memory, not results, depends on it
TURNS = ("upright", "turned left", "upside down", "turned right")
TURNED = 50_000  # pictures that quarter turns are learned from: more cost memory and add nothing
HIT = 0.1  # of its expected frequency makes a class count as hit


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


class Gaussian(NamedTuple):
    """Mean (D,) and covariance (D, D) of features, float64."""

    mean: Tensor
    cov: Tensor


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Shares in 0..1 of pictures whose class was recognised, over all and by class name."""

    overall: float
    per_class: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Extractor:
    """A classifier trained on the real training split, and its accuracy on the test split."""

    network: Classifier
    accuracy: float  # 0..1
    dataset: str
    classes: tuple[str, ...]

    @property
    def turns(self) -> bool:
        """Whether it tells quarter turns, for want of classes."""
        return self.classes == TURNS


@dataclass(frozen=True, kw_only=True)
class Measure:
    """What was measured, and how: `protocol` says all that another needs to compare.

    `frechet` is the distance of the samples to the test split, `floor` that of as many real
    training pictures: samples near the floor cannot be told from real pictures by this measure.
    `classes_hit` is the share of classes that the samples show at least a tenth as often as the
    test split does; `shares` says what share of the samples is recognised as each class. Both are
    None where the pictures have no classes.
    """

    frechet: float
    floor: float
    classes_hit: float | None
    samples: int
    accuracy: float
    shares: Mapping[str, float] | None
    protocol: Mapping[str, str | int]
    gan_test: Scores | None = None  # of models with labels
    gan_train: Scores | None = None

    def rows(self) -> list[tuple[str, ...]]:
        """The measures and their protocol, as rows of a table."""
        return [
            ("Fréchet distance", f"{self.frechet:.2f}"),
            ("  of real pictures (floor)", f"{self.floor:.2f}"),
            *([] if self.classes_hit is None else [("classes hit", f"{self.classes_hit:.0%}")]),
            *self._labelled("recognised as asked for (GAN-test)", self.gan_test),
            *self._labelled("taught by samples alone (GAN-train)", self.gan_train),
            ("accuracy of the extractor", f"{self.accuracy:.2%}"),
            *(
                (name, f"{value:,}" if isinstance(value, int) else value)
                for name, value in self.protocol.items()
            ),
        ]

    @staticmethod
    def _labelled(title: str, scores: Scores | None) -> list[tuple[str, ...]]:
        if scores is None:
            return []
        each = ", ".join(f"{name} {share:.1%}" for name, share in scores.per_class.items())
        return [(title, f"{scores.overall:.2%}"), ("  by class", each)]


def measure(
    samples: Iterable[Tensor],
    extractor: Extractor,
    train: Pictures,
    test: Pictures,
    *,
    seed: int = 0,
) -> Measure:
    """Measure generated pictures against the whole test split; 10,000 samples are the custom.

    `samples` are batches (B, C, H, W) in [-1, 1] or uint8, looked at one by one and let go. They
    are rounded to bytes first, as the files that users see are. `seed` draws the training pictures
    of the floor.

    Raises UsageError for fewer than two samples or samples of another shape than the pictures,
    DataError for samples that are not finite.
    """
    reference = gaussian(features(extractor, tensor(test)))
    fakes, predicted = _see(extractor, samples, tensor(test).shape[1:])
    real = _draw(train, len(fakes), seed)
    hit, shares = None, None
    if not extractor.turns:
        counts = torch.bincount(predicted, minlength=len(extractor.classes))
        hit = classes_hit(counts, _labels(test))
        shares = dict(zip(extractor.classes, (counts / len(fakes)).tolist(), strict=True))
    return Measure(
        frechet=frechet(gaussian(fakes), reference),
        floor=frechet(gaussian(features(extractor, real)), reference),
        classes_hit=hit,
        samples=len(fakes),
        accuracy=extractor.accuracy,
        shares=shares,
        protocol=_protocol(extractor, len(fakes), len(test.images), len(real), seed),
    )


def extractor(
    train: Pictures, test: Pictures, cache: Path, say: Say = silent, progress: Progress = silent
) -> Extractor:
    """The classifier of a data set: from `cache`/classifiers, or trained now and kept there.

    Of pictures without classes it tells by how many quarters they are turned.

    Raises UsageError where `check` does.
    """
    check(train, test)
    classes = train.classes if _has_classes(train) else TURNS
    path = cache / "classifiers" / f"{train.name}-{train.digest[:12]}-{VERSION}.safetensors"
    about: dict[str, object] = {
        "digests": [train.digest, test.digest],
        "shape": list(train.images.shape[1:]),
    }
    about |= {"dataset": train.name, "classes": list(classes), "protocol": VERSION}
    found = _recall(path, about)
    if found is None:
        if classes is TURNS:
            train, test = turned(train), turned(test)
        say(f"Training the classifier that measures {train.name}, once.")
        network = fit(tensor(train), _labels(train), len(classes), progress=progress)
        accuracy = score(network, tensor(test), _labels(test), classes).overall
        say(f"It recognises {accuracy:.1%} of the test pictures.")
        if not _remember(path, about, network, accuracy):
            say(f"The classifier could not be kept in {path.parent}.")
        found = network, accuracy
    network, accuracy = found
    return Extractor(network=network, accuracy=accuracy, dataset=train.name, classes=classes)


def check(train: Pictures, test: Pictures) -> None:
    """Raise UsageError for pictures that nothing can be measured with, before any long work."""
    if _has_classes(train) and not _has_classes(test):
        raise UsageError(
            f"The test pictures of {train.name} have no classes, as its training pictures have.",
            hint="gan datasets list (or put the pictures of each class into a folder of their own)",
        )
    if min(len(train.images), len(test.images)) < 2:
        raise UsageError(
            f"{train.name} has {len(train.images):,} training and {len(test.images):,} test "
            "pictures; a distance needs at least two of each.",
            hint=f"gan datasets info {train.name}",
        )


def turned(pictures: Pictures) -> Pictures:
    """Pictures in four classes, each turned by 0 to 3 quarters, for a classifier to tell.

    By how much is drawn with a fixed seed. To tell it, a network must know what is in a picture and
    where; no label is needed. (Gidaris, Singh, Komodakis 2018, arXiv:1803.07728.)
    """
    dice = torch.Generator().manual_seed(0)
    chosen = torch.randperm(len(pictures.images), generator=dice)[:TURNED].tolist()
    turns = torch.randint(len(TURNS), (len(chosen),), generator=dice).numpy()
    images = np.stack([np.rot90(pictures.images[i], k) for i, k in zip(chosen, turns, strict=True)])
    return replace(pictures, images=images, labels=turns, classes=TURNS)


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


def features(extractor: Extractor, images: Tensor) -> Tensor:
    """The 128 features, (N, 128), of `images` (N, C, H, W), uint8 or in [-1, 1]."""
    return torch.cat([_look(extractor.network, batch)[0] for batch in _chunks(images)])


def gaussian(features: Tensor) -> Gaussian:
    """Mean and (unbiased) covariance of features (N, D), in float64."""
    x = features.double()
    return Gaussian(x.mean(0), torch.cov(x.T))


def frechet(a: Gaussian, b: Gaussian) -> float:
    """|m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2)); eq. 6 of Heusel et al., arXiv:1706.08500.

    The trace of (C_a C_b)^(1/2) is that of (C_a^(1/2) C_b C_a^(1/2))^(1/2): the sum of the singular
    values of C_a^(1/2) C_b^(1/2). So no root is ever taken of a matrix that is not symmetric, and
    features that are always zero do no harm.
    """
    cross = torch.linalg.svdvals(_root(a.cov) @ _root(b.cov)).sum()
    distance = (a.mean - b.mean).square().sum() + a.cov.trace() + b.cov.trace() - 2 * cross
    return max(0.0, float(distance))


def classes_hit(counts: Tensor, labels: Tensor) -> float:
    """The share of classes in `labels` (N,) whose `counts` (K,) reach a tenth of what is expected.

    Expected is the frequency of the class among `labels`; a class that is not there is left out.
    """
    expected = torch.bincount(labels, minlength=len(counts)) / len(labels)
    hit = counts / counts.sum() >= HIT * expected
    return hit[expected > 0].double().mean().item()


def gan_test(extractor: Extractor, images: Tensor, asked: Tensor) -> Scores:
    """How many fakes are recognised as the class `asked` for, (N,) int64.

    `images` is (N, C, H, W), uint8 or in [-1, 1].
    """
    return score(extractor.network, images, asked, extractor.classes)


def gan_train(
    fakes: Tensor, labels: Tensor, test: Pictures, *, seed: int = 0, progress: Progress = silent
) -> Scores:
    """How many real test pictures a classifier recognises that saw nothing but `fakes`.

    `fakes` is (N, C, H, W), uint8 or in [-1, 1], `labels` (N,) int64; the papers use as many as
    there are real training pictures.
    """
    network = fit(quantise(fakes), labels, len(test.classes), seed=seed, progress=progress)
    return score(network, tensor(test), _labels(test), test.classes)


def score(network: Classifier, images: Tensor, labels: Tensor, classes: tuple[str, ...]) -> Scores:
    """The share of `images` (N, C, H, W) that `network` recognises as `labels` (N,)."""
    predicted = torch.cat([_look(network, b)[1].argmax(1) for b in _chunks(images)])
    right = (predicted == labels).double()
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


def tensor(pictures: Pictures) -> Tensor:
    """The pictures as uint8 (N, C, H, W), channels last, sharing their memory."""
    return torch.from_numpy(pictures.images).permute(0, 3, 1, 2)


def _block(inputs: int, outputs: int, pool: bool = False) -> list[nn.Module]:
    conv = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    halve = [nn.MaxPool2d(2)] if pool else []
    return [conv, *halve, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]


def _has_classes(pictures: Pictures) -> bool:
    return pictures.labels is not None and len(pictures.classes) >= 2


def _labels(pictures: Pictures) -> Tensor:
    return torch.from_numpy(pictures.labels).long()


def _floats(images: Tensor) -> Tensor:
    """(B, C, H, W) in [-1, 1], float32, channels last, from bytes (or the like, left alone)."""
    x = images.float() / 127.5 - 1 if images.dtype == torch.uint8 else images.float()
    return x.contiguous(memory_format=torch.channels_last)


def _see(
    extractor: Extractor, samples: Iterable[Tensor], shape: torch.Size
) -> tuple[Tensor, Tensor]:
    """Features (N, 128) and recognised classes (N,) of generated batches (B, *shape)."""
    seen = []
    for batch in samples:
        if batch.shape[1:] != shape:
            theirs, ours = ("x".join(map(str, s)) for s in (batch.shape[1:], shape))
            raise UsageError(f"The samples are {theirs}, the real pictures {ours}.")
        features, logits = _look(extractor.network, batch)
        seen.append((features, logits.argmax(1)))
    if sum(len(features) for features, _ in seen) < 2:
        raise UsageError("A distance needs at least two samples.", hint="gan evaluate --help")
    return torch.cat([f for f, _ in seen]), torch.cat([classes for _, classes in seen])


@torch.no_grad()
def _look(network: Classifier, images: Tensor) -> tuple[Tensor, Tensor]:
    """Features (B, 128) and logits (B, K) of pictures rounded to bytes."""
    features = network.features(_floats(quantise(images)))
    return features, network.head(features)


def _protocol(
    extractor: Extractor, samples: int, reference: int, floor: int, seed: int
) -> dict[str, str | int]:
    name = extractor.dataset
    return {
        "extractor": f"classifier {VERSION} of gan, trained on the training split of {name}"
        f"{', to tell quarter turns' if extractor.turns else ''}; its {FEATURES} features",
        "samples": samples,
        "reference": f"the test split of {name}, {reference:,} pictures",
        "floor": f"{floor:,} pictures of the training split, drawn with seed {seed}",
    }


def _orders(count: int, size: int) -> Iterator[Tensor]:
    """Indices of batches, endlessly: every picture once a pass, what is left of a pass dropped."""
    while True:
        order = torch.randperm(count)
        yield from (order[i : i + size] for i in range(0, count - size + 1, size))


def _chunks(images: Tensor) -> Iterator[Tensor]:
    """`images` in pieces that need little memory."""
    return (images[i : i + CHUNK] for i in range(0, len(images), CHUNK))


def _draw(pictures: Pictures, count: int, seed: int) -> Tensor:
    """`count` of the pictures, or all where there are no more, uint8 (count, C, H, W)."""
    order = torch.randperm(len(pictures.images), generator=torch.Generator().manual_seed(seed))
    return tensor(pictures)[order[:count]]


def _root(matrix: Tensor) -> Tensor:
    """The symmetric square root of a symmetric positive semidefinite matrix."""
    values, vectors = torch.linalg.eigh(matrix)
    root: Tensor = vectors * values.clamp(min=0).sqrt() @ vectors.T
    return root


def _digest(state: Mapping[str, Tensor]) -> str:
    total = hashlib.sha256()
    for name in sorted(state):
        total.update(state[name].contiguous().numpy().tobytes())
    return total.hexdigest()


def _recall(path: Path, about: Mapping[str, object]) -> tuple[Classifier, float] | None:
    """The network and its accuracy as `_remember` wrote them, or None where anything differs."""
    try:
        header, state = weights.read_header(path), weights.load(path)
    except FileError:
        return None
    if {**header, **about} != header or header.get("weights") != _digest(state):
        return None
    height, _, channels = header["shape"]
    with torch.device("meta"):  # no random numbers are drawn
        network = Classifier(channels, height, len(header["classes"]))
    network.load_state_dict(state, assign=True)
    return network.to(memory_format=torch.channels_last).eval(), header["accuracy"]


def _remember(
    path: Path, about: Mapping[str, object], network: Classifier, accuracy: float
) -> bool:
    """Whether the network could be kept at `path`; nothing depends on it."""
    state = network.state_dict()
    try:
        weights.save(path, state, {**about, "accuracy": accuracy, "weights": _digest(state)})
    except FileError:
        return False
    return True
