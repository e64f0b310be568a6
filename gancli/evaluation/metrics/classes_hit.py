"""Which classes the samples show: the share that is hit at all, and the share of each.

A class is hit where the extractor recognises it in the samples at least a tenth as often as it
occurs in the test split.
"""

import torch
from torch import Tensor

from gancli.evaluation.classifier import labels_of
from gancli.evaluation.evidence import Samples
from gancli.evaluation.metrics import Kind, Metric

IN_TRAINING = ("classes_hit",)

HIT = 0.1  # of its expected frequency makes a class count as hit


def classes_hit(counts: Tensor, labels: Tensor) -> float:
    """The share of classes in `labels` (N,) whose `counts` (K,) reach a tenth of what is expected.

    Expected is the frequency of the class among `labels`; a class that is not there is left out.
    """
    expected = torch.bincount(labels, minlength=len(counts)) / len(labels)
    hit = counts / counts.sum() >= HIT * expected
    return hit[expected > 0].double().mean().item()


def _counts(samples: Samples) -> Tensor:
    return torch.bincount(samples.recognised, minlength=len(samples.extractor.classes))


def _hit(samples: Samples) -> float:
    return classes_hit(_counts(samples), labels_of(samples.test))


def _shares(samples: Samples) -> dict[str, float]:
    shares = _counts(samples) / samples.count
    return dict(zip(samples.extractor.classes, shares.tolist(), strict=True))


METRICS = (
    Metric("classes_hit", "classes hit", Kind.CLASSES, _hit, "higher", "{:.0%}".format, place=20),
    Metric("shares", "", Kind.CLASSES, _shares),
)
