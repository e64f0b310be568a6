"""The original GAN matches its paper; what all models have in common is in test_contract.py."""

import math

import pytest
import torch
from conftest import random_data, small
from torch import nn

from gancli import registry
from gancli.config import resolve
from gancli.gan import Shape
from gancli.models import vanilla

DIGITS = Shape(channels=1, size=28)


def log_sigmoid(x: float) -> float:
    return -math.log1p(math.exp(-x))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("loss", ["non-saturating", "saturating"])
def test_losses_match_the_formulas(loss: str, smoothing: float) -> None:
    gan = small("vanilla", DIGITS, loss=loss, smoothing=smoothing, dropout=0.0)
    batch = random_data(DIGITS).batch(torch.arange(6))
    inputs = gan.draw(batch)
    fake = gan.fake(inputs)
    real_logits = gan.discriminator(batch.image).tolist()
    fake_logits = gan.discriminator(fake.image).tolist()
    expected = -(1 - smoothing) * sum(map(log_sigmoid, real_logits)) / 6
    expected -= smoothing * sum(log_sigmoid(-x) for x in real_logits) / 6
    expected -= sum(log_sigmoid(-x) for x in fake_logits) / 6
    found = gan.discriminator_loss(batch, inputs, fake.detach())[0].item()
    assert found == pytest.approx(expected, rel=1e-4)
    expected = {
        "non-saturating": -sum(map(log_sigmoid, fake_logits)) / 6,
        "saturating": sum(log_sigmoid(-x) for x in fake_logits) / 6,
    }[loss]
    assert gan.generator_loss(batch, inputs, fake)[0].item() == pytest.approx(expected, rel=1e-4)


def test_r1_is_half_the_squared_gradient_at_each_real_image() -> None:
    gan = small("vanilla", DIGITS, r1=3.0, dropout=0.0, minibatch_std=False)
    batch = random_data(DIGITS).batch(torch.arange(4))
    inputs = gan.draw(batch)
    found = gan.discriminator_penalty(batch, inputs, gan.fake(inputs).detach())
    assert found is not None
    total = 0.0
    for image in batch.image:  # one at a time
        x = image[None].clone().requires_grad_()
        gan.discriminator(x).sum().backward()
        assert x.grad is not None
        total += x.grad.square().sum().item()
    assert found.item() == pytest.approx(3.0 / 2 * total / 4, rel=1e-4)


def test_without_a_weight_there_is_no_penalty() -> None:
    gan = small("vanilla", DIGITS, r1=0.0)
    batch = random_data(DIGITS).batch(torch.arange(4))
    inputs = gan.draw(batch)
    assert gan.discriminator_penalty(batch, inputs, gan.fake(inputs).detach()) is None


def test_a_maxout_unit_is_the_largest_of_its_linear_pieces() -> None:
    torch.manual_seed(0)
    layer, x = vanilla.Maxout(7, units=4, pieces=5), torch.randn(3, 7)
    weight, bias = layer.linear.weight.detach(), layer.linear.bias.detach()
    for b in range(3):
        for unit in range(4):
            pieces = [float(weight[5 * unit + i] @ x[b] + bias[5 * unit + i]) for i in range(5)]
            assert layer(x)[b, unit].item() == pytest.approx(max(pieces), abs=1e-6)


def test_the_preset_paper_has_the_networks_of_the_paper() -> None:
    values = vanilla.preset("paper", DIGITS, None)
    settings, training = resolve(vanilla.Settings, values, {}, "vanilla")
    gan = registry.load("models", "vanilla").build(settings, DIGITS)
    kinds = (nn.Linear, nn.ReLU, nn.Tanh, vanilla.Maxout, nn.BatchNorm1d, nn.LeakyReLU)
    g = [type(m) for m in gan.generator if isinstance(m, kinds)]
    d = [type(m) for m in gan.discriminator if isinstance(m, kinds)]
    assert g == [nn.Linear, nn.ReLU, nn.Linear, nn.ReLU, nn.Linear, nn.Tanh]
    assert d == [vanilla.Maxout, vanilla.Maxout, nn.Linear]
    rates = [m.p for m in gan.discriminator if isinstance(m, nn.Dropout)]
    assert rates == [0.2, 0.5, 0.5]
    assert [len(m.bias) for m in gan.generator if isinstance(m, nn.Linear)] == [1200, 1200, 784]
    assert (training.batch_size, gan.noise, gan.z_dim) == (100, "uniform", 100)


def test_a_perfect_generator_has_the_losses_of_theorem_1() -> None:
    """If D is 1/2 everywhere, its loss is ln 4 and the loss of G is ln 2."""
    gan = small("vanilla", DIGITS, smoothing=0.0)
    last = next(m for m in reversed(gan.discriminator) if isinstance(m, nn.Linear))
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    batch = random_data(DIGITS).batch(torch.arange(4))
    inputs = gan.draw(batch)
    fake = gan.fake(inputs)
    assert gan.discriminator_loss(batch, inputs, fake)[0].item() == pytest.approx(math.log(4))
    assert gan.generator_loss(batch, inputs, fake)[0].item() == pytest.approx(math.log(2))
