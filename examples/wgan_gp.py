"""Generates images from noise: the slope of the critic is held near 1.

Improved Training of Wasserstein GANs. Ishaan Gulrajani, Faruk Ahmed, Martin Arjovsky, Vincent
Dumoulin, Aaron Courville, 2017, arXiv:1704.00028.

What we changed:

- The networks are those of DCGAN, without batch norm in the critic. The critic gets the minibatch
  standard deviation, as in Progressive GAN (arXiv:1710.10196).
- There are two critic steps per step of the generator instead of five, on half as many images,
  and the learning rate is higher and decays. Weights are averaged.

The preset `paper` has the paper's values.
"""

from dataclasses import dataclass
from typing import Annotated, Any

import torch
from torch import Tensor, nn

from gancli.gan import GAN, Batch, Direction, Fake, Inputs, Metrics, Shape, Weight
from gancli.models import dcgan
from gancli.nn.losses import squared_gradients


@dataclass(frozen=True, kw_only=True)
class Settings(dcgan.Settings):
    """Those of DCGAN, and the constants of algorithm 1."""

    critic_steps: Annotated[int, (1, 100)] = 2  # n_critic
    penalty_weight: Weight = 10.0  # lambda


def preset(name: str, shape: Shape | None, direction: Direction | None) -> dict[str, Any]:
    """Return values for `Settings` and `config.Training`: see `gancli.gan`."""
    values = {"lr": 1e-3, "beta1": 0.0, "beta2": 0.9, "batch_size": 32, "lr_decay": 1.0}
    if name == "paper":
        values |= {"lr": 1e-4, "critic_steps": 5, "batch_size": 64}
        values |= {"minibatch_std": False, "ema": 0.0}
    return values


def build(settings: Settings, shape: Shape) -> "WGAN":
    """Build the model for images of `shape`."""
    return WGAN(settings, shape)


class WGAN(GAN):
    """L_D = D(G(z)) - D(x) + lambda (|grad D(x^)| - 1)^2 (eq. 3), L_G = -D(G(z))."""

    def __init__(self, settings: Settings, shape: Shape) -> None:
        super().__init__(shape, settings.z_dim, settings.noise)
        self.critic_steps, self.penalty_weight = settings.critic_steps, settings.penalty_weight
        self.generator = dcgan.Generator(settings, shape)
        self.discriminator = dcgan.Discriminator(settings, shape, batch_norm=False)

    def generate(self, generator: nn.Module, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Return images (B, C, H, W) in [-1, 1] from noise (B, Z)."""
        image: Tensor = generator(z)
        return image

    def discriminator_loss(
        self, batch: Batch, inputs: Inputs, fake: Fake
    ) -> tuple[Tensor, Metrics]:
        """Return D(G(z)) - D(x)."""
        loss = (self.discriminator(fake.image) - self.discriminator(batch.image)).float().mean()
        return loss, {"d_loss": loss}

    def discriminator_penalty(self, batch: Batch, inputs: Inputs, fake: Fake) -> Tensor:
        """Return lambda (|grad D(x^)| - 1)^2, for x^ between a real and a generated image."""
        x = torch.lerp(batch.image, fake.image, torch.rand_like(batch.image[:, :1, :1, :1]))
        slope = squared_gradients(self.discriminator, x).add(1e-12).sqrt()
        return self.penalty_weight * (slope - 1).square().mean()

    def generator_loss(self, batch: Batch, inputs: Inputs, fake: Fake) -> tuple[Tensor, Metrics]:
        """Return -D(G(z))."""
        loss = -self.discriminator(fake.image).float().mean()
        return loss, {"g_loss": loss}
