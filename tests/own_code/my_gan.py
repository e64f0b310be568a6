"""A small GAN with fully connected layers: what a user writes in a file of their own."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from gancli.gan import GAN, Batch, Direction, Fake, Inputs, Metrics, Shape
from gancli.nn import losses


@dataclass(frozen=True, kw_only=True)
class Settings:
    z_dim: int = 4
    width: int = 8


def preset(name: str, shape: Shape | None, direction: Direction | None) -> dict[str, Any]:
    return {}


def build(settings: Settings, shape: Shape) -> "MyGAN":
    return MyGAN(settings, shape)


class MyGAN(GAN):
    def __init__(self, s: Settings, shape: Shape) -> None:
        super().__init__(shape, s.z_dim)
        size = (shape.channels, shape.size, shape.size)
        pixels = shape.channels * shape.size**2
        self.generator = nn.Sequential(
            nn.Linear(s.z_dim, s.width),
            nn.ReLU(),
            nn.Linear(s.width, pixels),
            nn.Tanh(),
            nn.Unflatten(1, size),
        )
        self.discriminator = nn.Sequential(
            nn.Flatten(),
            nn.Linear(pixels, s.width),
            nn.ReLU(),
            nn.Linear(s.width, 1),
            nn.Flatten(0),
        )

    def generate(self, generator: nn.Module, z: Tensor, y: Tensor | None = None) -> Tensor:
        return generator(z)

    def discriminator_loss(
        self, batch: Batch, inputs: Inputs, fake: Fake
    ) -> tuple[Tensor, Metrics]:
        real_logits = self.discriminator(batch.image).float()
        fake_logits = self.discriminator(fake.image).float()
        loss = losses.discriminator_bce(real_logits, fake_logits)
        return loss, {"d_loss": loss}

    def generator_loss(self, batch: Batch, inputs: Inputs, fake: Fake) -> tuple[Tensor, Metrics]:
        loss = losses.generator_non_saturating(self.discriminator(fake.image).float())
        return loss, {"g_loss": loss}
