"""Pictures of a class that is asked for: the label joins every layer (conditional DCGAN).

Conditional Generative Adversarial Nets. Mehdi Mirza, Simon Osindero, 2014, arXiv:1411.1784, with
the convolutional networks of Radford et al. 2015 (arXiv:1511.06434): y is appended to the input of
every layer of both networks, as constant maps where the input is a picture.

What we changed: z is normal, as everywhere in gan, and the fully connected layers have 256 units
(the preset `paper` keeps U(-1, 1), and 1024, which take twice the time); kernels are 4x4 instead of
5x5, which every even size divides; sizes other than 28 add or drop a layer.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor, nn

from gancli import losses
from gancli.gan import GAN, Batch, Feeds, Inputs, Metrics, Shape, need_classes
from gancli.layers import FromMaps, ToMaps, double, halve, init_dcgan, pyramid


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Shape of the networks."""

    z_dim: int = 100  # length of the noise vector
    width: int = 32  # channels of the widest-picture layer, doubled at each halving
    hidden: int = 256  # units of the fully connected layers
    noise: Literal["normal", "uniform"] = "normal"


PRESETS: dict[str, dict[str, Any]] = {
    "default": {"lr": 1e-3, "batch_size": 64, "epochs": 15},
    "paper": {
        "hidden": 1024,
        "noise": "uniform",
        "lr": 2e-4,
        "batch_size": 128,
        "epochs": 200,
        "lr_decay": 0.5,
        "ema": 0.0,
    },
}


def build(settings: Settings, shape: Shape) -> "CGAN":
    """The model for pictures of `shape`. Raises UsageError where they have no classes."""
    return CGAN(settings, shape)


def join(x: Tensor, y: Tensor) -> Tensor:
    """Append labels (B, K), one-hot or blended, to features (B, C) or maps (B, C, H, W)."""
    y = y.to(x.dtype)
    if x.ndim == 4:
        y = y[:, :, None, None].expand(-1, -1, *x.shape[2:])
    return torch.cat([x, y], dim=1)


class Generator(nn.Module):
    """Noise (B, Z) and labels (B, K) to pictures (B, C, H, W) in [-1, 1]."""

    def __init__(self, s: Settings, shape: Shape) -> None:
        super().__init__()
        k, sizes = shape.classes, pyramid(shape.size)
        widths = [s.width * 2**i for i in reversed(range(len(sizes) - 1))]
        self.to_maps = ToMaps(widths[0], sizes[0])
        self.fc = _dense(s.z_dim + k, s.hidden)
        self.project = _dense(s.hidden + k, widths[0] * sizes[0] ** 2)
        self.ups = nn.ModuleList(
            nn.Sequential(double(a + k, b, size, bias=False), nn.BatchNorm2d(b), nn.ReLU(True))
            for (a, b), size in zip(pairwise(widths), sizes[1:-1], strict=True)
        )
        self.out = nn.Sequential(double(widths[-1] + k, shape.channels, sizes[-1]), nn.Tanh())

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        x = self.to_maps(self.project(join(self.fc(join(z, y)), y)))
        for up in self.ups:
            x = up(join(x, y))
        picture: Tensor = self.out(join(x, y))
        return picture


class Discriminator(nn.Module):
    """Pictures (B, C, H, W) and labels (B, K) to logits (B,)."""

    def __init__(self, s: Settings, shape: Shape) -> None:
        super().__init__()
        k, sizes = shape.classes, pyramid(shape.size)[::-1]
        widths = [shape.channels] + [s.width * 2**i for i in range(len(sizes) - 1)]
        self.downs = nn.ModuleList(
            nn.Sequential(
                halve(a + k, b, size, bias=i == 0),
                nn.Identity() if i == 0 else nn.BatchNorm2d(b),
                nn.LeakyReLU(0.2, True),
            )
            for i, ((a, b), size) in enumerate(zip(pairwise(widths), sizes[:-1], strict=True))
        )
        flat = widths[-1] * sizes[-1] ** 2
        self.from_maps = FromMaps()
        # No batch norm here: real and fake pass separately, and it would take away the difference
        # of their means, which is what a linear judge goes by.
        self.fc = nn.Sequential(nn.Linear(flat + k, s.hidden), nn.LeakyReLU(0.2, True))
        self.judge = nn.Linear(s.hidden + k, 1)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        for down in self.downs:
            x = down(join(x, y))
        x = self.fc(join(self.from_maps(x), y))
        logits: Tensor = self.judge(join(x, y))
        return logits[:, 0].float()


def _dense(inputs: int, outputs: int) -> nn.Sequential:
    linear = nn.Linear(inputs, outputs, bias=False)
    return nn.Sequential(linear, nn.BatchNorm1d(outputs), nn.ReLU(True))


class CGAN(GAN):
    """min_G max_D of log D(x|y) + log(1 - D(G(z|y)|y)) (eq. 2), G by the non-saturating loss."""

    feeds = Feeds.NOISE | Feeds.LABEL

    def __init__(self, settings: Settings, shape: Shape) -> None:
        super().__init__(shape, settings.z_dim, settings.noise)
        need_classes("cgan", shape)
        self.generator = Generator(settings, shape)
        self.discriminator = Discriminator(settings, shape)
        init_dcgan(self)

    def generate(self, generator: nn.Module, z: Tensor, y: Tensor | None = None) -> Tensor:
        picture: Tensor = generator(z, y)
        return picture

    def discriminator_loss(
        self, batch: Batch, inputs: Inputs, fake: Tensor
    ) -> tuple[Tensor, Metrics]:
        real_logits = self.discriminator(batch.image, batch.label)
        fake_logits = self.discriminator(fake, inputs.y)
        loss = losses.discriminator_bce(real_logits, fake_logits)
        return loss, {
            "d_loss": loss,
            "d_real": real_logits.mean(),
            "d_fake": fake_logits.mean(),
            "d_wins": losses.win_rate(real_logits, fake_logits),
        }

    def generator_loss(self, batch: Batch, inputs: Inputs, fake: Tensor) -> tuple[Tensor, Metrics]:
        loss = losses.generator_non_saturating(self.discriminator(fake, inputs.y))
        return loss, {"g_loss": loss}
