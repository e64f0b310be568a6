"""Generates images of a given class: the discriminator also classifies.

Conditional Image Synthesis With Auxiliary Classifier GANs. Augustus Odena, Christopher Olah,
Jonathon Shlens, 2016, arXiv:1610.09585. The label is appended to the noise, one-hot or blended.

What we changed:

- Both networks have a fully connected layer: after the noise in G, before the heads in D.
- The generator's first feature maps are normalised per pixel. With batch norm per channel, all
  digits of a class looked the same within one epoch.
- The discriminator gets the minibatch standard deviation and has half the learning rate.
- Its dropout drops entire channels, and its rate adapts to how often the discriminator wins. With a
  constant rate it memorised the training images: 100 epochs of MNIST were worse than 25.
- A generator that is rewarded for images with an obvious class avoids all others, and the variety
  within a class is lost. So there are two classifiers: one learns from real images only, and its
  twin learns from fakes. The generator is rewarded for the confidence of the first minus that of
  the twin. If fakes are distributed like real images, both are equally confident. This is TAC-GAN
  (Gong, Xu, Li, Zhang, Batmanghelich 2019, arXiv:1907.02690, section 3). We give the twin a
  slightly lower weight, so that the class of a fake is a little more obvious than that of a real
  image.

A classifier trained only on samples recognises 98.3 % of real MNIST digits, after 25 epochs as well
as after 100, and 87.4 % of real Fashion-MNIST images.

PAPER says what the preset `paper` keeps.
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
    Epoch,
    Fake,
    Feeds,
    Findings,
    Inputs,
    LayerSize,
    Metrics,
    Proportion,
    Rate,
    Shape,
    Weight,
    check_classes,
)
from gancli.nn import losses
from gancli.nn.layers import (
    AdaptiveDropout2d,
    DownConv,
    FlattenNHWC,
    MinibatchStd,
    UnflattenNHWC,
    UpConv,
    init_dcgan,
    pyramid,
)

HEAD_ACCURACY = 0.8  # the class head must recognise this share of real pictures to be trusted
ABOVE_CHANCE = 0.1  # its accuracy on samples must beat chance by this fraction of (1 - chance)

PAPER = (  # what the preset `paper` keeps, and what it does not
    "the paper's losses: one classifier learns from real and fake images (L_C, eq. 3). What "
    "differs: the networks are our own, smaller than the paper's, with a fully connected "
    "layer each, dropout of entire channels and no noise on activations."
)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Sizes of the networks, the noise, dropout, and the weights of the class terms L_C."""

    z_dim: LayerSize = 100  # length of the noise vector
    width: LayerSize = 32  # channels of the largest maps, doubled each time the size halves
    hidden: LayerSize = 256  # units of the fully connected layers
    dropout: Rate = 0.3  # initial rate at which D drops channels
    d_wins: Proportion = 0.62  # accuracy of D that dropout aims for; 1: constant dropout
    minibatch_std: bool = True  # give D the minibatch standard deviation as a feature
    g_class_weight: Weight = 0.5  # weight of L_C in the generator's loss
    twin: Proportion = 0.9  # weight of the twin's L_C relative to the classifier's; 0: no twin
    noise: Literal["normal", "uniform"] = "normal"  # N(0, 1) or U(-1, 1)


def preset(name: str, shape: Shape | None, direction: Direction | None) -> dict[str, Any]:
    """Return values for `Settings` and `config.Training`: see `gancli.gan`."""
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
    """Build the model for images of `shape`. Raises UsageError if they have no classes."""
    return ACGAN(settings, shape)


class Generator(nn.Module):
    """Noise (B, Z) and labels (B, K), one-hot or blended, to images (B, C, H, W) in [-1, 1]."""

    def __init__(self, s: Settings, shape: Shape) -> None:
        super().__init__()
        sizes = pyramid(shape.size)
        widths = [s.width * 2**i for i in reversed(range(len(sizes) - 1))]  # input of each UpConv
        flat = widths[0] * sizes[0] ** 2
        self.start = nn.Sequential(
            nn.Linear(s.z_dim + shape.classes, s.hidden, bias=False),
            nn.BatchNorm1d(s.hidden),
            nn.ReLU(True),
            nn.Linear(s.hidden, flat, bias=False),
            nn.BatchNorm1d(flat),  # per pixel, not per channel: see the module docstring
            nn.ReLU(True),
            UnflattenNHWC(widths[0], sizes[0]),
        )
        ups: list[nn.Module] = []
        for (a, b), size in zip(pairwise(widths), sizes[1:-1], strict=True):
            ups += [UpConv(a, b, size, bias=False), nn.BatchNorm2d(b), nn.ReLU(True)]
        self.ups = nn.Sequential(*ups, UpConv(widths[-1], shape.channels, sizes[-1]), nn.Tanh())

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        """Map noise (B, Z) and labels (B, K) to images (B, C, H, W)."""
        image: Tensor = self.ups(self.start(torch.cat([z, y.to(z.dtype)], dim=1)))
        return image


