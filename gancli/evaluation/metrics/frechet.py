"""The Fréchet distance between the features of samples and of real test pictures.

Its floor is the same distance for as many real training pictures: samples near the floor cannot be
told from real pictures by this metric.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from gancli.evaluation.evidence import Samples
from gancli.evaluation.metrics import Kind, Metric

IN_TRAINING = ("frechet",)
TELLS_BEST = ("frechet",)


class Gaussian(NamedTuple):
    """Mean (D,) and covariance (D, D) of features, float64."""

    mean: Tensor
    cov: Tensor


def frechet(a: Gaussian, b: Gaussian) -> float:
    """|m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2)); eq. 6 of Heusel et al., arXiv:1706.08500.

    The trace of (C_a C_b)^(1/2) is that of (C_a^(1/2) C_b C_a^(1/2))^(1/2): the sum of the singular
    values of C_a^(1/2) C_b^(1/2). So no root is ever taken of a matrix that is not symmetric, and
    features that are always zero do no harm.
    """
    cross = torch.linalg.svdvals(_root(a.cov) @ _root(b.cov)).sum()
    distance = (a.mean - b.mean).square().sum() + a.cov.trace() + b.cov.trace() - 2 * cross
    return max(0.0, float(distance))


def gaussian(features: Tensor) -> Gaussian:
    """Mean and (unbiased) covariance of features (N, D), in float64."""
    x = features.double()
    return Gaussian(x.mean(0), torch.cov(x.T))


def _root(matrix: Tensor) -> Tensor:
    """The symmetric square root of a symmetric positive semidefinite matrix."""
    values, vectors = torch.linalg.eigh(matrix)
    root: Tensor = vectors * values.clamp(min=0).sqrt() @ vectors.T
    return root


def _of_samples(samples: Samples) -> float:
    return frechet(gaussian(samples.features), gaussian(samples.reference))


def _of_real_pictures(samples: Samples) -> float:
    features = samples.extractor.features(samples.real)
    return frechet(gaussian(features), gaussian(samples.reference))


def _which_real_pictures(samples: Samples) -> str:
    count = len(samples.real)
    return f"{count:,} pictures of the training split, drawn with seed {samples.seed}"


SHOW = "{:.2f}".format
METRICS = (
    Metric("frechet", "Fréchet distance", Kind.SAMPLES, _of_samples, "lower", SHOW, place=10),
    Metric(
        "floor",
        "  of real pictures (floor)",
        Kind.SAMPLES,
        _of_real_pictures,
        show=SHOW,
        protocol=_which_real_pictures,
        place=10,
    ),
)
