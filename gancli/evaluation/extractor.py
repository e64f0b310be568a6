"""The feature extractor of a dataset: a classifier whose features and classes metrics use.

It is trained once on the real training split, with a fixed seed, and kept in the cache. If the
pictures have no classes, it learns to predict by how many quarter turns they were rotated.
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
    QUICK_STEPS,
    VERSION,
    Classifier,
    chunks,
    fit,
    images_of,
    labels_of,
    predict_all,
    score,
)
from gancli.reporting import Progress, Say, silent

ROTATIONS = ("upright", "turned left", "upside down", "turned right")
MAX_ROTATED = 50_000  # pictures to learn rotations from; more cost memory and add nothing


@dataclass(frozen=True, kw_only=True)
class Extractor:
    """A classifier trained on the real training split, and its accuracy on the test split."""

    network: Classifier
    accuracy: float  # 0..1
    dataset: str
    classes: tuple[str, ...]
    quick: bool = False  # it was trained for a few seconds

    @property
    def version(self) -> str:
        """The version of the classifier and of how long it was trained."""
        return _version(self.quick)

    @property
    def predicts_rotation(self) -> bool:
        """Whether it predicts quarter turns because the dataset has no classes."""
        return self.classes == ROTATIONS

    def features(self, images: Tensor) -> Tensor:
        """Return the features (N, 128) of `images` (N, C, H, W), uint8 or in [-1, 1]."""
        return predict_all(self.network, chunks(images))[0]


def extractor_for(
    train: Pictures,
    test: Pictures,
    cache: Path,
    say: Say = silent,
    progress: Progress = silent,
    quick: bool = False,
) -> Extractor:
    """Return the extractor of a dataset: from `cache`/classifiers, or trained now and kept there.

    A `quick` one is trained for a few seconds. Raises UsageError if `check` does.
    """
    check(train, test)
    classes = train.classes if _has_classes(train) else ROTATIONS
    version = _version(quick)
    path = cache / "classifiers" / f"{train.name}-{train.digest[:12]}-{version}.safetensors"
    about: dict[str, object] = {
        "digests": [train.digest, test.digest],
        "shape": list(train.images.shape[1:]),
        "dataset": train.name,
        "classes": list(classes),
        "protocol": version,
    }
    found = _load(path, about)
    if found is None:
        steps = QUICK_STEPS if quick else None
        found = _train(train, test, classes, steps, say, progress)
        if not _save(path, about, *found):
            say(f"The classifier could not be saved in {path.parent}; it will be trained again.")
    network, accuracy = found
    return Extractor(
        network=network, accuracy=accuracy, dataset=train.name, classes=classes, quick=quick
    )


def check(train: Pictures, test: Pictures) -> None:
    """Raise UsageError if metrics cannot be computed with these pictures, before any slow work."""
    if _has_classes(train) and not _has_classes(test):
        raise UsageError(
            f"The training pictures of {train.name} have classes, but its test pictures do not.",
            hint="put the test pictures of each class into a sub-folder, or use another dataset: "
            "gan datasets list",
        )
    if min(len(train.images), len(test.images)) < 2:
        raise UsageError(
            f"{train.name} has {len(train.images):,} training and {len(test.images):,} test "
            "pictures; metrics need at least two of each.",
            hint=f"gan datasets info {train.name}",
        )


def rotated(pictures: Pictures) -> Pictures:
    """Rotate each picture by 0 to 3 quarter turns, drawn with a fixed seed; these are the classes.

    To predict the rotation, a network must learn what is in a picture and where. No labels are
    needed (Gidaris, Singh, Komodakis 2018, arXiv:1803.07728).
    """
    rng = torch.Generator().manual_seed(0)
    chosen = torch.randperm(len(pictures.images), generator=rng)[:MAX_ROTATED].tolist()
    turns = torch.randint(len(ROTATIONS), (len(chosen),), generator=rng).numpy()
    images = np.stack([np.rot90(pictures.images[i], k) for i, k in zip(chosen, turns, strict=True)])
    return replace(pictures, images=images, labels=turns, classes=ROTATIONS)


def _version(quick: bool) -> str:
    return f"{VERSION}-quick" if quick else VERSION


def _has_classes(pictures: Pictures) -> bool:
    return pictures.labels is not None and len(pictures.classes) >= 2


def _train(
    train: Pictures,
    test: Pictures,
    classes: tuple[str, ...],
    steps: int | None,
    say: Say,
    progress: Progress,
) -> tuple[Classifier, float]:
    """Train a classifier on `train`; return it and its accuracy on `test`."""
    if classes is ROTATIONS:
        train, test = rotated(train), rotated(test)
    say(f"Training a classifier on {train.name} for the metrics; this happens only once.")
    images, labels = images_of(train), labels_of(train)
    network = fit(images, labels, len(classes), steps=steps, progress=progress)
    accuracy = score(network, images_of(test), labels_of(test), classes).overall
    say(f"The classifier has an accuracy of {accuracy:.1%} on the {test.split} pictures.")
    return network, accuracy


def _load(path: Path, about: Mapping[str, object]) -> tuple[Classifier, float] | None:
    """Load the network and its accuracy; None if the file is missing, damaged or of other data."""
    try:
        header, state = weights.read_header(path), weights.load(path)
    except FileError:
        return None
    if {**header, **about} != header or header.get("weights") != _digest(state):
        return None
    height, _, channels = header["shape"]
    with torch.device("meta"):  # initialising real weights would draw random numbers
        network = Classifier(channels, height, len(header["classes"]))
    network.load_state_dict(state, assign=True)
    return network.to(memory_format=torch.channels_last).eval(), header["accuracy"]


def _save(path: Path, about: Mapping[str, object], network: Classifier, accuracy: float) -> bool:
    """Save the network at `path`; return False if that fails, which only costs time later."""
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
