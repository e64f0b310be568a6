"""Pictures from noise, judged by how well an autoencoder draws them again.

BEGAN: Boundary Equilibrium Generative Adversarial Networks. David Berthelot, Thomas Schumm, Luke
Metz, 2017, arXiv:1703.10717.

The discriminator D is an autoencoder with the loss L(v) = mean |v - D(v)|. A control k_t holds
L(G(z)) at gamma L(x): gamma, the diversity ratio, trades variety for sharpness. The measure of
convergence M = L(x) + |gamma L(x) - L(G(z))| falls as pictures get better, so it tells the best
epoch, and when the learning rate should halve.

What we changed: pictures are padded by their edges until they can be halved down to 5 to 8 pixels,
and cropped back: 28 becomes 32. On request the generator has dropout, which stays on at sampling.
By default networks are narrow enough for a CPU, the generator's weights are averaged, batches and
the learning rate are larger, and k follows faster.

Variety is a matter of k. D gains by erring on a picture only where k p_G > p_data, so samples may
be 1/k times as common as the pictures they are like; and an autoencoder errs least on little ink,
so that on digits ones become common: two samples in five with k at 0.24, two in nine with 0.35.
To hold k high, samples must be hard to tell from data: D learns at a tenth of the generator's rate,
and the generator is wider at its smaller scales (the paper makes it like the decoder for simplicity
alone). And gamma is 1: below it the balance is met by drawing nothing but ones, above it by pale
digits at first. At a constant rate D still pulls ahead: on MNIST k is 0.77 after 5 epochs and 0.35
after 25, and variety is lost slowly, which M does not see. So both rates fall to nothing over the
last three quarters of a run: k rises to 0.88 in 12 epochs, and the distance of 10,000 samples that
`gan evaluate` gives is 23, where 25 epochs at a constant rate left 128.

On faces at 64 pixels a tenth of the rate starves D: k meets its bound, and D no longer learns to
draw faces again. Above 32 pixels D learns at a quarter of the generator's rate, and the generator
is like the decoder; with falling rates the distance there is 34 after 12 epochs, with constant ones
83 after 8, its least, and 230 after 13. The preset `paper` keeps the paper's own.
"""

from dataclasses import dataclass
from math import ceil, log2, sqrt
from typing import Annotated, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gancli.gan import GAN, Batch, Direction, Inputs, Metrics, Proportion, Rate, Shape, Units
from gancli.nn.layers import ELU, FromMaps, ToMaps

SMALL = 32  # pixels a side: larger pictures want other settings


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Shape of the networks and the constants of the equilibrium, in the paper's symbols."""

    z_dim: Units = 64  # length of the noise vector, U(-1, 1)
    width: Units = 16  # n, channels of the decoders' layers and of the encoder's first
    hidden: Units = 64  # N_h, length of the autoencoder's code
    gamma: Annotated[float, (0.0, 10.0)] = 1.0  # E[L(G(z))] / E[L(x)] held: lower is less varied
    lambda_k: Proportion = 0.02  # how fast k follows
    taper: Annotated[int, (1, 4)] = 2  # factor of the generator's channels at each smaller size
    dropout: Rate = 0.0  # share of the generator's maps left out, in training and at sampling


def preset(name: str, shape: Shape | None, direction: Direction | None) -> dict[str, Any]:
    """Values for `Settings` and `config.Training`; `shape` is None before the data is read."""
    if name == "paper":
        return {
            "width": 128,
            "taper": 1,
            "gamma": 0.5,
            "lambda_k": 1e-3,
            "lr": 1e-4,
            "beta1": 0.9,
            "batch_size": 16,
            "lr_decay": 0.0,
            "patience": 5,
            "ema": 0.0,
        }
    values: dict[str, Any] = {
        "lr": 1e-3,
        "d_lr_scale": 0.1,
        "batch_size": 32,
        "epochs": 12,
        "lr_decay": 0.75,
        "patience": 3,
    }
    if shape is not None and shape.size > SMALL:
        values |= {"d_lr_scale": 0.25, "taper": 1}
    return values


