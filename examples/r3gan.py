"""Generates images from noise: the discriminator compares real images with fakes.

The GAN is dead; long live the GAN! A Modern Baseline GAN. Yiwen Huang, Aaron Gokaslan, Volodymyr
Kuleshov, James Tompkin, 2025, arXiv:2501.05441.

What we changed:

- The networks are those of DCGAN, without batch norm in D. The paper's are residual networks.
- The penalties are added in every fourth step only, and the learning rate is higher and decays.
"""

from dataclasses import dataclass
from typing import Annotated, Any

import torch.nn.functional as F
from torch import Tensor, nn

from gancli.gan import GAN, Batch, Direction, Fake, Inputs, Metrics, Shape, Weight
from gancli.models import dcgan
from gancli.nn.losses import squared_gradients


@dataclass(frozen=True, kw_only=True)
class Settings(dcgan.Settings):
    """Those of DCGAN, and those of the penalties."""

    gamma: Weight = 1.0  # weight of R1 and R2
    penalty_every: Annotated[int, (1, 1000)] = 4


def preset(name: str, shape: Shape | None, direction: Direction | None) -> dict[str, Any]:
    """Return values for `Settings` and `config.Training`: see `gancli.gan`."""
    values = {"lr": 1e-3, "beta1": 0.0, "beta2": 0.99, "batch_size": 64, "lr_decay": 1.0}
    if name == "paper":
        values |= {"lr": 2e-4, "penalty_every": 1, "minibatch_std": False}
    return values


def build(settings: Settings, shape: Shape) -> "R3GAN":
    """Build the model for images of `shape`."""
    return R3GAN(settings, shape)


class R3GAN(GAN):
    """L_D = f(D(G(z)) - D(x)) + R1 + R2, L_G = f(D(x) - D(G(z))), f(t) = log(1 + e^t)."""

    def __init__(self, settings: Settings, shape: Shape) -> None:
        super().__init__(shape, settings.z_dim, settings.noise)
        self.gamma, self.penalty_every = settings.gamma, settings.penalty_every
        self.generator = dcgan.Generator(settings, shape)
        self.discriminator = dcgan.Discriminator(settings, shape, batch_norm=False)

    def generate(self, generator: nn.Module, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Return images (B, C, H, W) in [-1, 1] from noise (B, Z)."""
        image: Tensor = generator(z)
        return image

    def lead(self, image: Tensor, other: Tensor) -> Tensor:
        """Return D(image) - D(other), (B,)."""
        lead: Tensor = self.discriminator(image) - self.discriminator(other)
        return lead.float()

    def discriminator_loss(
        self, batch: Batch, inputs: Inputs, fake: Fake
    ) -> tuple[Tensor, Metrics]:
        """Return f(D(G(z)) - D(x)), and how often the real image has the higher score."""
        lead = self.lead(fake.image, batch.image)
        loss = F.softplus(lead).mean()
        return loss, {"d_loss": loss, "d_wins": (lead < 0).float().mean()}

    def discriminator_penalty(self, batch: Batch, inputs: Inputs, fake: Fake) -> Tensor:
        """Return R1 + R2: gamma / 2 |grad D|^2, at real images and at fakes."""
        r1, r2 = (squared_gradients(self.discriminator, x) for x in (batch.image, fake.image))
        return self.gamma / 2 * (r1 + r2).mean()

    def generator_loss(self, batch: Batch, inputs: Inputs, fake: Fake) -> tuple[Tensor, Metrics]:
        """Return f(D(x) - D(G(z)))."""
        loss = F.softplus(self.lead(batch.image, fake.image)).mean()
        return loss, {"g_loss": loss}
