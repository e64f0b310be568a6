"""Losses match their formulas, computed independently in float64 with plain logarithms."""

import math

import pytest
import torch

from gancli.nn import losses


@pytest.fixture
def logits() -> tuple[torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(0)
    real, fake = torch.randn(2, 50, generator=rng, dtype=torch.float64) * 3
    return real, fake


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def test_discriminator_bce_matches_equation_1(logits: tuple[torch.Tensor, torch.Tensor]) -> None:
    real, fake = logits
    expected = -sum(math.log(sigmoid(x)) for x in real.tolist()) / 50
    expected -= sum(math.log(1 - sigmoid(x)) for x in fake.tolist()) / 50
    assert losses.discriminator_bce(real, fake).item() == pytest.approx(expected, rel=1e-12)


def test_generator_non_saturating_matches_minus_log_d(
    logits: tuple[torch.Tensor, torch.Tensor],
) -> None:
    _, fake = logits
    expected = -sum(math.log(sigmoid(x)) for x in fake.tolist()) / 50
    assert losses.generator_non_saturating(fake).item() == pytest.approx(expected, rel=1e-12)


def test_generator_saturating_matches_log_of_one_minus_d(
    logits: tuple[torch.Tensor, torch.Tensor],
) -> None:
    _, fake = logits
    expected = sum(math.log(1 - sigmoid(x)) for x in fake.tolist()) / 50
    assert losses.generator_saturating(fake).item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_smoothed_loss_is_the_cross_entropy_with_real_labels_below_one(
    smoothing: float, logits: tuple[torch.Tensor, torch.Tensor]
) -> None:
    real, fake = logits
    bce = torch.nn.functional.binary_cross_entropy_with_logits
    expected = bce(real, torch.full_like(real, 1 - smoothing)) + bce(fake, torch.zeros_like(fake))
    found = losses.discriminator_smoothed(real, fake, smoothing)
    assert found.item() == pytest.approx(expected.item(), rel=1e-12)


@pytest.mark.parametrize("share", [0.5, 0.2])
def test_matching_loss_weights_mismatched_pairs_and_skips_right_labels(
    share: float, logits: tuple[torch.Tensor, torch.Tensor]
) -> None:
    real, fake = logits
    mismatched, wrong = fake.flip(0) / 2, torch.arange(50) % 3 > 0
    expected = -sum(math.log(sigmoid(x)) for x in real.tolist()) / 50
    expected -= (1 - share) * sum(math.log(1 - sigmoid(x)) for x in fake.tolist()) / 50
    counted = [x for i, x in enumerate(mismatched.tolist()) if i % 3 > 0]
    expected -= share * sum(math.log(1 - sigmoid(x)) for x in counted) / len(counted)
    found = losses.discriminator_matching(real, fake, mismatched, wrong, share)
    assert found.item() == pytest.approx(expected, rel=1e-12)


def test_matching_loss_ignores_mismatched_pairs_if_no_label_is_wrong() -> None:
    one = torch.ones(4)
    none = torch.zeros(4, dtype=torch.bool)
    found = losses.discriminator_matching(one, one, 1e3 * one, none, 0.5)
    assert found.item() == pytest.approx(math.log(1 + math.exp(-1)) + math.log(1 + math.e) / 2)


def test_losses_are_finite_for_extreme_logits() -> None:
    far = torch.tensor([-2000.0, 2000.0])
    assert torch.isfinite(losses.discriminator_bce(far, far))
    assert torch.isfinite(losses.discriminator_smoothed(far, far, 0.1))
    assert losses.generator_non_saturating(torch.tensor([-2000.0])).item() == pytest.approx(2000)
    assert losses.generator_saturating(torch.tensor([2000.0])).item() == pytest.approx(-2000)


def test_win_rate_is_the_accuracy_over_real_and_fake() -> None:
    real, fake = torch.tensor([2.0, -1.0, 0.5, 3.0]), torch.tensor([-1.0, -2.0, 4.0, 0.5])
    assert losses.win_rate(real, fake).item() == (3 / 4 + 2 / 4) / 2


def test_squared_gradients_are_those_of_each_image_and_can_be_differentiated_again() -> None:
    rng = torch.Generator().manual_seed(0)
    images, weight = (torch.randn(3, 2, 4, 4, generator=rng, dtype=torch.float64) for _ in "ab")
    weight.requires_grad_()
    found = losses.squared_gradients(lambda x: (weight[0] * x**2).sum((1, 2, 3)), images)
    gradients = 2 * weight[0] * images  # of w x^2, by hand
    torch.testing.assert_close(found, gradients.square().sum((1, 2, 3)))
    (again,) = torch.autograd.grad(found.sum(), weight)
    torch.testing.assert_close(again[0], (8 * weight[0] * images**2).sum(0).detach())
