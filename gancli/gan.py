"""THE CONTRACT between a model and the trainer.

A model file in `models/` offers three things:

- `Settings`: a frozen dataclass of what shapes the networks (`z_dim`, `width`, ...), with bounds
  by Annotated: `config.resolve` refuses what lies outside;
- `preset(name, shape, direction)`: values for `Settings` and `config.Training` by the presets
  `default` and `paper`; `shape` is None before the data is read, `direction` unless it learns from
  pairs;
- `build(settings, shape) -> GAN`;

and, if it learns from pairs of pictures, `PAIRS = True`.

The GAN owns its networks, its formulas and its extra state (buffers). It never touches an
optimiser, `requires_grad`, a learning rate or a file: those are the trainer's.
"""

import enum
from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from torch import Tensor, nn

from gancli.errors import UsageError
from gancli.shape import Direction as Direction
from gancli.shape import Shape as Shape  # models import all that they need from here

Metrics = dict[str, Tensor]

# Types of settings, with the least and the most that can be meant.
Units = Annotated[int, (1, 4096)]
Rate = Annotated[float, (0.0, 0.9)]  # of dropout
Weight = Annotated[float, (0.0, 1e4)]  # of a term in a loss
Proportion = Annotated[float, (0.0, 1.0)]


class Feeds(enum.Flag):
    """What a generator is given."""

    NOISE = enum.auto()
    LABEL = enum.auto()
    IMAGE = enum.auto()


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Real pictures, (B, C, H, W) in [-1, 1], and their labels, (B, K) one-hot, where known.

    Of pairs, `image` is the half to be made and `source` the half that it is made from.
    """

    image: Tensor
    label: Tensor | None = None
    source: Tensor | None = None


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What one generator call is given: noise (B, Z), where it feeds on them labels (B, K), too.

    A generator that feeds on pictures is given those, (B, source, H, W), and Z is 0.
    """

    z: Tensor
    y: Tensor | None = None
    source: Tensor | None = None


@dataclass(frozen=True, kw_only=True)
class Share:
    """The part of every global batch that is this process's: the `rank`th of `world` equal ones.

    Random numbers are drawn for the whole batch, with an `rng` in the same state in all processes,
    and each keeps its own rows: together they draw what one process would. A process on its own
    draws from torch's default generator (`rng` is None).
    """

    rank: int = 0
    world: int = 1
    rng: torch.Generator | None = None

    def of(self, whole: Tensor) -> Tensor:
        """This process's rows of (world * n, ...): (n, ...)."""
        return whole.chunk(self.world)[self.rank]


def need_classes(model: str, shape: Shape) -> None:
    """Raise UsageError unless the pictures have classes to be asked for."""
    if shape.classes < 2:
        raise UsageError(
            f"{model} asks for pictures by class, and these have no classes.",
            hint="gan train dcgan, or put the pictures of each class into a folder of their own",
        )


class GAN(nn.Module):
    """A generator, a discriminator, and what they are trained to do.

    Nothing here may move a value from the device to the host (`.item()`, print, a branch on a
    tensor): the step is captured as one CUDA graph. What changes during training is a buffer.
    """

    feeds: ClassVar[Feeds] = Feeds.NOISE
    crisp: bool = False  # whether its pictures are of the palette's colours alone, none between
    measure: ClassVar[str | None] = None  # the metric that falls as pictures get better, if any
    generator: nn.Module
    discriminator: nn.Module
    share = Share()  # set by the trainer

    def __init__(self, shape: Shape, z_dim: int, noise: str = "normal") -> None:
        """`noise` is "normal" for N(0, 1) or "uniform" for U(-1, 1); z has `z_dim` of it."""
        super().__init__()
        self.shape, self.z_dim, self.noise = shape, z_dim, noise

    def draw(self, batch: Batch) -> Inputs:
        """What a fake for each picture of `batch` is made from: new noise, the picture's label."""
        count, rng = self.share.world * len(batch.image), self.share.rng
        z = torch.empty(count, self.z_dim, device=batch.image.device)
        z = (
            z.uniform_(-1, 1, generator=rng)
            if self.noise == "uniform"
            else z.normal_(generator=rng)
        )
        label = batch.label if Feeds.LABEL in self.feeds else None
        return Inputs(z=self.share.of(z), y=label, source=batch.source)

    def fake(self, inputs: Inputs) -> Tensor:
        """(B, C, H, W) in [-1, 1], or near it where a paper sets no bounds, as training sees it."""
        if inputs.source is not None:
            return self.translate(self.generator, inputs.source)
        return self.generate(self.generator, inputs.z, inputs.y)

    def generate(self, generator: nn.Module, z: Tensor, y: Tensor | None = None) -> Tensor:
        """(B, C, H, W) in [-1, 1] by any `generator` of this model, an averaged one too. Pure."""
        raise NotImplementedError

    def translate(self, generator: nn.Module, image: Tensor) -> Tensor:
        """(B, C, H, W) in [-1, 1] from pictures (B, source, H, W); where a model feeds on IMAGE."""
        raise NotImplementedError

    def discriminator_loss(
        self, batch: Batch, inputs: Inputs, fake: Tensor
    ) -> tuple[Tensor, Metrics]:
        """The discriminator's loss on `batch` and a detached `fake`, and what to report of it."""
        raise NotImplementedError

    def generator_loss(self, batch: Batch, inputs: Inputs, fake: Tensor) -> tuple[Tensor, Metrics]:
        """The generator's loss on the same `fake`, attached; the discriminator is frozen."""
        raise NotImplementedError

    def after_step(self, metrics: Metrics) -> None:
        """Update buffers in place once both networks have stepped."""