class Discriminator(nn.Module):
    """Images (B, C, H, W) to three heads: source (B,), class (B, K) and twin class (B, K).

    All are logits. The source head tells real from fake. Without a twin, the third head is the
    second.
    """

    def __init__(self, s: Settings, shape: Shape) -> None:
        super().__init__()
        sizes = pyramid(shape.size)[::-1]
        widths = [shape.channels] + [s.width * 2**i for i in range(len(sizes) - 1)]
        self.downs = nn.ModuleList(
            nn.Sequential(
                DownConv(a, b, size, bias=i == 0),
                nn.Identity() if i == 0 else nn.BatchNorm2d(b),
                nn.LeakyReLU(0.2, True),
            )
            for i, ((a, b), size) in enumerate(zip(pairwise(widths), sizes[:-1], strict=True))
        )
        self.drop = AdaptiveDropout2d(s.dropout, s.d_wins)
        batch_std = [MinibatchStd()] if s.minibatch_std else []
        dense = nn.Linear(widths[-1] * sizes[-1] ** 2 + s.minibatch_std, s.hidden)
        self.dense = nn.Sequential(FlattenNHWC(), *batch_std, dense, nn.LeakyReLU(0.2, True))
        self.source = nn.Linear(s.hidden, 1)
        self.category = nn.Linear(s.hidden, shape.classes)
        self.twin = nn.Linear(s.hidden, shape.classes) if s.twin else None

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map images (B, C, H, W) to logits of source (B,), class (B, K) and twin (B, K)."""
        for down in self.downs:
            x = self.drop(down(x))
        features = self.dense(x)
        category = self.category(features).float()
        twin = self.twin(features).float() if self.twin else category
        return self.source(features)[:, 0].float(), category, twin


def accuracy(logits: Tensor, label: Tensor) -> Tensor:
    """Return the share of images, in 0..1, that class logits (B, K) assign to `label` (B, K)."""
    return (logits.argmax(1) == label.argmax(1)).float().mean()


def ignored_labels(epoch: Epoch) -> str | None:
    """Find samples that a class head does not recognise as the class they were generated for.

    Applies only if the head recognises real pictures reliably (HEAD_ACCURACY).
    """
    if epoch.metrics.get("real_recognised", 0.0) < HEAD_ACCURACY:
        return None
    recognised, chance = epoch.metrics["fake_recognised"], 1 / epoch.classes
    if recognised > chance + ABOVE_CHANCE * (1 - chance):
        return None
    return (
        f"mode collapse (only {recognised:.0%} of the samples are recognised as their class). "
        "Try a higher --set g_class_weight or a lower --lr."
    )


class ACGAN(GAN):
    """Auxiliary classifier GAN: D maximises L_S + L_C, G maximises L_C - L_S (eq. 2 and 3).

    L_S is the log-likelihood of the source, real or fake; L_C is that of the class. With a twin,
    G's L_C is that of the classifier minus `twin` times that of the twin.
    """

    feeds = Feeds.NOISE | Feeds.LABEL
    discriminator: Discriminator

    def __init__(self, settings: Settings, shape: Shape) -> None:
        super().__init__(shape, settings.z_dim, settings.noise)
        check_classes("acgan", shape)
        self.g_class_weight = settings.g_class_weight
        self.twin = settings.twin
        self.generator = Generator(settings, shape)
        self.discriminator = Discriminator(settings, shape)
        init_dcgan(self)

    def generate(self, generator: nn.Module, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Return images (B, C, H, W) in [-1, 1] from noise (B, Z) and labels (B, K)."""
        image: Tensor = generator(z, y)
        return image

    def discriminator_loss(
        self, batch: Batch, inputs: Inputs, fake: Fake
    ) -> tuple[Tensor, Metrics]:
        """Return -(L_S + L_C), and metrics."""
        assert batch.label is not None and inputs.y is not None
        real_source, real_class, _ = self.discriminator(batch.image)
        fake_source, fake_class, fake_twin = self.discriminator(fake.image)
        source = losses.discriminator_bce(real_source, fake_source)
        category = F.cross_entropy(real_class, batch.label) + F.cross_entropy(fake_twin, inputs.y)
        loss = source + category
        return loss, {
            "d_loss": loss,
            "d_class": category,
            "d_wins": losses.win_rate(real_source, fake_source),
            "dropout": self.discriminator.drop.rate,
            "real_recognised": accuracy(real_class, batch.label),
            "fake_recognised": accuracy(fake_class, inputs.y),
        }

    def generator_loss(self, batch: Batch, inputs: Inputs, fake: Fake) -> tuple[Tensor, Metrics]:
        """Return the non-saturating source loss - `g_class_weight` L_C, and metrics."""
        assert inputs.y is not None
        source, classes, twin = self.discriminator(fake.image)
        category = F.cross_entropy(classes, inputs.y)
        category = category - self.twin * F.cross_entropy(twin, inputs.y)
        loss = losses.generator_non_saturating(source) + self.g_class_weight * category
        return loss, {"g_loss": loss, "g_class": category}

    def after_step(self, metrics: Metrics) -> None:
        """Raise dropout if the discriminator wins too often; lower it if it wins too rarely."""
        self.discriminator.drop.adapt(metrics["d_wins"])

    def symptoms(self, epoch: Epoch) -> Findings:
        """Return what is wrong after an epoch, among it samples that do not show their class."""
        return super().symptoms(epoch) | {"ignored_labels": ignored_labels(epoch)}
