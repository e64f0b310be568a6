"""One file, one metric, or a few that are read from one table: `METRICS`, a tuple of `Metric`.

A file also says, in literals that are read without importing it:

- `IN_TRAINING = ("frechet",)`: the names of those that `gan train --evaluate-every` takes, too, and
  writes to metrics.jsonl;
- `TELLS_BEST = ("frechet",)`: the names of those, out of `IN_TRAINING`, that are lowest after the
  best epoch of a run.

Nothing else needs to know of a new file. Importing this module loads no torch.
"""

import enum
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from gancli import registry

Rows = list[tuple[str, ...]]


class Kind(enum.Flag):
    """What a metric can be computed from."""

    SAMPLES = enum.auto()  # pictures made from noise
    CLASSES = enum.auto()  # samples, where the real pictures have classes
    LABELLED = enum.auto()  # samples by a generator that was asked for them by class
    LABEL_MAPS = enum.auto()  # translations into the colours of a palette
    PHOTOS = enum.auto()  # any other translations


def _no_rows(_: Any) -> Rows:
    return []


@dataclass(frozen=True)
class Metric:
    """A number, or several by class, that says how good pictures are.

    `name` is its key in JSON. `compute` is given the evidence, an `evidence.Samples` or
    `evidence.Translations`; it returns None where the metric cannot be taken. `protocol` says of
    the same evidence what another needs to know to compare the value.

    In the table `show` turns the value into text beside the `title`, and `details` into rows below;
    without a title there are only those. Metrics with a lower `place` come first.
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
        """The rows of a table that show `value`."""
        own = [(self.title, self.show(value))] if self.title else []
        return [*own, *self.details(value)]


def every() -> list[Metric]:
    """All metrics, in the order of the table. Imports their files, and so torch."""
    files = (registry.load("metrics", name) for name in registry.names("metrics"))
    return sorted((m for file in files for m in file.METRICS), key=lambda metric: metric.place)


@cache
def in_training_names() -> tuple[str, ...]:
    """The names of the metrics that are taken during training."""
    return _declared("IN_TRAINING")


def tells_best(taken: Iterable[str]) -> str | None:
    """Of the metrics `taken` in a run, by name, the one that is lowest after its best epoch."""
    return next((name for name in _best_names() if name in set(taken)), None)


@cache
def _best_names() -> tuple[str, ...]:
    return _declared("TELLS_BEST")


def _declared(word: str) -> tuple[str, ...]:
    files = registry.names("metrics")
    return tuple(n for file in files for n in registry.declared("metrics", file, word, ()))
