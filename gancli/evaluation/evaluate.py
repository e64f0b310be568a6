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
from gancli.evaluation import metrics
from gancli.evaluation.evidence import ByClass, Evidence, Samples, Translations
from gancli.evaluation.extractor import extractor_for
from gancli.evaluation.frequencies import natural_labels
from gancli.evaluation.metrics import EvidenceMetric, Rows
from gancli.gan import Feeds
from gancli.reporting import Progress, Say, silent
from gancli.sampling import samples as sampling
from gancli.sampling import translate
from gancli.sampling.find import dataset_of
from gancli.sampling.generator import Generator
from gancli.shape import Direction

SAMPLES, QUICK_SAMPLES = 10_000, 2_000  # to measure, by default
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

    def numbers(self) -> dict[str, float]:
        """Return the metrics that training records after an epoch, by name."""
        found = self.values.items()
        return {m.name: value for m, value in found if m.in_training and value is not None}


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
    in_training: bool = False,
) -> Evaluation:
    """Measure `generator` on this many `samples`, or on the test pairs if it translates pictures.

    It is compared with the pictures of `dataset`, by default those that it was trained on. Raises
    UsageError if those come from a .py file: name that file as `dataset`.

    `quick` takes seconds instead of minutes: it measures fewer samples (QUICK_SAMPLES instead of
    SAMPLES, unless `samples` says how many), uses an extractor that was trained for a few seconds,
    and leaves out slow metrics. Its figures can only be compared with each other.

    With `in_training`, compute only the quick metrics that are meant for it. That leaves out slow
    ones such as GAN-train, which trains another classifier.
    """
    where, source = places(data_dir, say), dataset_of(generator.header, dataset)
    evidence = (
        _translations(generator, source, seed, where, say, progress)
        if Feeds.IMAGE in generator.model.feeds
        else _samples(generator, source, samples, seed, where, say, progress, quick)
    )
    return measure(evidence, in_training=in_training, quick=quick)


def measure(evidence: Evidence, in_training: bool = False, quick: bool = False) -> Evaluation:
    """Compute every metric that applies to `evidence`.

    With `quick`, those that are slow are left out; with `in_training`, all that are not meant for
    training.
    """
    family = [m for m in metrics.every() if m.of in evidence.family]
    chosen = [
        m
        for m in family
        if m.of in evidence.kinds and (m.in_training or not in_training) and not (m.slow and quick)
    ]
    values = {m: m.compute(evidence) if m in chosen else None for m in family}
    protocol = {m.name: m.protocol(evidence) for m in chosen if m.protocol}
    return Evaluation(
        values=values, facts=evidence.facts(protocol), fact_rows=evidence.rows(protocol)
    )


def _samples(
    generator: Generator,
    source: str,
    samples: int | None,
    seed: int,
    where: Places,
    say: Say,
    progress: Progress,
    quick: bool = False,
) -> Samples:
    train, test = _real(generator, source, where, say)
    if len(test.images) < FEW:
        say(
            f"The test split of {test.name} has only {len(test.images):,} pictures, so distances "
            "to it vary by chance: compare them with the floor, not with those of other datasets."
        )
    count = samples or (QUICK_SAMPLES if quick else SAMPLES)

    def seeds(count: int) -> range:  # no two values of `seed` share a sample
        return range(seed * count, (seed + 1) * count)

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
        extractor=extractor_for(train, test, where.cache, say, progress, quick),
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
    shape = generator.shape
    train, test = (
        open_pictures(source, where, split, size=shape.size, channels=shape.channels, say=say)
        for split in ("train", "test")
    )
    if generator.header.dataset.digest != train.digest:
        trained = generator.path or "the generator"
        say(f"The pictures of {source} are not the ones that {trained} was trained on.")
    return train, test


def _translations(
    generator: Generator, source: str, seed: int, where: Places, say: Say, progress: Progress
) -> Translations:
    """Translate the test pictures; their partners are the ground truth."""
    test = open_pictures(source, where, "test", size=generator.shape.size, pairs=True, say=say)
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
