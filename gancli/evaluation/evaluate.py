"""Measure a generator against the dataset that it was trained on.

`evaluate` draws samples or translations and computes every metric that applies to them.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, is_dataclass
from html import escape
from pathlib import Path
from typing import Any

import torch

from gancli.data.pictures import Pictures, Places, places
from gancli.datasets import open_pictures
from gancli.errors import DataError
from gancli.evaluation import metrics
from gancli.evaluation.evidence import ByClass, Evidence, Samples, Translations
from gancli.evaluation.extractor import Extractor, extractor_for
from gancli.evaluation.frequencies import natural_labels
from gancli.evaluation.metrics import EvidenceMetric, Rows
from gancli.gan import Feeds
from gancli.points import check_pictures
from gancli.reporting import Progress, Say, silent
from gancli.sampling import samples as sampling
from gancli.sampling import translate
from gancli.sampling.find import dataset_of
from gancli.sampling.generator import Generator
from gancli.shape import Direction

SAMPLES, QUICK_SAMPLES = 10_000, 2_000  # to measure, by default
VALIDATION_SEEDS = 2**31  # the first of `validate`; those of `evaluate` start at 0
FEW = 500  # test pictures, with fewer of which a distance says little


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The values of the metrics, and how they were measured.

    `values` has every metric for this kind of evidence, None where a metric does not apply. `facts`
    (for JSON) and `fact_rows` (for the table) describe the evidence and the protocol, without which
    values cannot be compared.
    """

    values: Mapping[EvidenceMetric, Any]
    facts: Mapping[str, Any]
    fact_rows: Rows

    def rows(self) -> Rows:
        """Return the metrics that apply, and their protocol, as rows of a table."""
        found = [m.rows(value) for m, value in self.values.items() if value is not None]
        return [row for rows in (*found, self.fact_rows) for row in rows]

    def _repr_html_(self) -> str:
        """Show the rows as a table in a notebook."""
        rows = ("".join(f"<td>{escape(cell)}</td>" for cell in row) for row in self.rows())
        return f"<table>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>"

    def as_dict(self) -> dict[str, Any]:
        """Return the metrics by name, and their protocol, for JSON."""
        return {**{m.name: _plain(v) for m, v in self.values.items()}, **self.facts}


def evaluate(
    generator: Generator,
    *,
    dataset: str | None = None,
    samples: int | None = None,
    seed: int = 0,
    quick: bool = False,
    data_dir: Path | None = None,
    say: Say = silent,
    progress: Progress = silent,
) -> Evaluation:
    """Measure `generator` on this many `samples`, or on the test pairs if it translates pictures.

    It is compared with the pictures of `dataset`, by default those that it was trained on. Raises
    UsageError if those come from a .py file: name that file as `dataset`. Points in the plane are
    refused, too.

    `quick` takes seconds instead of minutes: it measures fewer samples (QUICK_SAMPLES instead of
    SAMPLES, unless `samples` says how many), uses an extractor that was trained for a few seconds,
    and leaves out slow metrics. Its figures can only be compared with each other.
    """
    ref = str(generator.path or "the generator of this run")
    check_pictures(generator.shape, ref, ref)
    where, source = places(data_dir, say), dataset_of(generator.header, dataset)
    if Feeds.IMAGE in generator.model.feeds:
        size = generator.shape.size
        pairs = open_pictures(source, where, "test", size=size, pairs=True, say=say)
        return measure(_translations(generator, pairs, seed, say, progress), quick=quick)
    train, test = _real(generator, source, where, say)
    if len(test.images) < FEW:
        say(
            f"The test split of {test.name} has only {len(test.images):,} pictures, so distances "
            "to it vary by chance: compare them with the floor, not with those of other datasets."
        )
    count = samples or (QUICK_SAMPLES if quick else SAMPLES)
    extractor = extractor_for(train, test, where.cache, say, progress, quick)
    evidence = _samples(generator, train, test, extractor, count, seed, 0, say, progress)
    return measure(evidence, quick=quick)


