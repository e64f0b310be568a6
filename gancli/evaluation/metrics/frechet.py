"""The Fréchet distance between the features of samples and of real test pictures.

Two more distances say what a perfect generator would get. `floor` is that of as many real training
pictures: this metric cannot distinguish samples near the floor from them. It has two parts.
`sampling_error` is the distance between training pictures and other training pictures, which is not
0 because their number is finite. The rest is how far the two splits are apart.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from gancli.evaluation.classifier import images_of
from gancli.evaluation.evidence import Samples
from gancli.evaluation.metrics import EvidenceMetric, Kind


class Gaussian(NamedTuple):
    """The mean (D,) and covariance (D, D) of features, float64."""

    mean: Tensor
    cov: Tensor


def frechet(a: Gaussian, b: Gaussian) -> float:
    """Return |m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2)); Heusel et al. 2017, eq. 6.

    arXiv:1706.08500. The trace of (C_a C_b)^(1/2) equals that of (C_a^(1/2) C_b C_a^(1/2))^(1/2),
    which is the sum of the singular values of C_a^(1/2) C_b^(1/2). So roots are taken of symmetric
    matrices only, and features that are always zero do no harm.
    """
    cross = torch.linalg.svdvals(_root(a.cov) @ _root(b.cov)).sum()
    distance = (a.mean - b.mean).square().sum() + a.cov.trace() + b.cov.trace() - 2 * cross
    return max(0.0, float(distance))


def gaussian(features: Tensor) -> Gaussian:
    """Return the mean and the unbiased covariance of features (N, D), in float64."""
    x = features.double()
    return Gaussian(x.mean(0), torch.cov(x.T))


def _root(matrix: Tensor) -> Tensor:
    """Return the symmetric square root of a symmetric positive semidefinite matrix."""
    values, vectors = torch.linalg.eigh(matrix)
    root: Tensor = vectors * values.clamp(min=0).sqrt() @ vectors.T
    return root


def _distance(samples: Samples) -> float:
    return frechet(gaussian(samples.features), gaussian(samples.reference))


def _floor(samples: Samples) -> float:
    return frechet(gaussian(samples.real_features), gaussian(samples.reference))


def _sampling_error(samples: Samples) -> float | None:
    images, halves = images_of(samples.train), _halves(samples)
    if min(map(len, halves)) < 2:
        return None
    a, b = (gaussian(samples.extractor.features(images[half])) for half in halves)
    return frechet(a, b)


def _halves(samples: Samples) -> tuple[Tensor, Tensor]:
    """Choose as many training pictures as samples, and others, as many as test pictures.

    If there are too few of them, halve them. Returns their indices.
    """
    order = samples.order
    others = min(len(samples.test.images), len(order) // 2)
    return order[: min(samples.count, len(order) - others)], order[-others:]


def _floor_protocol(samples: Samples) -> str:
    count = len(samples.real)
    return f"{count:,} pictures of the training split, chosen with seed {samples.seed}"


def _sampling_error_protocol(samples: Samples) -> str:
    some, others = (len(half) for half in _halves(samples))
    return f"{some:,} of those pictures against {others:,} others of the training split"


SHOW = "{:.2f}".format
METRICS = (
    EvidenceMetric(
        "frechet",
        "lower",
        SHOW,
        title="Fréchet distance",
        of=Kind.SAMPLES,
        compute=_distance,
        place=10,
        in_training=True,
        best_epoch=True,
    ),
    EvidenceMetric(
        "floor",
        show=SHOW,
        title="  of real training pictures (floor)",
        of=Kind.SAMPLES,
        compute=_floor,
        protocol=_floor_protocol,
        place=10,
    ),
    EvidenceMetric(
        "sampling_error",
        show=SHOW,
        title="  of training pictures to others of them (sampling error)",
        of=Kind.SAMPLES,
        compute=_sampling_error,
        protocol=_sampling_error_protocol,
        place=10,
    ),
)
