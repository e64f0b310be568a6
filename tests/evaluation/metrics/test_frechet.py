"""The Fréchet distance against closed forms and another algorithm."""

import numpy as np
import pytest
import torch
from torch import Tensor

from gancli.evaluation.metrics.frechet import Gaussian, frechet, gaussian


def normal(dim: int, seed: int) -> Gaussian:
    """Return the mean and covariance of a full-rank normal distribution."""
    rng = torch.Generator().manual_seed(seed)
    factor = torch.randn(dim, 2 * dim, generator=rng, dtype=torch.float64)
    return Gaussian(torch.randn(dim, generator=rng, dtype=torch.float64), factor @ factor.T / dim)


def square_root(matrix: Tensor) -> Tensor:
    """Return the square root by Denman and Beavers' iteration (1976), without eigenvalues."""
    y, z = matrix, torch.eye(len(matrix), dtype=matrix.dtype)
    for _ in range(30):
        y, z = (y + z.inverse()) / 2, (z + y.inverse()) / 2
    return y


def test_frechet_of_diagonal_covariances_has_a_closed_form() -> None:
    a = Gaussian(torch.tensor([1.0, 2, 3]).double(), torch.diag(torch.tensor([1.0, 4, 0]).double()))
    b = Gaussian(torch.tensor([1.0, 0, 6]).double(), torch.diag(torch.tensor([9.0, 1, 4]).double()))
    expected = (0 + 4 + 9) + (1 - 3) ** 2 + (2 - 1) ** 2 + (0 - 2) ** 2
    assert frechet(a, b) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("lowest", "error"), [(1, 1e-12), (0, 1e-7)])  # 0 may come out as 1e-16
def test_frechet_of_commuting_covariances_has_a_closed_form(lowest: float, error: float) -> None:
    turn = torch.linalg.qr(normal(20, 0).cov).Q
    p, q = torch.linspace(lowest, 3, 20).double(), torch.linspace(5, 1, 20).double()
    zero = torch.zeros(20).double()
    a, b = Gaussian(zero, turn * p @ turn.T), Gaussian(zero, turn * q @ turn.T)
    expected = float((p.sqrt() - q.sqrt()).square().sum())
    assert frechet(a, b) == pytest.approx(expected, rel=error)


def test_frechet_agrees_with_the_denman_beavers_iteration() -> None:
    a, b = normal(24, 1), normal(24, 2)
    cross = square_root(a.cov @ b.cov).trace()
    expected = (a.mean - b.mean).square().sum() + a.cov.trace() + b.cov.trace() - 2 * cross
    assert frechet(a, b) == pytest.approx(float(expected), rel=1e-9)


def test_frechet_is_zero_for_equal_gaussians_and_symmetric() -> None:
    a, b = normal(128, 3), normal(128, 4)
    assert frechet(a, a) == pytest.approx(0, abs=1e-9)
    assert frechet(a, b) == pytest.approx(frechet(b, a), rel=1e-12)


def test_frechet_works_for_covariances_without_full_rank() -> None:
    few = torch.randn(10, 128, generator=torch.Generator().manual_seed(0))
    few[:, 5] = 0  # a feature that is always zero
    moved = few.double() + 2
    assert frechet(gaussian(few), gaussian(few)) == pytest.approx(0, abs=1e-9)
    assert frechet(gaussian(few), gaussian(moved)) == pytest.approx(128 * 4, rel=1e-9)


def test_gaussian_agrees_with_numpy_in_any_order_of_the_rows() -> None:
    x = torch.rand(50, 6, generator=torch.Generator().manual_seed(0))
    fitted, shuffled = gaussian(x), gaussian(x.flip(0))
    assert fitted.cov.dtype == torch.float64
    np.testing.assert_allclose(fitted.mean, x.double().numpy().mean(0), rtol=1e-12)
    np.testing.assert_allclose(fitted.cov, np.cov(x.double().numpy().T), rtol=1e-12)
    torch.testing.assert_close(shuffled, fitted, rtol=1e-12, atol=1e-14)
