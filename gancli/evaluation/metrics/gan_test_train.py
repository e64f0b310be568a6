"""GAN-test and GAN-train: are fakes what was asked for, and can they teach a classifier?

Shmelkov, Schmid, Alahari 2018, arXiv:1807.09499. GAN-train is the classification accuracy score of
Ravuri and Vinyals 2019, arXiv:1905.10887; both papers use as many fakes as real training pictures.
"""

from collections.abc import Callable

import torch

from gancli.evaluation.classifier import Scores, fit, images_of, labels_of, quantise, score, scores
from gancli.evaluation.evidence import Samples
from gancli.evaluation.metrics import Kind, Metric, Rows


def gan_test(samples: Samples) -> Scores | None:
    """How many fakes the extractor recognises as the class that was asked for."""
    if samples.asked is None:
        return None
    asked = samples.asked(samples.count)
    return scores(samples.recognised, asked, samples.extractor.classes)


def gan_train(samples: Samples) -> Scores | None:
    """How many real test pictures a classifier recognises that saw nothing but fakes."""
    if samples.asked is None:
        return None
    count, test = len(samples.train.images), samples.test
    samples.say(f"Training a classifier on {count:,} samples alone.")
    fakes = torch.cat([quantise(batch) for batch in samples.draw(count)])
    labels, classes = samples.asked(count), len(test.classes)
    network = fit(fakes, labels, classes, seed=samples.seed, progress=samples.progress)
    return score(network, images_of(test), labels_of(test), test.classes)


def _overall(found: Scores) -> str:
    return f"{found.overall:.2%}"


def _by_class(found: Scores) -> Rows:
    return [("  by class", ", ".join(f"{name} {s:.1%}" for name, s in found.per_class.items()))]


def _metric(name: str, title: str, compute: Callable[[Samples], Scores | None]) -> Metric:
    return Metric(name, title, Kind.LABELLED, compute, "higher", _overall, _by_class, place=30)


METRICS = (
    _metric("gan_test", "recognised as asked for (GAN-test)", gan_test),
    _metric("gan_train", "taught by samples alone (GAN-train)", gan_train),
)
