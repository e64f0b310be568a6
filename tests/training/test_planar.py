"""What a drawing shows of a run on points, computed independently."""

import numpy as np
import pytest
import torch
from conftest import small_generator
from torch import nn

from gancli.data.pictures import places
from gancli.datasets import ring
from gancli.evaluation.planar import measure
from gancli.gan import Shape
from gancli.sampling import samples
from gancli.training import planar

POINT = Shape(channels=2, size=1)
DATA = ring.load(places(), "test")
REAL = DATA.images[:, 0, 0]


def test_arrows_are_the_gradients_of_the_loss_of_each_sample() -> None:
    generator = small_generator("vanilla", POINT)
    pushes = planar._arrows(generator, REAL)
    assert all(p.grad is None for p in generator.model.parameters())
    assert pushes.shape == (planar.ARROWS, 2, 2)
    for place, vector in pushes[:5]:
        x = torch.tensor(place).view(1, 2, 1, 1).requires_grad_()
        probability = generator.model.discriminator(x).sigmoid()
        (-probability.log()).sum().backward()  # -log D(x)
        assert x.grad is not None
        np.testing.assert_allclose(vector, -x.grad.flatten().numpy(), rtol=1e-3, atol=1e-6)


def test_the_background_is_the_discriminator_at_each_place() -> None:
    generator = small_generator("vanilla", POINT, dropout=0.5)
    model = generator.model.train()
    found = planar._belief(model, 1.5, REAL)
    assert found.shape == (planar.PLACES, planar.PLACES)
    assert model.discriminator.training  # as before
    model.eval()
    for row, column in ((0, 0), (3, 90), (99, 50)):
        x = -1.5 + 3 * (column + 0.5) / 100
        y = 1.5 - 3 * (row + 0.5) / 100
        logit = model.discriminator(torch.tensor([[x, y]])[:, :, None, None])
        assert found[row, column] == pytest.approx(logit.sigmoid().item(), rel=1e-4)


def test_the_manifold_needs_two_numbers_of_noise() -> None:
    assert planar._manifold(small_generator("vanilla", POINT, z_dim=3)) is None
    generator = small_generator("vanilla", POINT, z_dim=2)
    lines = planar._manifold(generator)
    z = planar.plane.noise_lines("normal")
    point = generator(torch.tensor(z[4, 7])[None])[0, :, 0, 0]
    np.testing.assert_allclose(lines[4, 7], point.numpy(), rtol=1e-4, atol=1e-6)


def test_the_metrics_are_those_of_the_samples() -> None:
    generator = small_generator("vanilla", POINT)
    nn.init.zeros_(generator.network[-2].weight)  # type: ignore[index]
    generator.network[-2].bias.data.copy_(torch.tensor([1.0, 0.0]))  # type: ignore[index]
    assert planar.metrics(generator, DATA) == {"modes_found": 1.0, "good_samples": 1.0}
    assert DATA.mixture is not None
    assert measure(samples.points(generator, range(3)), DATA.mixture)["modes_found"] == 1


def test_drawing_changes_neither_networks_nor_random_numbers() -> None:
    generator = small_generator("vanilla", POINT, z_dim=2)
    before = {k: v.clone() for k, v in generator.model.state_dict().items()}
    state = torch.get_rng_state()
    planar.drawing(generator, DATA, {})
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(v, before[k]) for k, v in generator.model.state_dict().items())
