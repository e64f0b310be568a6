"""Generates images from noise; the discriminator is an autoencoder that reconstructs them.

BEGAN: Boundary Equilibrium Generative Adversarial Networks. David Berthelot, Thomas Schumm, Luke
Metz, 2017, arXiv:1703.10717.

The discriminator D is an autoencoder with the reconstruction loss L(v) = mean |v - D(v)|. A control
variable k_t holds L(G(z)) at gamma L(x). gamma is the diversity ratio: lower values give sharper,
less varied images. The convergence measure M = L(x) + |gamma L(x) - L(G(z))| falls as images get
better. It selects the best epoch, and tells when to halve the learning rate.

What we changed:

- Images are padded with their edge pixels until they can be halved down to 5 to 8 pixels, and
  cropped at the end. For example, 28 is padded to 32.
- The generator can have dropout, which stays on at sampling. It is off by default.
- Networks are narrow enough for a CPU, the generator's weights are averaged, batches are larger,
  the learning rate is higher, and k adapts faster.
- Variety depends on k. D gains from a high loss on an image only where k p_G > p_data. So the
  generator may produce an image up to 1/k times as often as it occurs in the data. Images with few
  bright pixels have the lowest loss. On MNIST, therefore, ones become too common: two samples in
  five at k = 0.24, two in nine at k = 0.35.
- k stays high if fakes are hard to tell from real images. So D has a tenth of the generator's
  learning rate, and the generator is wider at its smaller scales. (In the paper it has the
  architecture of the decoder, only for simplicity.)
- gamma is 1. Below 1, the generator reaches the balance by drawing only ones; above 1, digits are
  pale at first.
- Both learning rates fall to 0 over the last three quarters of a run. At a constant rate D still
  gets ahead: on MNIST k is 0.77 after 5 epochs and 0.35 after 25. Variety is lost slowly, and M
  does not show it. With falling rates k rises to 0.88 in 12 epochs, and `gan evaluate` gives a
  Fréchet distance of 23 for 10,000 samples. 25 epochs at a constant rate gave 128.
- Above 32 pixels D has a quarter of the generator's learning rate, and the generator has the
  architecture of the decoder. On faces at 64 pixels a tenth of the rate is too low: k reaches its
  upper bound, and D stops learning to reconstruct faces. With a quarter and falling rates the
  distance is 34 after 12 epochs. With constant rates it is lowest after 8 epochs, at 83, and 230
  after 13.

PAPER says what the preset `paper` keeps.
"""

from dataclasses import dataclass
from math import sqrt
from typing import Annotated, Any

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
    Findings,
    Inputs,
    LayerSize,
    Metric,
    Metrics,
    Proportion,
    Rate,
    Shape,
)
from gancli.nn.layers import ELU, FlattenNHWC, UnflattenNHWC
from gancli.nn.padding import Pad, Unpad, ladder

SMALL = 32  # pixels: larger images have other default settings
LOW_K_STEPS = 5000  # training starts from one picture, with k near 0: normal for so many steps
K_LOW, K_HIGH = 1e-4, 0.99  # as fractions of k's maximum: a healthy k may come close to either
POOR_AUTOENCODER = 0.6  # l_real / data spread: at or above this, it cannot reconstruct images

PAPER = (  # what the preset `paper` keeps, and what it does not
    "the paper's losses, widths, constants, and a learning rate that is halved when M stalls. "
    "What differs: the networks have no skip connections or vanishing residuals, and the "
    "losses of both use the same fakes."
)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Sizes of the networks and constants of the equilibrium, in the paper's symbols."""

    z_dim: LayerSize = 64  # length of the noise vector, U(-1, 1)
    width: LayerSize = 16  # n: channels of the decoder's layers, and of the encoder's first
    hidden: LayerSize = 64  # N_h: length of the autoencoder's code
    gamma: Annotated[float, (0.0, 10.0)] = 1.0  # target of E[L(G(z))] / E[L(x)], the diversity
    lambda_k: Proportion = 0.02  # learning rate of k
    taper: Annotated[int, (1, 4)] = 2  # G's channels multiply by this at each smaller size
    dropout: Rate = 0.0  # fraction of G's channels dropped, in training and when sampling


