"""Translates images, learned from pairs: photo to label map, or label map to photo.

Image-to-Image Translation with Conditional Adversarial Networks. Phillip Isola, Jun-Yan Zhu,
Tinghui Zhou, Alexei A. Efros, 2016, arXiv:1611.07004.

A U-Net maps an image x to G(x). The discriminator sees pairs, (x, y) or (x, G(x)), and judges
patches of 70x70 pixels. The only noise is dropout. Instance normalisation is used in training and
at test time, so the result for an image does not depend on the batch it is in.

What we changed:

- Networks are half as wide. Batches are small, the learning rate is higher and decays, and weights
  are averaged.
- Sizes other than 256 add or remove an inner layer of the U-Net.
- From photo to labels (A2B), half the epochs are enough. If B is a label map, the U-Net ends in one
  logit per label, trained with cross-entropy. Each pixel gets the colour of the most likely label,
  in training too: a discriminator that saw mean colours would only ask whether a colour is one of
  the palette. Gradients pass as if it were the mean colour (straight-through estimator: Bengio,
  Léonard, Courville 2013, arXiv:1308.3432).
- In A2B the adversarial loss has a low weight. In the paper, too, labels are better without it
  (table 6).

PAPER says what the preset `paper` keeps.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gancli import symptoms
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
    Rate,
    Shape,
    Weight,
)
from gancli.nn import losses, strided
from gancli.nn.layers import InstanceNorm, init_dcgan, pyramid

PAIRS = True  # the model learns from pairs of images

PAPER = (  # what the preset `paper` keeps, and what it does not
    "the paper's networks, losses and constants at 256 pixels. What differs: the "
    "discriminator is trained on the same fakes as the generator, and if B is a label map, "
    "the U-Net ends in one logit per label."
)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Sizes of the networks, dropout, and the weights of the losses."""

    width: LayerSize = (
        32  # channels of the largest maps, doubled at each halving, up to 8 times this
    )
    dropout: Rate = 0.5  # of the inner layers of the decoder: the only noise
    l1_weight: Weight = 100.0  # lambda in eq. 4, the weight of |y - G(x)|
    gan_weight: Weight = 1.0  # weight of the adversarial loss in L_G
    label_weight: Weight = 0.0  # weight of the cross-entropy, if G generates label maps
    exact_labels: bool = False  # show D the most likely label of a pixel, not the mean colour


def preset(name: str, shape: Shape | None, direction: Direction | None) -> dict[str, Any]:
    """Return values for `Settings` and `config.Training`: see `gancli.gan`."""
    if name == "paper":
        return {
            "width": 64,
            "epochs": 200,
            "batch_size": 1,
            "lr": 2e-4,
            "lr_decay": 0.0,
            "ema": 0.0,
            "jitter": 286 / 256 - 1,
            "mirror": True,
        }
    values: dict[str, Any] = {
        "epochs": 100,
        "batch_size": 4,
        "lr": 4e-4,
        "jitter": 0.12,
        "mirror": True,
    }
    if direction is Direction.A2B:
        values |= {"epochs": 50, "gan_weight": 0.1, "l1_weight": 10.0, "label_weight": 10.0}
        values["exact_labels"] = True
    return values


def build(settings: Settings, shape: Shape) -> "Pix2Pix":
    """Build the model for pairs of images of `shape`."""
    return Pix2Pix(settings, shape)


