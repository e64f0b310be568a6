"""Training and samples never use the same random numbers."""

import pytest
import torch
from conftest import small_trainer

from gancli.gan import Shape
from gancli.sampling import latents
from gancli.training import noise

CPU = torch.device("cpu")


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1])
@pytest.mark.parametrize("kind", ["normal", "uniform"])
def test_the_first_noise_of_a_training_is_not_that_of_a_sample(seed: int, kind: str) -> None:
    sample = set(latents.noise([seed], 4096, kind)[0].tolist())
    noise.seed_all(seed)
    drawn = torch.randn(64, 100) if kind == "normal" else torch.rand(64, 100) * 2 - 1
    assert len(sample & set(drawn.flatten().tolist())) < 10  # 84 of 100 before, now by chance


def test_a_generator_of_its_own_continues_as_the_default_one() -> None:
    noise.seed_all(7)
    assert torch.equal(torch.randn(8), torch.randn(8, generator=noise.seeded(7, CPU)))


def test_a_trainer_starts_beyond_the_numbers_of_samples() -> None:
    small_trainer("dcgan", Shape(channels=1, size=16))
    started = torch.get_rng_state()
    noise.seed_all(0)
    assert torch.equal(torch.get_rng_state(), started)
