"""GAN-test and GAN-train: do samples show the requested class, and can a classifier learn it?

Shmelkov, Schmid, Alahari 2018, arXiv:1807.09499. GAN-train is the classification accuracy score of
Ravuri and Vinyals 2019, arXiv:1905.10887. Both papers train on as many samples as there are real
training pictures.
"""

from collections.abc import Callable

import torch

from gancli.evaluation.classifier import Scores, fit, images_of, labels_of, quantise, score, scores
from gancli.evaluation.evidence import Samples
from gancli.evaluation.metrics import EvidenceMetric, Kind, Rows


def gan_test(samples: Samples) -> Scores | None:
    """Return the extractor's accuracy on samples: how often it predicts the requested class."""
    if samples.requested is None:
        return None
    requested = samples.requested(samples.count)
    return scores(samples.predicted, requested, samples.extractor.classes)


def gan_train(samples: Samples) -> Scores | None:
    """Return the accuracy on real test pictures of a classifier trained on samples only."""
    if samples.requested is None:
        return None
    count, test = len(samples.train.images), samples.test
    samples.say(f"Training a classifier on {count:,} samples for GAN-train.")
    fakes = torch.cat([quantise(batch) for batch in samples.draw(count)])
    labels, classes = samples.requested(count), len(test.classes)
    network = fit(fakes, labels, classes, seed=samples.seed, progress=samples.progress)
    return score(network, images_of(test), labels_of(test), test.classes)


def _overall(result: Scores) -> str:
    return f"{result.overall:.2%}"


def _by_class(result: Scores) -> Rows:
    return [("  by class", ", ".join(f"{name} {s:.1%}" for name, s in result.per_class.items()))]


def _metric(name: str, title: str, compute: Callable[[Samples], Scores | None]) -> EvidenceMetric:
    return EvidenceMetric(
        name,
        "higher",
        _overall,
        title=title,
        of=Kind.LABELLED,
        compute=compute,
        details=_by_class,
        place=30,
    )


METRICS = (
    _metric("gan_test", "samples that show the requested class (GAN-test)", gan_test),
    _metric("gan_train", "accuracy when trained on samples only (GAN-train)", gan_train),
)
