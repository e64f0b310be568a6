"""What metrics are computed from: generated pictures and the real ones to compare them with.

What several metrics share (features, predicted classes, the confusion matrix) is computed once,
when the first of them needs it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from gancli.data.pairs import Palette, nearest
from gancli.data.pictures import Pictures
from gancli.errors import UsageError
from gancli.evaluation.classifier import (
    FEATURES,
    images_of,
    predict_all,
    quantise,
)
from gancli.evaluation.extractor import Extractor
from gancli.evaluation.metrics import Kind, Rows
from gancli.images import Array, from_uint8
from gancli.reporting import Progress, Say, silent

# Figures of different versions of the protocol cannot be compared. v1 requested every class equally
# often for the Fréchet distance, however often the classes occur.
PROTOCOL = "v2"
SOME = 2000  # pictures that are kept for metrics that need more than their features


@dataclass(frozen=True, kw_only=True)
class ByClass:
    """Samples in which each class is requested equally often.

    `draw` generates any number of them, as batches (B, C, H, W), uint8 or in [-1, 1], and `labels`
    returns the classes (N,) that so many should show.
    """

    draw: Callable[[int], Iterable[Tensor]]
    labels: Callable[[int], Tensor]


@dataclass(frozen=True, kw_only=True)
class Samples:
    """`count` samples of a generator, and the real pictures of its dataset.

    `draw` generates any number of samples, as batches (B, C, H, W), uint8 or in [-1, 1]. A
    generator with labels draws each class as often as it occurs among the pictures of `test`; it
    has `by_class`, too. Samples are rounded to uint8, as in the files that users see. `seed`
    chooses the training pictures of the metric `floor`, and is the seed of GAN-train's classifier.
    """

    family: ClassVar[Kind] = Kind.SAMPLES | Kind.CLASSES | Kind.LABELLED

    draw: Callable[[int], Iterable[Tensor]]
    count: int
    extractor: Extractor
    train: Pictures
    test: Pictures
    by_class: ByClass | None = None
    seed: int = 0
    say: Say = silent
    progress: Progress = silent

    @property
    def kinds(self) -> Kind:
        """The kinds of metrics that these samples allow."""
        classes = Kind(0) if self.extractor.predicts_rotation else Kind.CLASSES
        return Kind.SAMPLES | classes | (Kind.LABELLED if self.by_class else Kind(0))

    @property
    def features(self) -> Tensor:
        """The extractor's features of the samples, (N, 128)."""
        return self._predictions[0]

    @property
    def predicted(self) -> Tensor:
        """The classes that the extractor predicts for the samples, (N,)."""
        return self._predictions[1]

    @cached_property
    def reference(self) -> Tensor:
        """The features of all test pictures, (M, 128)."""
        return self.extractor.features(images_of(self.test))

    @cached_property
    def real_features(self) -> Tensor:
        """The features of `real`, (N, 128)."""
        return self.extractor.features(self.real)

    @cached_property
    def some(self) -> Tensor:
        """The first samples, as many as SOME and test pictures allow: uint8 (N, C, H, W)."""
        count = min(self.count, SOME, len(self.test.images))
        return torch.cat([*self._checked(self.draw(count))])

    @property
    def some_of_test(self) -> Tensor:
        """As many random test pictures: uint8 (N, C, H, W)."""
        rng = torch.Generator().manual_seed(self.seed)
        order = torch.randperm(len(self.test.images), generator=rng)
        return images_of(self.test)[order[: len(self.some)]]

    @property
    def some_of_train(self) -> Tensor:
        """As many random training pictures: uint8 (N, C, H, W)."""
        return images_of(self.train)[self.order[: len(self.some)]]

    @property
    def real(self) -> Tensor:
        """`count` random training pictures, or all if there are fewer: uint8 (N, C, H, W)."""
        return images_of(self.train)[self.order[: self.count]]

    @cached_property
    def order(self) -> Tensor:
        """A random order of the training pictures, which `seed` chooses: their indices, (N,)."""
        rng = torch.Generator().manual_seed(self.seed)
        return torch.randperm(len(self.train.images), generator=rng)

    def facts(self, protocol: Mapping[str, str]) -> dict[str, Any]:
        """Return the facts for JSON; `protocol` maps metric names to their own protocols."""
        return {
            "samples": self.count,
            "accuracy": self.extractor.accuracy,
            "protocol": {**self._protocol, **protocol},
        }

    def rows(self, protocol: Mapping[str, str]) -> Rows:
        """Return the same facts as rows of the table."""
        facts = {**self._protocol, "samples": f"{self.count:,}", **protocol}
        version = facts.pop("version")
        note = f"; compare only with {version}, not with {PROTOCOL}"
        facts = {"protocol": f"{version}{note if self.extractor.quick else ''}", **facts}
        return [("extractor accuracy", f"{self.extractor.accuracy:.2%}"), *facts.items()]

    @cached_property
    def _predictions(self) -> tuple[Tensor, Tensor]:
        """Features and predicted classes of the samples.

        Raises UsageError for too few samples or a wrong shape, DataError if they are not finite.
        """
        if self.count < 2:
            raise UsageError(
                "The Fréchet distance needs at least two samples.", hint="gan evaluate --help"
            )
        return predict_all(self.extractor.network, self._checked(self.draw(self.count)))

    @cached_property
    def predicted_by_class(self) -> Tensor:
        """The classes that the extractor predicts for `count` samples of `by_class`, (N,)."""
        assert self.by_class is not None
        return predict_all(self.extractor.network, self._checked(self.by_class.draw(self.count)))[1]

    def _checked(self, batches: Iterable[Tensor]) -> Iterator[Tensor]:
        expected = images_of(self.test).shape[1:]
        for batch in batches:
            if batch.shape[1:] != expected:
                theirs, ours = ("x".join(map(str, s)) for s in (batch.shape[1:], expected))
                raise UsageError(
                    f"The samples have the shape {theirs}, but the real pictures have {ours}."
                )
            yield quantise(batch)

    @property
    def _protocol(self) -> dict[str, Any]:
        name = self.extractor.dataset
        task = "quarter turns" if self.extractor.predicts_rotation else "classes"
        return {
            "version": f"{PROTOCOL}-quick" if self.extractor.quick else PROTOCOL,
            "extractor": f"the {FEATURES} features of gan's classifier "
            f"{self.extractor.version}, trained to "
            f"predict {task} on the training split of {name}",
            "samples": self.count,
            "labels": "as often as in the reference; for GAN-test and GAN-train equally often"
            if self.by_class
            else "none",
            "reference": f"the test split of {name}, {len(self.test.images):,} pictures",
        }


