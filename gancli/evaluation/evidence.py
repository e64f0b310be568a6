"""What metrics are computed from: pictures that were made, and the real ones they are held against.

What several metrics share (features, recognised classes, the confusion of labels) is computed when
the first of them asks for it.
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
    VERSION,
    images_of,
    look_at_all,
    quantise,
)
from gancli.evaluation.extractor import Extractor
from gancli.evaluation.metrics import Kind, Rows
from gancli.images import Array, from_uint8
from gancli.reporting import Progress, Say, silent


@dataclass(frozen=True, kw_only=True)
class Samples:
    """`count` samples beside the real pictures.

    `draw` makes any number of samples, as batches (B, C, H, W), uint8 or in [-1, 1]; `asked` says
    for which classes (N,) they were asked, if the generator is. Samples are rounded to bytes, as
    the files that users see are. `seed` draws the training pictures that they are compared with.
    """

    family: ClassVar[Kind] = Kind.SAMPLES | Kind.CLASSES | Kind.LABELLED

    draw: Callable[[int], Iterable[Tensor]]
    count: int
    extractor: Extractor
    train: Pictures
    test: Pictures
    asked: Callable[[int], Tensor] | None = None
    seed: int = 0
    say: Say = silent
    progress: Progress = silent

    @property
    def kinds(self) -> Kind:
        """What can be computed from them."""
        classes = Kind(0) if self.extractor.turns else Kind.CLASSES
        return Kind.SAMPLES | classes | (Kind.LABELLED if self.asked else Kind(0))

    @property
    def features(self) -> Tensor:
        """The extractor's, (N, 128)."""
        return self._seen[0]

    @property
    def recognised(self) -> Tensor:
        """The classes that the extractor takes them for, (N,)."""
        return self._seen[1]

    @cached_property
    def reference(self) -> Tensor:
        """The features of the whole test split, (M, 128)."""
        return self.extractor.features(images_of(self.test))

    @cached_property
    def real(self) -> Tensor:
        """As many training pictures as samples, or all there are: uint8 (N, C, H, W)."""
        rng = torch.Generator().manual_seed(self.seed)
        order = torch.randperm(len(self.train.images), generator=rng)
        return images_of(self.train)[order[: self.count]]

    def facts(self, protocol: Mapping[str, str]) -> dict[str, Any]:
        """What JSON says beside the metrics, with what those said of their `protocol`."""
        return {
            "samples": self.count,
            "accuracy": self.extractor.accuracy,
            "protocol": {**self._protocol, **protocol},
        }

    def rows(self, protocol: Mapping[str, str]) -> Rows:
        """The same for the table."""
        said = {**self._protocol, "samples": f"{self.count:,}", **protocol}
        return [("accuracy of the extractor", f"{self.extractor.accuracy:.2%}"), *said.items()]

    @cached_property
    def _seen(self) -> tuple[Tensor, Tensor]:
        """Raises UsageError for too few or misshapen samples, DataError where they diverged."""
        if self.count < 2:
            raise UsageError("A distance needs at least two samples.", hint="gan evaluate --help")
        return look_at_all(self.extractor.network, self._batches())

    def _batches(self) -> Iterator[Tensor]:
        expected = images_of(self.test).shape[1:]
        for batch in self.draw(self.count):
            if batch.shape[1:] != expected:
                theirs, ours = ("x".join(map(str, s)) for s in (batch.shape[1:], expected))
                raise UsageError(f"The samples are {theirs}, the real pictures {ours}.")
            yield quantise(batch)

    @property
    def _protocol(self) -> dict[str, Any]:
        name = self.extractor.dataset
        return {
            "extractor": f"classifier {VERSION} of gan, trained on the training split of {name}"
            f"{', to tell quarter turns' if self.extractor.turns else ''}; its {FEATURES} features",
            "samples": self.count,
            "reference": f"the test split of {name}, {len(self.test.images):,} pictures",
        }


@dataclass(frozen=True, kw_only=True)
class Translations:
    """Pictures `made` from others beside the truth, one by one: uint8 (H, W, C).

    They are label maps where there is a `palette`: every pixel counts as the label whose colour is
    nearest.
    """

    family: ClassVar[Kind] = Kind.LABEL_MAPS | Kind.PHOTOS

    made: Sequence[Array]
    truth: Sequence[Array]
    palette: Palette = ()
    say: Say = silent

    @property
    def kinds(self) -> Kind:
        """What can be computed from them."""
        return Kind.LABEL_MAPS if self.palette else Kind.PHOTOS

    @cached_property
    def confusion(self) -> Any:
        """How many pixels of true label i were made label j, over all pictures: int64 (K, K)."""
        count = len(self.palette)
        table = np.zeros((count, count), np.int64)
        for made, truth in zip(self.made, self.truth, strict=True):
            joint = nearest(truth, self.palette) * count + nearest(made, self.palette)
            table += np.bincount(joint.ravel(), minlength=count**2).reshape(count, count)
        return table

    def mean(self, compare: Callable[[Tensor, Tensor], Tensor | float]) -> float:
        """The mean over the pairs of what `compare` says of one, both (1, C, H, W) in [-1, 1]."""
        pairs = zip(self.made, self.truth, strict=True)
        return float(np.mean([float(compare(_tensor(a), _tensor(b))) for a, b in pairs]))

    def facts(self, protocol: Mapping[str, str]) -> dict[str, Any]:
        """What JSON says beside the metrics, with what those said of their `protocol`."""
        every = f"nearest of {len(self.palette)} colours" if self.palette else "means over pairs"
        return {"pairs": len(self.truth), "protocol": "; ".join([every, *protocol.values()])}

    def rows(self, protocol: Mapping[str, str]) -> Rows:
        """The same for the table."""
        return [("pairs", f"{len(self.truth):,}"), ("protocol", self.facts(protocol)["protocol"])]


Evidence = Samples | Translations


def _tensor(picture: Array) -> Tensor:
    return from_uint8(picture[None].copy())