def validate(
    generator: Generator,
    train: Pictures,
    chosen: Pictures,
    dataset: str,
    data_dir: Path | None = None,
    say: Say = silent,
) -> dict[str, float]:
    """Return the metrics of an epoch by name, such as `val_frechet`.

    Samples or translations are compared with the pictures in `chosen`. These are a part of `train`,
    the training pictures of `dataset` in the size and channels of the generator. Their seeds are
    not those of `evaluate`, but the extractor is: it has seen these pictures, which affects all
    epochs alike. No test pictures are needed.
    """
    evidence: Evidence
    if Feeds.IMAGE in generator.model.feeds:
        evidence = _translations(generator, chosen, 0, say, silent)
    else:
        where = places(data_dir, say)
        try:
            test = _open(generator, dataset, "test", where, say)
        except DataError:  # there is none
            test = chosen
        extractor = extractor_for(train, test, where.cache, say)
        evidence = _samples(
            generator, train, chosen, extractor, SAMPLES, 0, VALIDATION_SEEDS, say, silent
        )
    return numbers(evidence)


def numbers(evidence: Evidence) -> dict[str, float]:
    """Compute the metrics of `evidence` that training records after an epoch, by name."""
    found = {m: m.compute(evidence) for m in metrics.of_validation() if m.of in evidence.kinds}
    return {m.name: value for m, value in found.items() if value is not None}


def measure(evidence: Evidence, quick: bool = False) -> Evaluation:
    """Compute every metric that applies to `evidence`; with `quick`, leave out slow ones."""
    family = [m for m in metrics.every() if m.of in evidence.family]
    chosen = [m for m in family if m.of in evidence.kinds and not (m.slow and quick)]
    values = {m: m.compute(evidence) if m in chosen else None for m in family}
    measured = [m for m in chosen if values[m] is not None]
    protocol = {m.name: m.protocol(evidence) for m in measured if m.protocol}
    return Evaluation(
        values=values, facts=evidence.facts(protocol), fact_rows=evidence.rows(protocol)
    )


def _samples(
    generator: Generator,
    train: Pictures,
    test: Pictures,
    extractor: Extractor,
    count: int,
    seed: int,
    first: int,
    say: Say,
    progress: Progress,
) -> Samples:
    """Return samples of a generator, whose seeds start at `first`, to compare with `test`."""

    def seeds(count: int) -> range:  # no two values of `seed` share a sample
        return range(first + seed * count, first + (seed + 1) * count)

    def natural(count: int) -> list[int]:
        known = generator.labelled and test.classes == generator.header.classes
        return natural_labels(test.labels, seeds(count)) if known else []

    def uniform(count: int) -> list[int]:
        return sampling.default_labels(generator, seeds(count))

    by_class = ByClass(
        draw=lambda count: sampling.batches(generator, seeds(count), uniform(count)),
        labels=lambda count: torch.tensor(uniform(count)),
    )
    return Samples(
        draw=lambda count: sampling.batches(generator, seeds(count), natural(count)),
        count=count,
        extractor=extractor,
        train=train,
        test=test,
        by_class=by_class if generator.labelled else None,
        seed=seed,
        say=say,
        progress=progress,
    )


def _real(generator: Generator, source: str, where: Places, say: Say) -> tuple[Pictures, Pictures]:
    """Open the training and the test pictures in the size and channels of the generator.

    Tells the user if they are not the pictures that the generator was trained on.
    """
    train, test = (_open(generator, source, split, where, say) for split in ("train", "test"))
    if generator.header.dataset.digest != train.digest:
        trained = generator.path or "the generator"
        say(f"The pictures of {source} are not the ones that {trained} was trained on.")
    return train, test


def _open(generator: Generator, source: str, split: str, where: Places, say: Say) -> Pictures:
    shape = generator.shape
    return open_pictures(source, where, split, size=shape.size, channels=shape.channels, say=say)


def _translations(
    generator: Generator, test: Pictures, seed: int, say: Say, progress: Progress
) -> Translations:
    """Translate the pairs in `test`; the partners are the ground truth."""
    direction = generator.header.direction or Direction.A2B
    given, truth = direction.of((test.images, test.partners))
    palette = test.palette if direction.generates_b else ()
    generated = []
    for number, picture in enumerate(given, 1):
        generated.append(translate.picture(generator, picture, seed))
        progress("translating", number, len(given))
    return Translations(generated=generated, truth=truth, palette=palette, say=say)


def _plain(value: Any) -> Any:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