class Down(nn.Module):
    """Halve the size, rounded up: leaky ReLU, 4x4 convolution of stride 2, normalisation."""

    def __init__(self, channels: int, out: int, first: bool, last: bool) -> None:
        super().__init__()
        self.slope = 1.0 if first else 0.2
        self.conv = strided.Conv(channels, out)
        self.norm = nn.Identity() if first or last else InstanceNorm(out)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, out, ceil(H / 2), ceil(W / 2))."""
        # not in place: the skip connection needs x, too
        x = x if self.slope == 1.0 else F.leaky_relu(x, self.slope)
        height, width = x.shape[2:]
        x = F.pad(x, (0, width % 2, 0, height % 2)) if width % 2 or height % 2 else x
        maps: Tensor = self.norm(self.conv(x))
        return maps


class Up(nn.Sequential):
    """Double the size: ReLU, 4x4 transposed convolution of stride 2, normalisation, dropout."""

    def __init__(self, channels: int, out: int, dropout: float) -> None:
        deconv = strided.ConvTranspose(channels, out)
        dropouts = [nn.Dropout(dropout)] if dropout else []
        super().__init__(nn.ReLU(), deconv, InstanceNorm(out), *dropouts)


class Palette(nn.Module):
    """Label logits (B, K, H, W) to colours (B, 3, H, W) in [-1, 1].

    Each pixel has the colour of its most likely label. In training, gradients pass as if it had the
    mean colour, weighted by the softmax; unless `exact`, it then has that colour, too.
    """

    def __init__(self, colours: tuple[tuple[int, int, int], ...], exact: bool) -> None:
        super().__init__()
        self.exact = exact
        table = torch.tensor(colours, dtype=torch.float32).div(127.5).sub(1)  # (K, 3)
        self.register_buffer("table", table)
        self.table: Tensor

    def forward(self, logits: Tensor) -> Tensor:
        """Map label logits (B, K, H, W) to colours (B, 3, H, W)."""
        likely = self.table[logits.argmax(1)].permute(0, 3, 1, 2)
        if not self.training:
            return likely
        mean = F.conv2d(logits.float().softmax(1), self.table.T[:, :, None, None])
        return likely + (mean - mean.detach()) if self.exact else mean

    def labels(self, images: Tensor) -> Tensor:
        """Return the label (B, H, W) of each pixel of (B, 3, H, W): the one of nearest colour."""
        distance = images.float()[:, None] - self.table[:, :, None, None]  # (B, K, 3, H, W)
        return distance.square().sum(2).argmin(1)


class Generator(nn.Module):
    """U-Net: images (B, source channels, H, W) to images (B, C, H, W), both in [-1, 1].

    It is deep enough to reduce images of `shape.size` to a single pixel. Larger images work, too.
    """

    def __init__(self, s: Settings, shape: Shape) -> None:
        super().__init__()
        depth = len(pyramid(shape.size, smallest=1)) - 1
        widths = [s.width * min(2**i, 8) for i in range(depth)]
        self.downs = nn.ModuleList(
            Down(a, b, first=i == 0, last=i == depth - 1)
            for i, (a, b) in enumerate(pairwise([shape.source, *widths]))
        )
        dropout_layers = max(1, min(3, depth - 5))  # 3 layers at 256 pixels, 2 at 128
        from_bottom = widths[::-1]
        self.ups = nn.ModuleList(
            # all but the first take the skip connection as well: twice the channels
            Up(a * (1 if i == 0 else 2), b, s.dropout if i < dropout_layers else 0.0)
            for i, (a, b) in enumerate(pairwise(from_bottom))
        )
        labels = shape.palette if s.label_weight else ()
        outputs = len(labels) or shape.channels
        self.out = nn.Sequential(nn.ReLU(), strided.ConvTranspose(2 * s.width, outputs))
        self.paint = Palette(labels, s.exact_labels) if labels else nn.Tanh()

    def forward(self, x: Tensor) -> Tensor:
        """Map images (B, source channels, H, W) to images (B, C, H, W) in [-1, 1]."""
        image: Tensor = self.paint(self.maps(x))
        return image

    def maps(self, x: Tensor) -> Tensor:
        """Return the input of the last activation: (B, C, H, W), or label logits (B, K, H, W)."""
        height, width = x.shape[2:]
        skips: list[Tensor] = []
        for down in self.downs:
            x = down(x)
            skips.append(x)
        skips.pop()  # the innermost map has no skip connection
        for up in self.ups:
            skip = skips.pop()
            # cropped: sizes that are not a power of 2 were rounded up on the way down
            x = torch.cat([up(x)[..., : skip.shape[2], : skip.shape[3]], skip], dim=1)
        maps: Tensor = self.out(x)
        return maps[..., :height, :width]


class Discriminator(nn.Sequential):
    """Pairs (B, source channels + C, H, W) to logits (B, 1, h, w), one per patch.

    A patch has 70x70 pixels, or 34x34 for images below 28 pixels, where one halving is left out.
    """

    def __init__(self, s: Settings, shape: Shape) -> None:
        halvings = 3 if shape.size >= 28 else 2  # at 16 pixels the maps would get too small
        widths = [s.width * 2**i for i in range(halvings + 1)]
        layers: list[nn.Module] = [
            strided.Conv(shape.source + shape.channels, s.width),
            nn.LeakyReLU(0.2, True),
        ]
        for i, (a, b) in enumerate(pairwise(widths), start=1):
            conv = strided.Conv(a, b) if i < halvings else nn.Conv2d(a, b, 4, 1, 1)
            layers += [conv, InstanceNorm(b), nn.LeakyReLU(0.2, True)]
        super().__init__(*layers, nn.Conv2d(widths[-1], 1, 4, 1, 1))


class Pix2Pix(GAN):
    """pix2pix: G* = arg min_G max_D L_cGAN(G, D) + lambda L_L1(G) (eq. 4).

    D's loss is halved, as in the paper (section 3.3), so that D learns more slowly.
    """

    feeds = Feeds.IMAGE

    def __init__(self, settings: Settings, shape: Shape) -> None:
        super().__init__(shape, z_dim=0)
        self.l1_weight, self.gan_weight = settings.l1_weight, settings.gan_weight
        self.label_weight = settings.label_weight if shape.palette else 0.0
        self.exact_palette = bool(self.label_weight)
        self.generator = Generator(settings, shape)
        self.discriminator = Discriminator(settings, shape)
        init_dcgan(self)

    def fake(self, inputs: Inputs) -> Fake:
        """Return G(x), with the label logits (B, K, H, W) if G generates label maps."""
        if not self.label_weight:
            return super().fake(inputs)
        assert isinstance(self.generator, Generator) and inputs.source is not None
        logits = self.generator.maps(inputs.source)
        return Fake(self.generator.paint(logits), {"logits": logits})

    def translate(self, generator: nn.Module, image: Tensor) -> Tensor:
        """Return images (B, C, H, W) in [-1, 1] from images (B, source channels, H, W)."""
        translated: Tensor = generator(image)
        return translated

    def discriminator_loss(
        self, batch: Batch, inputs: Inputs, fake: Fake
    ) -> tuple[Tensor, Metrics]:
        """Return (-log D(x, y) - log(1 - D(x, G(x)))) / 2, and metrics."""
        assert batch.source is not None
        real_pair = torch.cat([batch.source, batch.image], 1)
        fake_pair = torch.cat([batch.source, fake.image.to(batch.source.dtype)], 1)
        real_logits = self.discriminator(real_pair).float()
        fake_logits = self.discriminator(fake_pair).float()
        loss = 0.5 * losses.discriminator_bce(real_logits, fake_logits)
        return loss, {
            "d_loss": loss,
            "d_real": real_logits.mean(),
            "d_fake": fake_logits.mean(),
            "d_wins": losses.win_rate(real_logits, fake_logits),
        }

    def generator_loss(self, batch: Batch, inputs: Inputs, fake: Fake) -> tuple[Tensor, Metrics]:
        """Return -log D(x, G(x)) + lambda |y - G(x)| with their weights, and metrics.

        If G generates label maps, the cross-entropy of the labels is added.
        """
        assert batch.source is not None
        l1 = F.l1_loss(fake.image.float(), batch.image)
        fake_pair = torch.cat([batch.source, fake.image.to(batch.source.dtype)], 1)
        adversarial = losses.generator_non_saturating(self.discriminator(fake_pair).float())
        loss = self.gan_weight * adversarial + self.l1_weight * l1
        if not self.label_weight:
            return loss, {"g_loss": loss, "l1": l1}
        palette = self.generator.paint
        assert isinstance(palette, Palette)
        target = palette.labels(batch.image)  # (B, H, W)
        cross_entropy = F.cross_entropy(fake.extra["logits"].float(), target)
        loss = loss + self.label_weight * cross_entropy
        return loss, {"g_loss": loss, "l1": l1, "labels": cross_entropy}

    def symptoms(self, epoch: Epoch) -> Findings:
        """Return the common symptoms. If D always wins, L1 still teaches G."""
        effect = "only the other losses teach the generator"
        strong = symptoms.discriminator_too_strong(epoch, effect) if self.gan_weight else None
        return super().symptoms(epoch) | {"discriminator_too_strong": strong}
