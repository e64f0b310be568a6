import torch

from gancli import latents


def test_a_row_depends_on_its_seed_alone() -> None:
    many = latents.noise(range(20), 64, "normal")
    assert torch.equal(latents.noise([7], 64, "normal")[0], many[7])
    assert not torch.equal(many[7], many[8])


def test_distributions() -> None:
    normal = latents.noise(range(500), 100, "normal")
    assert abs(normal.mean()) < 0.02
    assert 0.98 < normal.std() < 1.02
    uniform = latents.noise(range(500), 100, "uniform")
    assert -1 <= uniform.min() < -0.99
    assert 0.99 < uniform.max() <= 1
    assert 0.98 < uniform.std() * 3**0.5 < 1.02


def test_the_training_generator_is_left_alone() -> None:
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    latents.noise(range(10), 10, "normal")
    assert torch.equal(torch.rand(1), expected)
