"""Precision and recall: how realistic samples are, and how much of the real pictures they cover.

Improved Precision and Recall Metric for Assessing Generative Models. Tuomas Kynkäänniemi, Tero
Karras, Samuli Laine, Jaakko Lehtinen, Timo Aila, 2019, arXiv:1904.06991.

Real training pictures in place of samples show what a perfect generator would get.
"""

import torch
from torch import Tensor

from gancli.evaluation.evidence import Samples
from gancli.evaluation.metrics import EvidenceMetric, Kind

K = 3  # neighbours, as in the paper
ROWS = 1000  # features that are compared with all others at once: memory, not results


def covered(features: Tensor, by: Tensor, k: int = K) -> float:
    """Return the share of `features` (N, D) in the manifold of `by` (M, D); eq. 1 and 2.

    A feature is in it if it is within the radius of one of `by`: the distance of that one to the
    k-th nearest of the others. With fewer than k others, it is the distance to the farthest.
    """
    radii = _radii(by, min(k, len(by) - 1))
    inside = [(torch.cdist(rows, by) <= radii).any(1) for rows in torch.split(features, ROWS)]
    return torch.cat(inside).double().mean().item()


def _radii(features: Tensor, k: int) -> Tensor:
    """Return the distance of each of `features` (N, D) to its k-th nearest neighbour, (N,)."""
    # The nearest one to a feature is itself, at the distance 0.
    nearest = [
        torch.cdist(rows, features).kthvalue(k + 1).values for rows in torch.split(features, ROWS)
    ]
    return torch.cat(nearest)


def _precision(samples: Samples) -> float:
    return covered(samples.features, by=samples.reference)


def _recall(samples: Samples) -> float:
    return covered(samples.reference, by=samples.features)


def _of_real_pictures(samples: Samples) -> dict[str, float]:
    real = samples.real_features
    return {
        "precision": covered(real, by=samples.reference),
        "recall": covered(samples.reference, by=real),
    }


def _rows(values: dict[str, float]) -> list[tuple[str, ...]]:
    shown = f"{values['precision']:.1%}, {values['recall']:.1%}"
    return [("  precision and recall of real training pictures", shown)]


SHOW = "{:.1%}".format
METRICS = (
    EvidenceMetric(
        "precision",
        "higher",
        SHOW,
        title="precision: samples that look real",
        of=Kind.SAMPLES,
        compute=_precision,
        protocol=lambda _: f"{K} nearest neighbours among those features",
        place=12,
        slow=True,
    ),
    EvidenceMetric(
        "recall",
        "higher",
        SHOW,
        title="recall: real pictures that samples cover",
        of=Kind.SAMPLES,
        compute=_recall,
        place=13,
        slow=True,
    ),
    EvidenceMetric(
        "real_precision_recall",
        of=Kind.SAMPLES,
        compute=_of_real_pictures,
        details=_rows,
        place=14,
        slow=True,
    ),
)
