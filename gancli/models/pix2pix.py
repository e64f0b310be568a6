"""One picture translated into another, learned from pairs: photo to labels, labels to photo.

Image-to-Image Translation with Conditional Adversarial Networks. Phillip Isola, Jun-Yan Zhu,
Tinghui Zhou, Alexei A. Efros, 2016, arXiv:1611.07004.

A U-Net turns x into G(x); a discriminator that judges patches of 70x70 pixels sees pairs, (x, y) or
(x, G(x)). Noise is given only as dropout. Normalisation goes by each picture's own statistics, in
training as at test time, so that a picture comes out the same in any batch.

What we changed: networks are half as wide, training takes small batches at a larger, falling rate,
and weights are averaged. Sizes other than 256 add or drop an inner layer of the U-Net. From photo
to labels (A2B) half as many epochs do. There, where B is a map of labels, the U-Net ends in a logit
for each of them, which learn by cross-entropy; a pixel has the colour of the likeliest (in
training, the mean colour). Beside that the adversarial loss weighs little: the paper, too, finds
labels better without it (table 6). The preset `paper` keeps the paper's own.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gancli.gan import GAN, Batch, Direction, Feeds, Inputs, Metrics, Rate, Shape, Units, Weight
from gancli.nn import losses, strided
from gancli.nn.layers import InstanceNorm, init_dcgan, pyramid

PAIRS = True  # it learns from pairs of pictures


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Shape of the networks and the weights of the losses."""

    width: Units = 32  # channels of the widest-picture layer, doubled at each halving up to 8 times
    dropout: Rate = 0.5  # of the inner layers of the decoder, which is all the noise there is
    l1_weight: Weight = 100.0  # of |y - G(x)|, lambda in eq. 4
    gan_weight: Weight = 1.0  # of the adversarial loss in the generator's
    label_weight: Weight = 0.0  # of the cross-entropy of labels, where maps of them are made


def preset(name: str, shape: Shape | None, direction: Direction | None) -> dict[str, Any]:
    """Values for `Settings` and `config.Training`; `shape` is None before the data is read."""
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
    return values


def build(settings: Settings, shape: Shape) -> "Pix2Pix":
    """The model for pairs of `shape`. Its `source` are the channels of the pictures given."""
    return Pix2Pix(settings, shape)


class Down(nn.Module):
    """Halve (rounding up): leaky ReLU, convolution 4x4 of stride 2, normalisation."""

    def __init__(self, channels: int, out: int, first: bool, last: bool) -> None:
        super().__init__()
        self.slope = 1.0 if first else 0.2
        self.conv = strided.Conv(channels, out)
        self.norm = nn.Identity() if first or last else InstanceNorm(out)

    def forward(self, x: Tensor) -> Tensor:
        x = x if self.slope == 1.0 else F.leaky_relu(x, self.slope)  # not in place: a skip uses it
        height, width = x.shape[2:]
        x = F.pad(x, (0, width % 2, 0, height % 2)) if width % 2 or height % 2 else x
        maps: Tensor = self.norm(self.conv(x))
        return maps


class Up(nn.Sequential):
    """Double: ReLU, transposed convolution 4x4 of stride 2, normalisation, dropout."""

    def __init__(self, channels: int, out: int, dropout: float) -> None:
        deconv = strided.ConvTranspose(channels, out)
        noise = [nn.Dropout(dropout)] if dropout else []
        super().__init__(nn.ReLU(), deconv, InstanceNorm(out), *noise)


class Palette(nn.Module):
    """Logits of labels (B, K, H, W) to their colours (B, 3, H, W) in [-1, 1].

    In training the mean colour, so that gradients pass, else the colour of the likeliest label.
    """

    def __init__(self, colours: tuple[tuple[int, int, int], ...]) -> None:
        super().__init__()
        table = torch.tensor(colours, dtype=torch.float32).div(127.5).sub(1)  # (K, 3)
        self.register_buffer("table", table)
        self.table: Tensor

    def forward(self, logits: Tensor) -> Tensor:
        if not self.training:
            return self.table[logits.argmax(1)].permute(0, 3, 1, 2)
        return F.conv2d(logits.float().softmax(1), self.table.T[:, :, None, None])

    def labels(self, pictures: Tensor) -> Tensor:
        """The label (B, H, W) of each pixel of (B, 3, H, W): that of the nearest colour."""
        distance = pictures.float()[:, None] - self.table[:, :, None, None]  # (B, K, 3, H, W)
        return distance.square().sum(2).argmin(1)


