"""Generates images from noise with dense layers only: the original GAN.

Generative Adversarial Nets. Ian Goodfellow, Jean Pouget-Abadie, Mehdi Mirza, Bing Xu, David
Warde-Farley, Sherjil Ozair, Aaron Courville, Yoshua Bengio, 2014, arXiv:1406.2661.

G and D play a game with the value V(D, G) = E log D(x) + E log(1 - D(G(z))) (eq. 1). For a given G
the best D is p_data / (p_data + p_g) (proposition 1). If G is perfect, D is 1/2 everywhere, so its
loss -V is ln 4 = 1.386 (theorem 1), and G's non-saturating loss is ln 2 = 0.693.

What we changed:

- The rectifiers of D leak, and G has batch norm. Adam replaces SGD with momentum.
- G minimises -log D(G(z)), which section 3 recommends for the start, for the whole training.
  `loss=saturating` is eq. 1 itself.
- D has no dropout but the penalty R1 (Mescheder, Geiger, Nowozin 2018, arXiv:1801.04406), and half
  the learning rate. Its real images count as real with 0.9 instead of 1: one-sided label smoothing
  (Salimans, Goodfellow, Zaremba, Cheung, Radford, Chen 2016, arXiv:1606.03498, section 3.4).
- Points in the plane need neither batch norm nor smoothing, and two numbers of noise, so that all
  of what G does can be drawn. With R1 no mode is missing; without it, one of three runs on `ring`
  found 7 of the 8.

PAPER says what the preset `paper` keeps.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from torch import Tensor, nn

from gancli.gan import (
    GAN,
    Batch,
    Direction,
    Fake,
    Inputs,
    LayerSize,
    Metric,
    Metrics,
    Rate,
    Shape,
    Weight,
)
from gancli.nn import losses
from gancli.nn.layers import FlattenNHWC, MinibatchStd, UnflattenNHWC

POINTS = True  # it also learns points in the plane

PAPER = (  # what the preset `paper` keeps, and what it does not
    "rectifiers and sigmoids in the generator, maxout and dropout in the discriminator, U(-1, 1) "
    "noise, and the sizes and the batch size of Goodfellow's code for MNIST. What differs: Adam "
    "replaces SGD with momentum, and the norms of weights are not limited."
)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Sizes of the networks, the noise, and the losses."""

    z_dim: LayerSize = 100  # length of the noise vector
    width: LayerSize = 512  # units of each hidden layer of G
    d_width_scale: Annotated[float, (0.01, 100.0)] = 1.0  # D's width, as a multiple of G's
    layers: Annotated[int, (1, 8)] = 2  # hidden layers of each network
    batch_norm: bool = True  # normalise the hidden layers of G
    maxout: Annotated[int, (0, 16)] = 0  # linear pieces of D's maxout units; 0: leaky ReLU
    dropout: Rate = 0.0  # rate at which D drops hidden units
    input_dropout: Rate = 0.0  # rate at which D drops pixels
    minibatch_std: bool = False  # give D the minibatch standard deviation as a feature
    noise: Literal["normal", "uniform"] = "normal"  # N(0, 1) or U(-1, 1)
    loss: Literal["non-saturating", "saturating"] = "non-saturating"  # the loss of G
    smoothing: Annotated[float, (0.0, 0.5)] = 0.1  # D learns that real images are real with 1 - s
    r1: Weight = 1.0  # weight gamma of D's squared gradient at real images; 0: no penalty


def preset(name: str, shape: Shape | None, direction: Direction | None) -> dict[str, Any]:
    """Return values for `Settings` and `config.Training`: see `gancli.gan`."""
    if name == "paper":
        return {
            "width": 1200,
            "d_width_scale": 0.2,
            "batch_norm": False,
            "maxout": 5,
            "dropout": 0.5,
            "input_dropout": 0.2,
            "noise": "uniform",
            "smoothing": 0.0,
            "r1": 0.0,
            "lr": 2e-4,
            "batch_size": 100,
            "lr_decay": 0.0,
            "ema": 0.0,
        }
    if shape and shape.points:
        return {
            "z_dim": 2,
            "width": 128,
            "layers": 3,
            "batch_norm": False,
            "smoothing": 0.0,
            "r1": 0.03,
            "lr": 1e-3,
            "batch_size": 256,
            "beta2": 0.99,
            "epochs": 50,
            "lr_decay": 1.0,
        }
    return {"lr": 2e-3, "d_lr_scale": 0.5, "batch_size": 64, "lr_decay": 1.0}


def build(settings: Settings, shape: Shape) -> "Vanilla":
    """Build the model for images of `shape`."""
    return Vanilla(settings, shape)


