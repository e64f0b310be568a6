"""GAN-test and GAN-train: do samples show the requested class, and can a classifier learn it?

Shmelkov, Schmid, Alahari 2018, arXiv:1807.09499. GAN-train is the classification accuracy score of
Ravuri and Vinyals 2019, arXiv:1905.10887. Both papers train on as many samples as there are real
training pictures.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from gancli.evaluation.classifier import Scores, fit, images_of, labels_of, quantise, score, scores
from gancli.evaluation.evidence import Samples
from gancli.evaluation.metrics import EvidenceMetric, Kind, Rows


def gan_test(samples: Samples) -> Scores | None:
    """Return the extractor's accuracy on samples: how often it predicts the requested class."""
    if samples.by_class is None:
        return None
    requested = samples.by_class.labels(samples.count)
    return scores(samples.predicted_by_class, requested, samples.extractor.classes)


@dataclass(frozen=True, kw_only=True)
class LearnedFromSamples(Scores):
    """The accuracy of a classifier trained on samples only, and of one trained on real pictures."""

    real: float


def gan_train(samples: Samples) -> LearnedFromSamples | None:
    """Return the accuracy on real test pictures of a classifier trained on samples only.

    The extractor is the same classifier trained on as many real pictures, so it is the ceiling.
    """
    if samples.by_class is None:
        return None
    count, test = len(samples.train.images), samples.test
    samples.say(f"Training a classifier on {count:,} samples for GAN-train.")
    fakes = torch.cat([quantise(batch) for batch in samples.by_class.draw(count)])
    labels, classes = samples.by_class.labels(count), len(test.classes)
    network = fit(fakes, labels, classes, seed=samples.seed, progress=samples.progress)
    found = score(network, images_of(test), labels_of(test), test.classes)
    return LearnedFromSamples(
        overall=found.overall, per_class=found.per_class, real=samples.extractor.accuracy
    )


def _overall(result: Scores) -> str:
    return f"{result.overall:.2%}"


def _details(result: Scores) -> Rows:
    by_class = ", ".join(f"{name} {s:.1%}" for name, s in result.per_class.items())
    ceiling = result.real if isinstance(result, LearnedFromSamples) else None
    rows: Rows = [] if ceiling is None else [("  when trained on real pictures", f"{ceiling:.2%}")]
    return [*rows, ("  by class", by_class)]


def _metric(
    name: str, title: str, compute: Callable[[Samples], Scores | None], slow: bool = False
) -> EvidenceMetric:
    return EvidenceMetric(
        name,
        "higher",
        _overall,
        title=title,
        of=Kind.LABELLED,
        compute=compute,
        details=_details,
        place=30,
        slow=slow,
    )


METRICS = (
    _metric("gan_test", "samples that show the requested class (GAN-test)", gan_test),
    _metric("gan_train", "accuracy when trained on samples only (GAN-train)", gan_train, slow=True),
)