class Generator(nn.Module):
    """U-Net: pictures (B, source, H, W) in [-1, 1] to pictures (B, C, H, W) in [-1, 1].

    Its depth brings pictures of the shape's size down to one pixel; others of at least that size
    may be given as well.
    """

    def __init__(self, s: Settings, shape: Shape) -> None:
        super().__init__()
        depth = len(pyramid(shape.size, smallest=1)) - 1
        widths = [s.width * min(2**i, 8) for i in range(depth)]
        self.downs = nn.ModuleList(
            Down(a, b, first=i == 0, last=i == depth - 1)
            for i, (a, b) in enumerate(pairwise([shape.source, *widths]))
        )
        noisy = max(1, min(3, depth - 5))  # 3 layers at 256 pixels, 2 at 128
        inward = widths[::-1]
        self.ups = nn.ModuleList(
            Up(a * (1 if i == 0 else 2), b, s.dropout if i < noisy else 0.0)
            for i, (a, b) in enumerate(pairwise(inward))
        )
        labels = shape.palette if s.label_weight else ()
        outputs = len(labels) or shape.channels
        self.out = nn.Sequential(nn.ReLU(), strided.ConvTranspose(2 * s.width, outputs))
        self.paint = Palette(labels) if labels else nn.Tanh()

    def forward(self, x: Tensor) -> Tensor:
        picture: Tensor = self.paint(self.maps(x))
        return picture

    def maps(self, x: Tensor) -> Tensor:
        """What is to be painted: (B, C, H, W), or a logit for each label (B, K, H, W)."""
        height, width = x.shape[2:]
        skips: list[Tensor] = []
        for down in self.downs:
            x = down(x)
            skips.append(x)
        skips.pop()
        for up in self.ups:
            skip = skips.pop()
            x = torch.cat([up(x)[..., : skip.shape[2], : skip.shape[3]], skip], dim=1)
        maps: Tensor = self.out(x)
        return maps[..., :height, :width]


class Discriminator(nn.Sequential):
    """Pairs, (B, source + C, H, W), to a logit for each patch of 70x70 pixels, (B, 1, h, w)."""

    def __init__(self, s: Settings, shape: Shape) -> None:
        halvings = 3 if shape.size >= 28 else 2  # pictures of 16 pixels have no patch of 70
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
    """G* = arg min_G max_D L_cGAN(G, D) + lambda L_L1(G) (eq. 4); D's loss is halved."""

    feeds = Feeds.IMAGE

    def __init__(self, settings: Settings, shape: Shape) -> None:
        super().__init__(shape, z_dim=0)
        self.l1_weight, self.gan_weight = settings.l1_weight, settings.gan_weight
        self.label_weight = settings.label_weight if shape.palette else 0.0
        self.crisp = bool(self.label_weight)
        self._logits: Tensor | None = None  # of the fake of this step
        self.generator = Generator(settings, shape)
        self.discriminator = Discriminator(settings, shape)
        init_dcgan(self)

    def fake(self, inputs: Inputs) -> Tensor:
        if not self.label_weight:
            return super().fake(inputs)
        assert isinstance(self.generator, Generator) and inputs.source is not None
        self._logits = self.generator.maps(inputs.source)
        picture: Tensor = self.generator.paint(self._logits)
        return picture

    def translate(self, generator: nn.Module, image: Tensor) -> Tensor:
        picture: Tensor = generator(image)
        return picture

    def discriminator_loss(
        self, batch: Batch, inputs: Inputs, fake: Tensor
    ) -> tuple[Tensor, Metrics]:
        assert batch.source is not None
        real = self.discriminator(torch.cat([batch.source, batch.image], 1)).float()
        made = self.discriminator(torch.cat([batch.source, fake.to(batch.source.dtype)], 1)).float()
        loss = 0.5 * losses.discriminator_bce(real, made)
        return loss, {
            "d_loss": loss,
            "d_real": real.mean(),
            "d_fake": made.mean(),
            "d_wins": losses.win_rate(real, made),
        }

    def generator_loss(self, batch: Batch, inputs: Inputs, fake: Tensor) -> tuple[Tensor, Metrics]:
        assert batch.source is not None
        l1 = F.l1_loss(fake.float(), batch.image)
        judged = self.discriminator(torch.cat([batch.source, fake.to(batch.source.dtype)], 1))
        adversarial = losses.generator_non_saturating(judged.float())
        loss = self.gan_weight * adversarial + self.l1_weight * l1
        if self._logits is None:
            return loss, {"g_loss": loss, "l1": l1}
        palette = self.generator.paint
        assert isinstance(palette, Palette)
        truth = palette.labels(batch.image)
        labels = F.cross_entropy(self._logits.float(), truth)
        loss, self._logits = loss + self.label_weight * labels, None
        return loss, {"g_loss": loss, "l1": l1, "labels": labels}
