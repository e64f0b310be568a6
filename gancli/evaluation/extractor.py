"""The classifier of a data set, whose features and classes metrics go by.

It is trained on the real training split with a fixed seed, once, and kept in the cache. Pictures
without classes are given some: by how many quarters they are turned.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gancli import weights
from gancli.data.pictures import Pictures
from gancli.errors import FileError, UsageError
from gancli.evaluation.classifier import (
    VERSION,
    Classifier,
    chunks,
    fit,
    images_of,
    labels_of,
    look_at_all,
    score,
)
from gancli.reporting import Progress, Say, silent

TURNS = ("upright", "turned left", "upside down", "turned right")
TURNED = 50_000  # pictures that quarter turns are learned from: more cost memory and add nothing


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

    def features(self, images: Tensor) -> Tensor:
        """The 128 features, (N, 128), of `images` (N, C, H, W), uint8 or in [-1, 1]."""
        return look_at_all(self.network, chunks(images))[0]


def extractor_for(
    train: Pictures, test: Pictures, cache: Path, say: Say = silent, progress: Progress = silent
) -> Extractor:
    """The classifier of a data set: from `cache`/classifiers, or trained now and kept there.

    Raises UsageError where `check` does.
    """
    check(train, test)
    classes = train.classes if _has_classes(train) else TURNS
    path = cache / "classifiers" / f"{train.name}-{train.digest[:12]}-{VERSION}.safetensors"
    about: dict[str, object] = {
        "digests": [train.digest, test.digest],
        "shape": list(train.images.shape[1:]),
        "dataset": train.name,
        "classes": list(classes),
        "protocol": VERSION,
    }
    found = _recall(path, about)
    if found is None:
        found = _train(train, test, classes, say, progress)
        if not _remember(path, about, *found):
            say(f"The classifier could not be kept in {path.parent}.")
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
    rng = torch.Generator().manual_seed(0)
    chosen = torch.randperm(len(pictures.images), generator=rng)[:TURNED].tolist()
    turns = torch.randint(len(TURNS), (len(chosen),), generator=rng).numpy()
    images = np.stack([np.rot90(pictures.images[i], k) for i, k in zip(chosen, turns, strict=True)])
    return replace(pictures, images=images, labels=turns, classes=TURNS)


def _has_classes(pictures: Pictures) -> bool:
    return pictures.labels is not None and len(pictures.classes) >= 2


def _train(
    train: Pictures, test: Pictures, classes: tuple[str, ...], say: Say, progress: Progress
) -> tuple[Classifier, float]:
    """A classifier of `train`, and its accuracy on `test`."""
    if classes is TURNS:
        train, test = turned(train), turned(test)
    say(f"Training the classifier that measures {train.name}, once.")
    network = fit(images_of(train), labels_of(train), len(classes), progress=progress)
    accuracy = score(network, images_of(test), labels_of(test), classes).overall
    say(f"It recognises {accuracy:.1%} of the test pictures.")
    return network, accuracy


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


def _digest(state: Mapping[str, Tensor]) -> str:
    total = hashlib.sha256()
    for name in sorted(state):
        total.update(state[name].contiguous().numpy().tobytes())
    return total.hexdigest()