def preset(name: str, shape: Shape | None, direction: Direction | None) -> dict[str, Any]:
    """Return values for `Settings` and `config.Training`: see `gancli.gan`."""
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
    """Build the model for images of `shape`."""
    return BEGAN(settings, shape)


def k_max(gamma: float) -> float:
    """Return the upper bound of k: 1 as in the paper, or 0.9 / gamma if gamma is above 0.9.

    In equilibrium L_D = (1 - k gamma) L(x). If k gamma were above 1, D could lower its loss without
    limit by making both errors larger. In the paper gamma < 1 rules that out.
    """
    return 0.9 / max(gamma, 0.9)


class Dropout(nn.Module):
    """Drop a fraction `rate` of the channels of (B, C, H, W), chosen by the noise z (B, Z).

    No z is drawn twice in training, so a mask computed from z is as good as a random one, and an
    image remains a function of its noise. Channel c is dropped if the phase <z, w_c> + b_c, in
    turns, has a fractional part below `rate`. The phase is spread over a full turn, so all channels
    are dropped equally often. When z moves along a line, channels come and go one at a time; with a
    hash of z, images would flicker.
    """

    def __init__(self, z_dim: int, channels: int, rate: float) -> None:
        super().__init__()
        self.rate = rate
        # U(-1, 1) has variance 1/3, so <z, w_c> has variance 1
        self.register_buffer("w", torch.randn(z_dim, channels) * sqrt(3 / z_dim))
        self.register_buffer("b", torch.rand(channels))
        self.w: Tensor
        self.b: Tensor

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        """Drop channels of x (B, C, H, W), and scale up the others."""
        with torch.autocast(z.device.type, enabled=False):  # bfloat16 is too coarse for the phase
            phase = z @ self.w + self.b
        kept = (phase - phase.floor() >= self.rate) / (1 - self.rate)
        return x * kept.to(x.dtype)[:, :, None, None]