def build(settings: Settings, shape: Shape) -> "BEGAN":
    """The model for pictures of `shape`."""
    return BEGAN(settings, shape)


def k_max(gamma: float) -> float:
    """The most of k: 1 as in the paper, and less where gamma is larger than the paper's.

    In balance L_D is (1 - k gamma) L(x). With k gamma above 1 it would fall for ever as both errors
    grow, which the paper's gamma < 1 rules out.
    """
    return 0.9 / max(gamma, 0.9)


def ladder(size: int) -> list[int]:
    """Sizes from 5 to 8 pixels up, each half of the next; the last is `size` with its padding.

    28 -> [8, 16, 32]; 36 -> [5, 10, 20, 40]; 64 -> [8, 16, 32, 64].
    """
    halvings = ceil(log2(size / 8))
    step = max(8, 2**halvings)
    side = ceil(size / step) * step
    return [side >> i for i in reversed(range(halvings + 1))]


class Pad(nn.Module):
    """(B, C, size, size) in the middle of (B, C, side, side), the edge repeated around it."""

    def __init__(self, size: int, side: int) -> None:
        super().__init__()
        low, high = (side - size) // 2, (side - size + 1) // 2
        self.margins = (low, high, low, high)

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(x, self.margins, mode="replicate") if any(self.margins) else x


