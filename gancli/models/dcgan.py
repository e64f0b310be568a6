"""Unconditional pictures from noise, by convolutions with batch normalisation.

Unsupervised Representation Learning with Deep Convolutional Generative Adversarial Networks.
Alec Radford, Luke Metz, Soumith Chintala, 2015, arXiv:1511.06434.

What we changed: kernels are 4x4 instead of 5x5, which every even size divides, and the depth
follows from the picture's size; networks are half as wide as the paper's, as in most later
versions. By default z is normal, batches are smaller, and the learning rate is larger and falls.
Both networks have a fully connected layer more, as Radford's own code for MNIST has. A
discriminator that wins teaches little, so it is half as wide as the generator, learns at half the
rate, and is told how varied a batch is. The generator's first maps are normalised pixel by pixel,
as in Radford's code: by whole maps, digits all became one within an epoch. Fréchet distance after
three epochs of Fashion-MNIST, in batches of 32: 85 without any of it, 55 with the layers, 43 with
the spread of the batch, 38 with the slower rate; after 25 epochs, with all of it and batches of 64,
which take four fifths of the time, 3.5. The preset `paper` keeps the networks of the paper, its
U(-1, 1), batch and constant rate.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any, Literal

from torch import Tensor, nn

from gancli.gan import GAN, Batch, Direction, Inputs, Metrics, Shape, Units
from gancli.nn import losses
from gancli.nn.layers import Double, FromMaps, Halve, MinibatchStd, ToMaps, init_dcgan, pyramid


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Shape of the networks."""

    z_dim: Units = 100  # length of the noise vector
    width: Units = 64  # channels of the widest-picture layer, doubled at each halving
    d_width_scale: Annotated[float, (0.01, 100.0)] = 0.5  # D's width, as a multiple of width
    hidden: Annotated[int, (0, 4096)] = 256  # units of the dense layers by z and the logit; 0: none
    minibatch_std: bool = True  # whether the discriminator is told how varied a batch is
    noise: Literal["normal", "uniform"] = "normal"


def preset(name: str, shape: Shape | None, direction: Direction | None) -> dict[str, Any]:
    """Values for `Settings` and `config.Training`; `shape` is None before the data is read."""
    if name == "paper":
        return {
            "width": 128,
            "d_width_scale": 1.0,
            "hidden": 0,
            "minibatch_std": False,
            "noise": "uniform",
            "lr": 2e-4,
            "batch_size": 128,
            "lr_decay": 0.0,
            "ema": 0.0,
        }
    return {"lr": 3e-3, "d_lr_scale": 0.5, "batch_size": 64, "lr_decay": 1.0}


def build(settings: Settings, shape: Shape) -> "DCGAN":
    """The model for pictures of `shape`."""
    return DCGAN(settings, shape)


class Generator(nn.Sequential):
    """Noise (B, Z) to pictures (B, C, H, W) in [-1, 1]."""

    def __init__(self, s: Settings, shape: Shape) -> None:
        sizes = pyramid(shape.size)
        widths = [s.width * 2**i for i in reversed(range(len(sizes) - 1))]
        flat = widths[0] * sizes[0] ** 2
        layers: list[nn.Module] = []
        if s.hidden:
            dense = nn.Linear(s.z_dim, s.hidden, bias=False)
            layers += [dense, nn.BatchNorm1d(s.hidden), nn.ReLU(True)]
        layers += [
            nn.Linear(s.hidden or s.z_dim, flat, bias=False),
            nn.BatchNorm1d(flat),  # of each pixel: maps cannot all become alike
            nn.ReLU(True),
            ToMaps(widths[0], sizes[0]),
        ]
        for (a, b), size in zip(pairwise(widths), sizes[1:-1], strict=True):
            layers += [Double(a, b, size, bias=False), nn.BatchNorm2d(b), nn.ReLU(True)]
        super().__init__(*layers, Double(widths[-1], shape.channels, sizes[-1]), nn.Tanh())


class Discriminator(nn.Sequential):
    """Pictures (B, C, H, W) to logits (B,); no batch norm in the first layer."""

    def __init__(self, s: Settings, shape: Shape) -> None:
        sizes = pyramid(shape.size)[::-1]
        width = max(1, round(s.d_width_scale * s.width))
        widths = [width * 2**i for i in range(len(sizes) - 1)]
        layers: list[nn.Module] = [
            Halve(shape.channels, widths[0], sizes[0]),
            nn.LeakyReLU(0.2, True),
        ]
        for (a, b), size in zip(pairwise(widths), sizes[1:-1], strict=True):
            layers += [Halve(a, b, size, bias=False), nn.BatchNorm2d(b), nn.LeakyReLU(0.2, True)]
        flat = widths[-1] * sizes[-1] ** 2 + s.minibatch_std
        spread = [MinibatchStd()] if s.minibatch_std else []
        # No batch norm here: real and fake pass separately, and it would take away the difference
        # of their means, which is what a linear judge goes by.
        dense = [nn.Linear(flat, s.hidden), nn.LeakyReLU(0.2, True)] if s.hidden else []
        super().__init__(
            *layers, FromMaps(), *spread, *dense, nn.Linear(s.hidden or flat, 1), nn.Flatten(0)
        )


class DCGAN(GAN):
    """-log D(x) - log(1 - D(G(z))) for D, -log D(G(z)) for G; real and fake pass D separately."""

    def __init__(self, settings: Settings, shape: Shape) -> None:
        super().__init__(shape, settings.z_dim, settings.noise)
        self.generator = Generator(settings, shape)
        self.discriminator = Discriminator(settings, shape)
        init_dcgan(self)

    def generate(self, generator: nn.Module, z: Tensor, y: Tensor | None = None) -> Tensor:
        picture: Tensor = generator(z)
        return picture

    def discriminator_loss(
        self, batch: Batch, inputs: Inputs, fake: Tensor
    ) -> tuple[Tensor, Metrics]:
        real_logits = self.discriminator(batch.image).float()
        fake_logits = self.discriminator(fake).float()
        loss = losses.discriminator_bce(real_logits, fake_logits)
        return loss, {
            "d_loss": loss,
            "d_real": real_logits.mean(),
            "d_fake": fake_logits.mean(),
            "d_wins": losses.win_rate(real_logits, fake_logits),
        }

    def generator_loss(self, batch: Batch, inputs: Inputs, fake: Tensor) -> tuple[Tensor, Metrics]:
        loss = losses.generator_non_saturating(self.discriminator(fake).float())
        return loss, {"g_loss": loss}
