"""Metrics: each file in this folder defines one, or a few related ones, in a tuple `METRICS`.

A file may also declare, as literals that are read without importing it:

- `IN_TRAINING = ("frechet",)`: names of metrics that `gan train --evaluate-every` computes as well
  and writes to metrics.jsonl;
- `BEST_EPOCH_METRICS = ("frechet",)`: names of metrics, out of `IN_TRAINING`, that choose the best
  epoch of a run: the one with the lowest value.

A new file is found without being registered anywhere. Importing this package does not load torch.
"""

import enum
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from gancli import registry

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


@dataclass(frozen=True)
class Metric:
    """A metric: how to compute it, and how to show it.

    `name` is its key in JSON, `of` the kind of evidence that it needs, and `better` says which
    direction is an improvement. `compute` receives the evidence, an `evidence.Samples` or
    `evidence.Translations`, and returns a number, or several by class, or None if the metric cannot
    be computed. `protocol` describes how it was measured, so that values can be compared.

    In the table, the row has the `title` and the value formatted by `show`; `details` returns more
    rows below it. Without a title there are only the details. Metrics with a lower `place` come
    first.
    """

    name: str
    title: str
    of: Kind
    compute: Callable[[Any], Any]
    better: Literal["lower", "higher"] | None = None
    show: Callable[[Any], str] = "{:.3f}".format
    details: Callable[[Any], Rows] = _no_rows
    protocol: Callable[[Any], str] | None = None
    place: int = 100

    def rows(self, value: Any) -> Rows:
        """Return the rows of the table that show `value`."""
        own = [(self.title, self.show(value))] if self.title else []
        return [*own, *self.details(value)]


def every() -> list[Metric]:
    """Return all metrics, in the order of the table. Imports their files, and so torch."""
    files = (registry.load("metrics", name) for name in registry.names("metrics"))
    return sorted((m for file in files for m in file.METRICS), key=lambda metric: metric.place)


@cache
def in_training_names() -> tuple[str, ...]:
    """Return the names of the metrics that are computed during training."""
    return _declared("IN_TRAINING")


def best_epoch_metric(measured: Iterable[str]) -> str | None:
    """Return the one of the `measured` metrics whose lowest value marks the best epoch, or None."""
    return next((name for name in _best_names() if name in set(measured)), None)


@cache
def _best_names() -> tuple[str, ...]:
    return _declared("BEST_EPOCH_METRICS")


def _declared(constant: str) -> tuple[str, ...]:
    files = registry.names("metrics")
    return tuple(n for file in files for n in registry.declared("metrics", file, constant, ()))