class Unpad(nn.Module):
    """The middle of (B, C, side, side), (B, C, size, size): what `Pad` put there."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        low = (x.shape[-1] - self.size) // 2
        return x[..., low : low + self.size, low : low + self.size]


class Dropout(nn.Module):
    """Leaves out whole maps of (B, C, H, W), a share `rate` of them; z (B, Z) alone decides which.

    No z comes twice in training, so a mask that follows from z is as good as one that is drawn, and
    a picture stays a function of its noise. Map c is left out while the phase <z, w_c> + b_c, in
    turns, has a fraction below `rate`: the phase spreads over a turn, so every map is left out as
    often, and along a walk maps come and go one by one, where a mask hashed from z would flicker.
    """

    def __init__(self, z_dim: int, channels: int, rate: float) -> None:
        super().__init__()
        self.rate = rate
        self.register_buffer("w", torch.randn(z_dim, channels) * sqrt(3 / z_dim))  # var z is 1/3
        self.register_buffer("b", torch.rand(channels))
        self.w: Tensor
        self.b: Tensor

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        with torch.autocast(z.device.type, enabled=False):  # bfloat16 would round masks away
            phase = z @ self.w + self.b
        kept = (phase - phase.floor() >= self.rate) / (1 - self.rate)
        return x * kept.to(x.dtype)[:, :, None, None]


class Decoder(nn.Module):
    """Codes (B, inputs) to pictures (B, C, H, W), without bounds; the generator is one as well."""

    def __init__(
        self, inputs: int, s: Settings, shape: Shape, taper: int = 1, dropout: float = 0.0
    ) -> None:
        super().__init__()
        sizes = ladder(shape.size)
        first, *_ = widths = [s.width * taper**i for i in reversed(range(len(sizes)))]
        self.start = nn.Sequential(
            nn.Linear(inputs, first * sizes[0] ** 2), ToMaps(first, sizes[0])
        )
        self.scales = nn.ModuleList(
            nn.Sequential(*_conv(n, out), *_conv(out, out))
            for n, out in zip([first, *widths], widths, strict=False)
        )
        self.dropouts = nn.ModuleList(Dropout(inputs, n, dropout) for n in widths if dropout)
        self.out = nn.Sequential(
            nn.Conv2d(s.width, shape.channels, 3, padding=1), Unpad(shape.size)
        )

    def forward(self, z: Tensor) -> Tensor:
        x = self.start(z)
        for i, scale in enumerate(self.scales):
            x = scale(F.interpolate(x, scale_factor=2.0) if i else x)
            x = self.dropouts[i](x, z) if self.dropouts else x
        picture: Tensor = self.out(x)
        return picture


class Encoder(nn.Sequential):
    """Pictures (B, C, H, W) to codes (B, hidden); each halving adds n channels."""

    def __init__(self, s: Settings, shape: Shape) -> None:
        n, sizes = s.width, ladder(shape.size)
        layers: list[nn.Module] = [Pad(shape.size, sizes[-1]), *_conv(shape.channels, n)]
        for i in range(1, len(sizes) + 1):
            layers += [*_conv(n * i, n * i), *_conv(n * i, n * i)]
            layers += _conv(n * i, n * (i + 1), stride=2) if i < len(sizes) else []
        code = nn.Linear(n * len(sizes) * sizes[0] ** 2, s.hidden)
        super().__init__(*layers, FromMaps(), code)


def _conv(channels: int, out: int, stride: int = 1) -> list[nn.Module]:
    return [nn.Conv2d(channels, out, 3, stride, 1), ELU()]


class BEGAN(GAN):
    """L_D = L(x) - k_t L(G(z)), L_G = L(G(z)) (section 3.4)."""

    measure = "convergence"

    def __init__(self, settings: Settings, shape: Shape) -> None:
        super().__init__(shape, settings.z_dim, noise="uniform")
        self.gamma, self.lambda_k = settings.gamma, settings.lambda_k
        self.k_max = k_max(settings.gamma)
        self.generator = Decoder(settings.z_dim, settings, shape, settings.taper, settings.dropout)
        self.discriminator = nn.Sequential(
            Encoder(settings, shape), Decoder(settings.hidden, settings, shape)
        )
        self.register_buffer("k", torch.zeros(()))
        self.k: Tensor
        for m in self.modules():
            if isinstance(m, nn.Conv2d | nn.Linear) and m.bias is not None:
                nn.init.xavier_uniform_(m.weight)
                nn.init.zeros_(m.bias)

    def fake(self, inputs: Inputs) -> Tensor:
        """Without bounds, as in the paper: only at sampling are pictures clamped."""
        picture: Tensor = self.generator(inputs.z)
        return picture

    def generate(self, generator: nn.Module, z: Tensor, y: Tensor | None = None) -> Tensor:
        picture: Tensor = generator(z)
        return picture.clamp(-1, 1)

    def autoencoder_loss(self, v: Tensor) -> Tensor:
        """L(v) = |v - D(v)|, (B,), of pictures (B, C, H, W)."""
        error: Tensor = (v.float() - self.discriminator(v).float()).abs()
        return error.mean((1, 2, 3))

    def discriminator_loss(
        self, batch: Batch, inputs: Inputs, fake: Tensor
    ) -> tuple[Tensor, Metrics]:
        both = torch.cat([batch.image, fake.to(batch.image.dtype)])  # no batch norm: one pass
        real, made = (part.mean() for part in self.autoencoder_loss(both).chunk(2))
        loss = real - self.k * made
        m = real + (self.gamma * real - made).abs()
        control = {"convergence": m, "k": self.k, "k_max": torch.full_like(self.k, self.k_max)}
        return loss, {"d_loss": loss, "l_real": real, "l_fake": made, **control}

    def generator_loss(self, batch: Batch, inputs: Inputs, fake: Tensor) -> tuple[Tensor, Metrics]:
        loss = self.autoencoder_loss(fake).mean()
        return loss, {"g_loss": loss}

    @torch.no_grad()
    def after_step(self, metrics: Metrics) -> None:
        """k_{t+1} = k_t + lambda_k (gamma L(x) - L(G(z))), held between 0 and `k_max`."""
        balance = self.gamma * metrics["l_real"] - metrics["l_fake"]
        self.k.add_(self.lambda_k * balance).clamp_(0, self.k_max)
