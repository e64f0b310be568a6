"""Pictures of a class that is asked for: the discriminator also tells the class.

Conditional Image Synthesis With Auxiliary Classifier GANs. Augustus Odena, Christopher Olah,
Jonathon Shlens, 2016, arXiv:1610.09585. A label is appended to the noise, one-hot or blended.

What we changed: both networks have a fully connected layer, next to the noise and to the heads;
the generator's first maps are normalised pixel by pixel, since by whole maps all digits of a class
became one within an epoch. The discriminator is told how varied a batch is, learns at half the
rate, and its dropout, of whole maps, follows how often it wins: with a constant one it learned the
pictures by heart, and 100 epochs of MNIST were worse than 25.
A generator that is paid for pictures of which the class is plain avoids all others, and the variety
inside a class is lost. So a twin of the classifier learns the classes of samples, while the first
learns those of real pictures alone, and the generator is paid by how much more the first is sure of
the class: where samples are as real pictures are, both are equally so. (TAC-GAN; Gong, Xu, Li,
Zhang, Batmanghelich 2019, arXiv:1907.02690, section 3.) The twin counts a little less, so that a
class that was asked for is still a bit plainer than in real pictures.
A classifier that saw nothing but samples recognises so 98.3 % of real digits, after 25 epochs as
after 100, and 87.4 % of real clothes. In the preset `paper` one classifier learns from real and
fake, L_C of eq. 2.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import torch
import torch.nn.functional as F
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
    Weight,
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
    """Shape of the networks, and the weight of the class term L_C."""

    z_dim: Units = 100  # length of the noise vector
    width: Units = 32  # channels of the widest-picture layer, doubled at each halving
    hidden: Units = 256  # units of the fully connected layers
    dropout: Rate = 0.3  # of the discriminator's maps, at first
    d_wins: Proportion = 0.62  # its win rate, which dropout follows to hold; 1: dropout is constant
    minibatch_std: bool = True  # whether the discriminator is told how varied a batch is
    g_class_weight: Weight = 0.5  # of L_C in the generator's loss
    twin: Proportion = 0.9  # weight of the twin's L_C against the classifier's there; 0: no twin
    noise: Literal["normal", "uniform"] = "normal"


def preset(name: str, shape: Shape | None, direction: Direction | None) -> dict[str, Any]:
    """Values for `Settings` and `config.Training`; `shape` is None before the data is read."""
    if name == "paper":
        return {
            "g_class_weight": 1.0,
            "twin": 0.0,
            "dropout": 0.5,
            "d_wins": 1.0,
            "minibatch_std": False,
            "lr": 2e-4,
            "batch_size": 100,
            "epochs": 50,
            "lr_decay": 0.0,
            "ema": 0.0,
        }
    return {"lr": 2e-3, "d_lr_scale": 0.5, "batch_size": 64, "epochs": 25, "lr_decay": 1.0}


def build(settings: Settings, shape: Shape) -> "ACGAN":
    """The model for pictures of `shape`. Raises UsageError where they have no classes."""
    return ACGAN(settings, shape)


class Generator(nn.Module):
    """Noise (B, Z) and labels (B, K), one-hot or blended, to pictures (B, C, H, W) in [-1, 1]."""

    def __init__(self, s: Settings, shape: Shape) -> None:
        super().__init__()
        sizes = pyramid(shape.size)
        widths = [s.width * 2**i for i in reversed(range(len(sizes) - 1))]
        flat = widths[0] * sizes[0] ** 2
        self.start = nn.Sequential(
            nn.Linear(s.z_dim + shape.classes, s.hidden, bias=False),
            nn.BatchNorm1d(s.hidden),
            nn.ReLU(True),
            nn.Linear(s.hidden, flat, bias=False),
            nn.BatchNorm1d(flat),  # of each pixel: maps cannot all become alike
            nn.ReLU(True),
            ToMaps(widths[0], sizes[0]),
        )
        ups: list[nn.Module] = []
        for (a, b), size in zip(pairwise(widths), sizes[1:-1], strict=True):
            ups += [Double(a, b, size, bias=False), nn.BatchNorm2d(b), nn.ReLU(True)]
        self.ups = nn.Sequential(*ups, Double(widths[-1], shape.channels, sizes[-1]), nn.Tanh())

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        picture: Tensor = self.ups(self.start(torch.cat([z, y.to(z.dtype)], dim=1)))
        return picture


class Discriminator(nn.Module):
    """Pictures (B, C, H, W) to three heads: source logits (B,) and class logits (B, K) twice.

    The second are those of the twin, which is the classifier itself where there is none.
    """

    def __init__(self, s: Settings, shape: Shape) -> None:
        super().__init__()
        sizes = pyramid(shape.size)[::-1]
        widths = [shape.channels] + [s.width * 2**i for i in range(len(sizes) - 1)]
        self.downs = nn.ModuleList(
            nn.Sequential(
                Halve(a, b, size, bias=i == 0),
                nn.Identity() if i == 0 else nn.BatchNorm2d(b),
                nn.LeakyReLU(0.2, True),
            )
            for i, ((a, b), size) in enumerate(zip(pairwise(widths), sizes[:-1], strict=True))
        )
        self.drop = DropMaps(s.dropout, s.d_wins)
        spread = [MinibatchStd()] if s.minibatch_std else []
        dense = nn.Linear(widths[-1] * sizes[-1] ** 2 + s.minibatch_std, s.hidden)
        self.dense = nn.Sequential(FromMaps(), *spread, dense, nn.LeakyReLU(0.2, True))
        self.source = nn.Linear(s.hidden, 1)
        self.category = nn.Linear(s.hidden, shape.classes)
        self.twin = nn.Linear(s.hidden, shape.classes) if s.twin else None

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        for down in self.downs:
            x = self.drop(down(x))
        features = self.dense(x)
        category = self.category(features).float()
        twin = self.twin(features).float() if self.twin else category
        return self.source(features)[:, 0].float(), category, twin


def recognised(logits: Tensor, label: Tensor) -> Tensor:
    """The share of pictures that are told, by class logits (B, K), as their `label` (B, K)."""
    return (logits.argmax(1) == label.argmax(1)).float().mean()


class ACGAN(GAN):
    """D maximises L_S + L_C, G maximises L_C - L_S (eq. 2 and 3).

    With a twin, L_C of G is that of the classifier less `twin` times that of the twin.
    """

    feeds = Feeds.NOISE | Feeds.LABEL
    discriminator: Discriminator

    def __init__(self, settings: Settings, shape: Shape) -> None:
        super().__init__(shape, settings.z_dim, settings.noise)
        need_classes("acgan", shape)
        self.g_class_weight = settings.g_class_weight
        self.twin = settings.twin
        self.generator = Generator(settings, shape)
        self.discriminator = Discriminator(settings, shape)
        init_dcgan(self)

    def generate(self, generator: nn.Module, z: Tensor, y: Tensor | None = None) -> Tensor:
        picture: Tensor = generator(z, y)
        return picture

    def discriminator_loss(
        self, batch: Batch, inputs: Inputs, fake: Tensor
    ) -> tuple[Tensor, Metrics]:
        assert batch.label is not None and inputs.y is not None
        real_source, real_class, _ = self.discriminator(batch.image)
        fake_source, fake_class, fake_twin = self.discriminator(fake)
        source = losses.discriminator_bce(real_source, fake_source)
        category = F.cross_entropy(real_class, batch.label) + F.cross_entropy(fake_twin, inputs.y)
        loss = source + category
        return loss, {
            "d_loss": loss,
            "d_class": category,
            "d_wins": losses.win_rate(real_source, fake_source),
            "dropout": self.discriminator.drop.rate,
            "real_recognised": recognised(real_class, batch.label),
            "fake_recognised": recognised(fake_class, inputs.y),
        }

    def generator_loss(self, batch: Batch, inputs: Inputs, fake: Tensor) -> tuple[Tensor, Metrics]:
        assert inputs.y is not None
        source, classes, twin = self.discriminator(fake)
        category = F.cross_entropy(classes, inputs.y)
        category = category - self.twin * F.cross_entropy(twin, inputs.y)
        loss = losses.generator_non_saturating(source) + self.g_class_weight * category
        return loss, {"g_loss": loss, "g_class": category}

    def after_step(self, metrics: Metrics) -> None:
        """Dropout grows while the discriminator wins too often, falls while it wins too seldom."""
        self.discriminator.drop.follow(metrics["d_wins"])
