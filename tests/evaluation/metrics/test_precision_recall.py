"""Precision and recall against the definition, and on sets whose values are known."""

import numpy as np
import torch

from gancli.evaluation.metrics.precision_recall import covered


def by_hand(features: np.ndarray, by: np.ndarray, k: int) -> float:
    """Eq. 1 and 2 of the paper, one feature at a time."""
    radii = [sorted(np.linalg.norm(by - x, axis=1))[k] for x in by]  # [0] is x itself
    inside = [
        any(np.linalg.norm(x - y) <= r for y, r in zip(by, radii, strict=True)) for x in features
    ]
    return float(np.mean(inside))


def test_it_equals_the_definition() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(60, 5)), rng.normal(size=(50, 5)) * 1.3 + 0.5
    for one, other in ((a, b), (b, a)):
        found = covered(torch.from_numpy(one), by=torch.from_numpy(other))
        assert found == by_hand(one, other, 3)
        assert 0 < found < 1


def test_a_mode_that_is_missing_costs_recall_and_not_precision() -> None:
    rng = torch.Generator().manual_seed(0)
    left, right = (torch.randn(200, 8, generator=rng) + at for at in (-20, 20))
    real, samples = torch.cat([left, right]), torch.randn(400, 8, generator=rng) - 20
    assert covered(samples, by=real) > 0.8
    assert 0.3 < covered(real, by=samples) < 0.5 + 1e-9
    assert covered(samples + 100, by=real) == 0


def test_few_features_use_the_neighbours_that_there_are() -> None:
    assert covered(torch.zeros(1, 2), by=torch.tensor([[0.0, 0], [1, 0]])) == 1
