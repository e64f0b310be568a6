"""Pictures of a class that is asked for: the label joins every layer (conditional DCGAN).

Conditional Generative Adversarial Nets. Mehdi Mirza, Simon Osindero, 2014, arXiv:1411.1784, with
the convolutional networks of Radford et al. 2015 (arXiv:1511.06434): y is appended to the input of
every layer of both networks, as constant maps where the input is a picture.

What we changed: z is normal, as everywhere in gan, networks are half as wide, and the fully
connected layers have 256 units (the preset `paper` keeps U(-1, 1), the width, and 1024); kernels
are 4x4 instead of 5x5, which every even size divides; sizes other than 28 add or drop a layer. The
discriminator is told how varied a batch is, learns at half the rate, and its dropout, of whole
maps, follows how often it wins, as in `acgan`.
A discriminator that sees real pictures with their own labels alone need not look at labels, as long
as it can tell fakes without them. So it sees them under wrong labels, too, and is to call those
fake. (The matching-aware discriminator, GAN-CLS; Reed, Akata, Yan, Logeswaran, Schiele, Lee 2016,
arXiv:1605.05396, section 4.2.) So 94.8 % of the clothes it draws after 20 epochs are recognised as
asked for, at a Fréchet distance of 2.9; 15 without all this gave 93.2 % at 3.2.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor, nn

from gancli.gan import (
    GAN,
    Batch,
    Direction,
    Feeds,
    Inputs,
    Metrics,
    Proportion,
    Rate,
    Shape,
    Units,
    need_classes,
)
from gancli.nn import losses
from gancli.nn.layers import (
    Double,
    DropMaps,
    FromMaps,
    Halve,
    MinibatchStd,
    ToMaps,
    init_dcgan,
    pyramid,
)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Shape of the networks, and what wrong labels weigh."""

    z_dim: Units = 100  # length of the noise vector
    width: Units = 32  # channels of the widest-picture layer, doubled at each halving
    hidden: Units = 256  # units of the fully connected layers
    dropout: Rate = 0.3  # of the discriminator's maps, at first
    d_wins: Proportion = 0.62  # its win rate, which dropout follows to hold; 1: dropout is constant
    minibatch_std: bool = True  # whether the discriminator is told how varied a batch is
    mismatch: Proportion = 0.2  # share of wrong labels in the loss of what is not real; 0: none
    noise: Literal["normal", "uniform"] = "normal"


def preset(name: str, shape: Shape | None, direction: Direction | None) -> dict[str, Any]:
    """Values for `Settings` and `config.Training`; `shape` is None before the data is read."""
    if name == "paper":
        return {
            "width": 64,
            "dropout": 0.0,
            "d_wins": 1.0,
            "minibatch_std": False,
            "mismatch": 0.0,
            "hidden": 1024,
            "noise": "uniform",
            "lr": 2e-4,
            "batch_size": 128,
            "epochs": 200,
            "lr_decay": 0.5,
            "ema": 0.0,
        }
    return {"lr": 2e-3, "d_lr_scale": 0.5, "batch_size": 64, "epochs": 20, "lr_decay": 1.0}


def build(settings: Settings, shape: Shape) -> "CGAN":
    """The model for pictures of `shape`. Raises UsageError where they have no classes."""
    return CGAN(settings, shape)


def join(x: Tensor, y: Tensor) -> Tensor:
    """Append labels (B, K), one-hot or blended, to features (B, C)."""
    return torch.cat([x, y.to(x.dtype)], dim=1)


def through(layers: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """What `layers` make of maps x (B, C, H, W); labels y (B, K) join the first."""
    first, *rest = layers.children()
    x = first(x, y)
    for layer in rest:
        x = layer(x)
    return x


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
            nn.Sequential(Double(a + k, b, size, bias=False), nn.BatchNorm2d(b), nn.ReLU(True))
            for (a, b), size in zip(pairwise(widths), sizes[1:-1], strict=True)
        )
        self.out = nn.Sequential(Double(widths[-1] + k, shape.channels, sizes[-1]), nn.Tanh())

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        x = self.to_maps(self.project(join(self.fc(join(z, y)), y)))
        for up in self.ups:
            x = through(up, x, y)
        return through(self.out, x, y)


