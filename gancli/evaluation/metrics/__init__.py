"""Metrics: each file in this folder defines one, or a few related ones, in a tuple `METRICS`.

A new file is found without being registered anywhere. Importing this package does not load torch.
"""

import enum
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from gancli import registry
from gancli.metric import Metric

Rows = list[tuple[str, ...]]


class Kind(enum.Flag):
    """The evidence that a metric is computed from."""

    SAMPLES = enum.auto()  # samples of any generator
    CLASSES = enum.auto()  # samples of a generator whose dataset has classes
    LABELLED = enum.auto()  # samples of a generator that takes class labels
    LABEL_MAPS = enum.auto()  # translations to label maps, which have a palette
    PHOTOS = enum.auto()  # all other translations


def _no_rows(_: Any) -> Rows:
    return []


@dataclass(frozen=True, kw_only=True)
class EvidenceMetric(Metric):
    """A metric that is computed from samples or translations: how to do so, and how to show it.

    `of` is the kind of evidence that it needs. `compute` receives the evidence, an
    `evidence.Samples` or `evidence.Translations`, and returns a number, or several by class, or
    None if the metric cannot be computed. `protocol` describes how it was measured, so that values
    can be compared. With `in_training`, `gan train --evaluate-every` computes it as well; with
    `best_epoch`, it then tells which epoch is the best. A `slow` one is left out by --quick.

    In the table, the row has the `title` and the value formatted by `show`; `details` returns more
    rows below it. Without a title there are only the details. Metrics with a lower `place` come
    first.
    """

    title: str = ""
    of: Kind
    compute: Callable[[Any], Any]
    details: Callable[[Any], Rows] = _no_rows
    protocol: Callable[[Any], str] | None = None
    place: int = 100
    in_training: bool = False
    slow: bool = False

    def rows(self, value: Any) -> Rows:
        """Return the rows of the table that show `value`."""
        title = f"{self.title} ({self.better} is better)" if self.better else self.title
        own = [(title, self.show(value))] if self.title else []
        return [*own, *self.details(value)]


@cache
def every() -> tuple[EvidenceMetric, ...]:
    """Return all metrics, in the order of the table. Imports their files, and so torch."""
    files = (registry.load("metrics", name) for name in registry.names("metrics"))
    return tuple(sorted((m for file in files for m in file.METRICS), key=lambda m: m.place))


@cache
def of_validation() -> tuple[EvidenceMetric, ...]:
    """Return the metrics of `gan train --evaluate-every`, named after the validation pictures."""
    return tuple(replace(m, name=f"val_{m.name}") for m in every() if m.in_training)


def best_epoch_metric(measured: Collection[str]) -> Metric | None:
    """Return the one of the `measured` metrics that tells which epoch is the best, or None."""
    return next((m for m in of_validation() if m.best_epoch and m.name in measured), None)