class Decoder(nn.Module):
    """Codes (B, inputs) to images (B, C, H, W), not bounded. Also the architecture of G."""

    def __init__(
        self, inputs: int, s: Settings, shape: Shape, taper: int = 1, dropout: float = 0.0
    ) -> None:
        super().__init__()
        sizes = ladder(shape.size)
        first, *_ = widths = [s.width * taper**i for i in reversed(range(len(sizes)))]
        self.start = nn.Sequential(
            nn.Linear(inputs, first * sizes[0] ** 2), UnflattenNHWC(first, sizes[0])
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
        """Map codes (B, inputs) to images (B, C, H, W)."""
        x = self.start(z)
        for i, scale in enumerate(self.scales):
            x = scale(F.interpolate(x, scale_factor=2.0) if i else x)
            x = self.dropouts[i](x, z) if self.dropouts else x
        image: Tensor = self.out(x)
        return image


class Encoder(nn.Sequential):
    """Images (B, C, H, W) to codes (B, hidden). Each halving adds n channels."""

    def __init__(self, s: Settings, shape: Shape) -> None:
        n, sizes = s.width, ladder(shape.size)
        layers: list[nn.Module] = [Pad(shape.size, sizes[-1]), *_conv(shape.channels, n)]
        for i in range(1, len(sizes) + 1):
            layers += [*_conv(n * i, n * i), *_conv(n * i, n * i)]
            layers += _conv(n * i, n * (i + 1), stride=2) if i < len(sizes) else []
        code = nn.Linear(n * len(sizes) * sizes[0] ** 2, s.hidden)
        super().__init__(*layers, FlattenNHWC(), code)


def _conv(channels: int, out: int, stride: int = 1) -> list[nn.Module]:
    """Return a 3x3 convolution and ELU, as everywhere in the paper's networks."""
    return [nn.Conv2d(channels, out, 3, stride, 1), ELU()]


def k_at_limit(epoch: Epoch) -> str | None:
    """Find k at 0 or at its maximum for a complete epoch: no equilibrium in reach.

    At the maximum the loss hardly rewards reconstructing real pictures, and the discriminator may
    forget how. If it still reconstructs them well, a high k is healthy: samples have become hard to
    tell from data, as at the end of a good run.
    """
    m = epoch.metrics
    k, maximum = m.get("k", 0.5), m.get("k_max", 1.0) or 1.0
    if K_LOW < k / maximum < K_HIGH:
        return None
    if k < maximum / 2:
        return "the two losses are out of balance (k stayed at 0). Try a higher --set gamma."
    if m.get("l_real", 1.0) < POOR_AUTOENCODER * m.get("real_spread", 0.0):
        return None
    return (
        f"the discriminator does not keep up (k stayed at its maximum, {maximum:g}). "
        "Try a higher --set d_lr_scale or a lower --set gamma."
    )


class BEGAN(GAN):
    """Boundary equilibrium GAN: L_D = L(x) - k_t L(G(z)), L_G = L(G(z)) (section 3.4)."""

    shown = (Metric("convergence", better="lower", best_epoch=True), Metric("k"))

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

    def fake(self, inputs: Inputs) -> Fake:
        """Return fakes without bounds, as in the paper; `generate` clamps them."""
        return Fake(self.generator(inputs.z))

    def generate(self, generator: nn.Module, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Return images (B, C, H, W) in [-1, 1] from noise (B, Z)."""
        image: Tensor = generator(z)
        return image.clamp(-1, 1)

    def autoencoder_loss(self, v: Tensor) -> Tensor:
        """Return L(v) = mean |v - D(v)|, (B,), for images v (B, C, H, W)."""
        error: Tensor = (v.float() - self.discriminator(v).float()).abs()
        return error.mean((1, 2, 3))

    def discriminator_loss(
        self, batch: Batch, inputs: Inputs, fake: Fake
    ) -> tuple[Tensor, Metrics]:
        """Return L(x) - k_t L(G(z)), and metrics."""
        # D has no batch norm, so real and fake can pass in one batch, which is faster.
        both = torch.cat([batch.image, fake.image.to(batch.image.dtype)])
        l_real, l_fake = (part.mean() for part in self.autoencoder_loss(both).chunk(2))
        loss = l_real - self.k * l_fake
        control = {"k": self.k, "k_max": torch.full_like(self.k, self.k_max)}
        return loss, {"d_loss": loss, "l_real": l_real, "l_fake": l_fake, **control}

    def of_means(self, means: dict[str, float]) -> dict[str, float]:
        """Return M = L(x) + |gamma L(x) - L(G(z))| as `convergence` (section 3.4.1)."""
        l_real, l_fake = means["l_real"], means["l_fake"]
        return {"convergence": l_real + abs(self.gamma * l_real - l_fake)}

    def generator_loss(self, batch: Batch, inputs: Inputs, fake: Fake) -> tuple[Tensor, Metrics]:
        """Return L(G(z)), and metrics."""
        loss = self.autoencoder_loss(fake.image).mean()
        return loss, {"g_loss": loss}

    @torch.no_grad()
    def after_step(self, metrics: Metrics) -> None:
        """Set k_{t+1} = k_t + lambda_k (gamma L(x) - L(G(z))), clamped to 0..k_max."""
        balance = self.gamma * metrics["l_real"] - metrics["l_fake"]
        self.k.add_(self.lambda_k * balance).clamp_(0, self.k_max)

    def symptoms(self, epoch: Epoch) -> Findings:
        """Return what is wrong after an epoch, once k has had the time to rise."""
        if epoch.metrics.get("k", 1.0) < 0.5 and epoch.steps < LOW_K_STEPS:
            return {}
        remedy = "a higher --set gamma or a lower --lr"
        return super().symptoms(epoch) | {
            "mode_collapse": symptoms.mode_collapse(epoch, remedy),
            "k_at_limit": k_at_limit(epoch),
        }
