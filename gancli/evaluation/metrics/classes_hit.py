"""How well samples cover the classes: the share of classes that are hit, and each class's share.

A class is hit if the extractor predicts it for samples at least a tenth as often as it occurs in
the test split.
"""

import torch
from torch import Tensor

from gancli.evaluation.classifier import labels_of
from gancli.evaluation.evidence import Samples
from gancli.evaluation.metrics import EvidenceMetric, Kind

HIT = 0.1  # a class is hit from this share of its expected frequency on


def classes_hit(counts: Tensor, labels: Tensor) -> float:
    """Return the share of classes that are hit, given the `counts` (K,) of predicted classes.

    The expected frequency of a class is the one among the real `labels` (N,); classes that do not
    occur there are left out.
    """
    expected = torch.bincount(labels, minlength=len(counts)) / len(labels)
    hit = counts / counts.sum() >= HIT * expected
    return hit[expected > 0].double().mean().item()


def _counts(samples: Samples) -> Tensor:
    return torch.bincount(samples.predicted, minlength=len(samples.extractor.classes))


def _hit(samples: Samples) -> float:
    return classes_hit(_counts(samples), labels_of(samples.test))


def _shares(samples: Samples) -> dict[str, float]:
    shares = _counts(samples) / samples.count
    return dict(zip(samples.extractor.classes, shares.tolist(), strict=True))


METRICS = (
    EvidenceMetric(
        "classes_hit",
        "higher",
        "{:.0%}".format,
        title="classes hit",
        of=Kind.CLASSES,
        compute=_hit,
        place=20,
        in_training=True,
    ),
    EvidenceMetric("shares", of=Kind.CLASSES, compute=_shares),
)