@dataclass(frozen=True, kw_only=True)
class Translations:
    """`generated` pictures and the ground `truth`, pair by pair: uint8 (H, W, C).

    With a `palette` they are label maps: each pixel counts as the label whose colour is nearest.
    """

    family: ClassVar[Kind] = Kind.LABEL_MAPS | Kind.PHOTOS

    generated: Sequence[Array]
    truth: Sequence[Array]
    palette: Palette = ()
    say: Say = silent

    @property
    def kinds(self) -> Kind:
        """The kinds of metrics that these translations allow."""
        return Kind.LABEL_MAPS if self.palette else Kind.PHOTOS

    @cached_property
    def confusion(self) -> Any:
        """The confusion matrix, int64 (K, K): pixels of true label i that became label j."""
        count = len(self.palette)
        table = np.zeros((count, count), np.int64)
        for generated, truth in zip(self.generated, self.truth, strict=True):
            joint = nearest(truth, self.palette) * count + nearest(generated, self.palette)
            table += np.bincount(joint.ravel(), minlength=count**2).reshape(count, count)
        return table

    @cached_property
    def stacked(self) -> tuple[Tensor, Tensor] | None:
        """Translations and truth, uint8 (N, C, H, W) each; None if they are few or vary in size."""
        if len(self.truth) < 4 or len({p.shape for p in (*self.generated, *self.truth)}) > 1:
            return None
        both = (torch.from_numpy(np.stack(list(p))) for p in (self.generated, self.truth))
        one, other = (pictures.permute(0, 3, 1, 2) for pictures in both)
        return one, other

    def mean(self, compare: Callable[[Tensor, Tensor], Tensor | float]) -> float:
        """Return the mean over pairs of `compare(generated, truth)`, (1, C, H, W) in [-1, 1]."""
        pairs = zip(self.generated, self.truth, strict=True)
        return float(np.mean([float(compare(_tensor(a), _tensor(b))) for a, b in pairs]))

    def facts(self, protocol: Mapping[str, str]) -> dict[str, Any]:
        """Return the facts for JSON; `protocol` maps metric names to their own protocols."""
        how = "means over pairs"
        if self.palette:
            how = f"each pixel counts as the nearest of {len(self.palette)} label colours"
        return {"pairs": len(self.truth), "protocol": "; ".join([how, *protocol.values()])}

    def rows(self, protocol: Mapping[str, str]) -> Rows:
        """Return the same facts as rows of the table."""
        return [("pairs", f"{len(self.truth):,}"), ("protocol", self.facts(protocol)["protocol"])]


Evidence = Samples | Translations


def _tensor(picture: Array) -> Tensor:
    return from_uint8(picture[None].copy())