class Discriminator(nn.Module):
    """Pictures (B, C, H, W) and labels (B, K) to logits (B,)."""

    def __init__(self, s: Settings, shape: Shape) -> None:
        super().__init__()
        k, sizes = shape.classes, pyramid(shape.size)[::-1]
        widths = [shape.channels] + [s.width * 2**i for i in range(len(sizes) - 1)]
        self.downs = nn.ModuleList(
            nn.Sequential(
                Halve(a + k, b, size, bias=i == 0),
                nn.Identity() if i == 0 else nn.BatchNorm2d(b),
                nn.LeakyReLU(0.2, True),
            )
            for i, ((a, b), size) in enumerate(zip(pairwise(widths), sizes[:-1], strict=True))
        )
        flat = widths[-1] * sizes[-1] ** 2 + s.minibatch_std
        self.drop = DropMaps(s.dropout, s.d_wins)
        self.flatten = nn.Sequential(FromMaps(), *([MinibatchStd()] if s.minibatch_std else []))
        # No batch norm here: real and fake pass separately, and it would take away the difference
        # of their means, which is what a linear judge goes by.
        self.fc = nn.Sequential(nn.Linear(flat + k, s.hidden), nn.LeakyReLU(0.2, True))
        self.judge = nn.Linear(s.hidden + k, 1)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        for down in self.downs:
            x = self.drop(through(down, x, y))
        x = self.fc(join(self.flatten(x), y))
        logits: Tensor = self.judge(join(x, y))
        return logits[:, 0].float()


def _dense(inputs: int, outputs: int) -> nn.Sequential:
    linear = nn.Linear(inputs, outputs, bias=False)
    return nn.Sequential(linear, nn.BatchNorm1d(outputs), nn.ReLU(True))


class CGAN(GAN):
    """min_G max_D of log D(x|y) + log(1 - D(G(z|y)|y)) (eq. 2), G by the non-saturating loss.

    A share m = `mismatch` of the second term is log(1 - D(x|y')), y' a label that x does not have.
    """

    feeds = Feeds.NOISE | Feeds.LABEL
    discriminator: Discriminator

    def __init__(self, settings: Settings, shape: Shape) -> None:
        super().__init__(shape, settings.z_dim, settings.noise)
        need_classes("cgan", shape)
        self.mismatch = settings.mismatch
        self.generator = Generator(settings, shape)
        self.discriminator = Discriminator(settings, shape)
        init_dcgan(self)

    def generate(self, generator: nn.Module, z: Tensor, y: Tensor | None = None) -> Tensor:
        picture: Tensor = generator(z, y)
        return picture

    def discriminator_loss(
        self, batch: Batch, inputs: Inputs, fake: Tensor
    ) -> tuple[Tensor, Metrics]:
        assert batch.label is not None
        real_logits = self.discriminator(batch.image, batch.label)
        fake_logits = self.discriminator(fake, inputs.y)
        metrics = {
            "d_real": real_logits.mean(),
            "d_fake": fake_logits.mean(),
            "d_wins": losses.win_rate(real_logits, fake_logits),
            "dropout": self.discriminator.drop.rate,
        }
        if self.mismatch:
            other = batch.label.roll(1, 0)  # of the next picture, which may be of the same class
            wrong = (other != batch.label).any(1)
            other_logits = self.discriminator(batch.image, other)
            loss = losses.discriminator_matching(
                real_logits, fake_logits, other_logits, wrong, self.mismatch
            )
            metrics["d_other"] = other_logits.mean()
        else:
            loss = losses.discriminator_bce(real_logits, fake_logits)
        return loss, {"d_loss": loss, **metrics}

    def generator_loss(self, batch: Batch, inputs: Inputs, fake: Tensor) -> tuple[Tensor, Metrics]:
        loss = losses.generator_non_saturating(self.discriminator(fake, inputs.y))
        return loss, {"g_loss": loss}

    def after_step(self, metrics: Metrics) -> None:
        """Dropout grows while the discriminator wins too often, falls while it wins too seldom."""
        self.discriminator.drop.follow(metrics["d_wins"])
