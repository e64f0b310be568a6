"""Unconditional pictures from noise, by convolutions with batch normalisation.

Unsupervised Representation Learning with Deep Convolutional Generative Adversarial Networks.
Alec Radford, Luke Metz, Soumith Chintala, 2015, arXiv:1511.06434.
"""

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from gancli import losses
from gancli.gan import GAN, Batch, Inputs, Metrics, Shape
from gancli.layers import Reshape, double, halve, init_dcgan, pyramid


@dataclass(frozen=True, kw_only=True)
class Settings:
    z_dim: int = 100
    width: int = 64
    g_mult: int = 1
    noise: str = "normal"
    d_norm: str = "batch"
    loss: str = "bce"
    dropout: float = 0.0
    r1: float = 0.0


PRESETS: dict[str, dict[str, Any]] = {"default": {}, "paper": {}}


def build(settings: Settings, shape: Shape) -> "DCGAN":
    return DCGAN(settings, shape)


class Generator(nn.Sequential):
    def __init__(self, s: Settings, shape: Shape) -> None:
        sizes = pyramid(shape.size)
        ch = [s.width * s.g_mult * 2**i for i in reversed(range(len(sizes) - 1))]
        layers = [
            nn.Linear(s.z_dim, ch[0] * sizes[0] ** 2, bias=False),
            Reshape(ch[0], sizes[0], sizes[0]),
            nn.BatchNorm2d(ch[0]),
            nn.ReLU(True),
        ]
        for i in range(len(ch)):
            last = i == len(ch) - 1
            n = shape.channels if last else ch[i + 1]
            layers += [double(ch[i], n, sizes[i + 1], bias=last)]
            layers += [nn.Tanh()] if last else [nn.BatchNorm2d(n), nn.ReLU(True)]
        super().__init__(*layers)


class Discriminator(nn.Sequential):
    def __init__(self, s: Settings, shape: Shape) -> None:
        sizes = pyramid(shape.size)
        sn = nn.utils.parametrizations.spectral_norm if s.d_norm == "spectral" else lambda m: m
        ch = [shape.channels] + [s.width * 2**i for i in range(len(sizes) - 1)]
        layers = []
        for i in range(len(ch) - 1):
            layers += [halve(ch[i], ch[i + 1], sizes[-1 - i], bias=i == 0 or s.d_norm != "batch")]
            if i and s.d_norm == "batch":
                layers += [nn.BatchNorm2d(ch[i + 1])]
            layers += [nn.LeakyReLU(0.2, True)]
            if s.dropout:
                layers += [nn.Dropout2d(s.dropout)]
        n = ch[-1] * (sizes[0]) ** 2
        super().__init__(*layers, nn.Flatten(), sn(nn.Linear(n, 1)), nn.Flatten(0))


class DCGAN(GAN):
    def __init__(self, settings: Settings, shape: Shape) -> None:
        super().__init__()
        self.shape, self.z_dim, self.noise_kind = shape, settings.z_dim, settings.noise
        self.s = settings
        self.generator = Generator(settings, shape)
        self.discriminator = Discriminator(settings, shape)
        init_dcgan(self)

    def generate(self, generator: nn.Module, z: Tensor, y: Tensor | None = None) -> Tensor:
        return generator(z)

    def discriminator_loss(
        self, batch: Batch, inputs: Inputs, fake: Tensor
    ) -> tuple[Tensor, Metrics]:
        f = losses.discriminator_hinge if self.s.loss == "hinge" else losses.discriminator_bce
        real, fake = self.discriminator(batch.image).float(), self.discriminator(fake).float()
        loss = f(real, fake)
        return loss, {"d_loss": loss, "real": real.mean(), "fake": fake.mean()}

    def generator_loss(self, batch: Batch, inputs: Inputs, fake: Tensor) -> tuple[Tensor, Metrics]:
        f = losses.generator_hinge if self.s.loss == "hinge" else losses.generator_non_saturating
        loss = f(self.discriminator(fake).float())
        return loss, {"g_loss": loss}