class Generator(nn.Sequential):
    """Noise (B, Z) to images (B, C, H, W) in [-1, 1]."""

    def __init__(self, s: Settings, shape: Shape) -> None:
        layers: list[nn.Module] = []
        for i in range(s.layers):
            layers.append(nn.Linear(s.width if i else s.z_dim, s.width, bias=not s.batch_norm))
            layers += [nn.BatchNorm1d(s.width)] if s.batch_norm else []
            layers.append(nn.ReLU(True))
        pixels = shape.channels * shape.size**2
        unflatten = UnflattenNHWC(shape.channels, shape.size)
        # The paper's sigmoid, from [0, 1] to [-1, 1], is 2 sigmoid(x) - 1 = tanh(x / 2).
        bounds = [] if shape.points else [nn.Tanh()]
        super().__init__(*layers, nn.Linear(s.width, pixels), unflatten, *bounds)


class Maxout(nn.Module):
    """The largest of `pieces` linear functions: (B, N) to (B, units).

    Goodfellow, Warde-Farley, Mirza, Courville, Bengio 2013, arXiv:1302.4389, section 3.
    """

    def __init__(self, inputs: int, units: int, pieces: int) -> None:
        super().__init__()
        self.linear, self.pieces = nn.Linear(inputs, units * pieces), pieces

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, N) to (B, units)."""
        pieces: Tensor = self.linear(x).unflatten(1, (-1, self.pieces))
        return pieces.amax(2)


class Discriminator(nn.Sequential):
    """Images (B, C, H, W) to logits (B,)."""

    def __init__(self, s: Settings, shape: Shape) -> None:
        pixels, width = shape.channels * shape.size**2, max(1, round(s.d_width_scale * s.width))
        layers: list[nn.Module] = [FlattenNHWC(), nn.Dropout(s.input_dropout)]
        for i in range(s.layers):
            layers += [*_hidden(width if i else pixels, width, s.maxout), nn.Dropout(s.dropout)]
        layers += [MinibatchStd()] if s.minibatch_std else []
        last = nn.Linear(width + s.minibatch_std, 1)
        super().__init__(*layers, last, nn.Flatten(0))


def _hidden(inputs: int, units: int, pieces: int) -> list[nn.Module]:
    """Return a hidden layer of D: maxout, or leaky rectifiers if there are no `pieces`."""
    if pieces:
        return [Maxout(inputs, units, pieces)]
    return [nn.Linear(inputs, units), nn.LeakyReLU(0.2, True)]


class Vanilla(GAN):
    """The original GAN. L_D = -log D(x) - log(1 - D(G(z))), L_G = -log D(G(z))."""

    # Reported for points that are a mixture of Gaussians.
    shown = (
        Metric("modes_found", better="higher", show="{:.0f}".format),
        Metric("good_samples", better="higher", show="{:.0%}".format),
    )

    def __init__(self, settings: Settings, shape: Shape) -> None:
        super().__init__(shape, settings.z_dim, settings.noise)
        self.smoothing, self.r1 = settings.smoothing, settings.r1
        self.saturating = settings.loss == "saturating"
        self.generator = Generator(settings, shape)
        self.discriminator = Discriminator(settings, shape)

    def generate(self, generator: nn.Module, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Return images (B, C, H, W) in [-1, 1] from noise (B, Z)."""
        image: Tensor = generator(z)
        return image

    def belief(self, image: Tensor) -> Tensor:
        """Return D(x) for images x (B, C, H, W): (B,)."""
        logits: Tensor = self.discriminator(image)
        return logits.float().sigmoid()

    def discriminator_loss(
        self, batch: Batch, inputs: Inputs, fake: Fake
    ) -> tuple[Tensor, Metrics]:
        """Return -(1 - s) log D(x) - s log(1 - D(x)) - log(1 - D(G(z))), and metrics."""
        real_logits = self.discriminator(batch.image).float()
        fake_logits = self.discriminator(fake.image).float()
        loss = losses.discriminator_smoothed(real_logits, fake_logits, self.smoothing)
        return loss, {
            "d_loss": loss,
            "d_real": real_logits.mean(),
            "d_fake": fake_logits.mean(),
            "d_wins": losses.win_rate(real_logits, fake_logits),
        }

    def discriminator_penalty(self, batch: Batch, inputs: Inputs, fake: Fake) -> Tensor | None:
        """Return R1, gamma / 2 |grad D(x)|^2 (Mescheder et al. 2018, arXiv:1801.04406, eq. 9)."""
        if not self.r1:
            return None
        return self.r1 / 2 * losses.squared_gradients(self.discriminator, batch.image).mean()

    def generator_loss(self, batch: Batch, inputs: Inputs, fake: Fake) -> tuple[Tensor, Metrics]:
        """Return -log D(G(z)), or log(1 - D(G(z))) if `loss` is saturating, and metrics."""
        logits = self.discriminator(fake.image).float()
        formula = (
            losses.generator_saturating if self.saturating else losses.generator_non_saturating
        )
        loss = formula(logits)
        return loss, {"g_loss": loss}
