"""The interface between models and the trainer. To write a model, read this file first.

A model is one file in `models/`. It defines:

- `Settings`: a frozen dataclass with the parameters of the networks and losses (`z_dim`, `width`,
  ...). Numbers have bounds: `Annotated[int, (1, 4096)]`. `config.resolve` checks them.
- `preset(name, shape, direction)`: a dictionary that overrides defaults of `Settings` and of
  `config.Training`. `name` is `default` or `paper`. `shape` is None until the data has been read.
  `direction` is None unless the model learns from pairs.
- `build(settings, shape) -> GAN`: the model itself.
- `PAIRS = True`, only if the model learns from pairs of images;
- `POINTS = True`, if it also learns points in the plane, images of one pixel: see `Shape`;
- `PAPER`, if it has a preset `paper`: what that keeps of the paper, for `gan models`.

The GAN owns its networks, its formulas and its extra state (as buffers). The trainer owns the
optimisers, `requires_grad`, learning rates, averaged weights and files: a model never touches them.
In each step the trainer calls:

    inputs = gan.draw(batch, share)                        # noise, labels or source images
    fake = gan.fake(inputs)                                # the only generator forward of the step
    gan.discriminator_loss(batch, inputs, fake.detach())   # then the discriminator is updated
    gan.generator_loss(batch, inputs, fake)                # then the generator is updated
    gan.after_step(metrics)                                # of both losses, averaged over processes

A method passes values to another only through what it returns: `fake` returns a `Fake`, which holds
the images and whatever else the losses need.

- With `critic_steps = 5`, the discriminator is first updated four more times, each time on new real
  images and new fakes. A step then counts 5 batches of images: an epoch is one pass of the
  discriminator over the data.
- `discriminator_penalty` returns a term whose gradient contains a gradient, such as R1. It is added
  to the loss in every `penalty_every`-th update of the discriminator, multiplied by that number, so
  its mean weight stays the same (lazy regularisation: Karras et al. 2019, arXiv:1912.04958,
  appendix B).

`models/dcgan.py` is the shortest example in this package, and `examples/` has models in files of
their own. `gancli.training.check_model` tells whether a model keeps this contract. In the shapes
below, B is the batch size, Z the length of the noise, K the number of classes and C the number of
channels.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

import torch
from torch import Tensor, nn

from gancli import symptoms
from gancli.errors import UsageError
from gancli.metric import Metric as Metric
from gancli.shape import Direction as Direction
from gancli.shape import Shape as Shape  # re-exported: models import everything from here
from gancli.symptoms import Epoch as Epoch
from gancli.symptoms import Findings as Findings

Metrics = dict[str, Tensor]  # name -> scalar on the device; shown, and written to metrics.jsonl

# Types of settings, each with its lowest and highest value.
LayerSize = Annotated[int, (1, 4096)]
Rate = Annotated[float, (0.0, 0.9)]  # dropout rate
Weight = Annotated[float, (0.0, 1e4)]  # factor of a term in a loss
Proportion = Annotated[float, (0.0, 1.0)]


class Feeds(enum.Flag):
    """The inputs of a generator; combine them with `|`."""

    NOISE = enum.auto()
    LABEL = enum.auto()
    IMAGE = enum.auto()


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Real images (B, C, H, W) in [-1, 1], with one-hot labels (B, K) if they are known.

    For a model that learns from pairs, `source` (B, source channels, H, W) is the input half and
    `image` is the target.
    """

    image: Tensor
    label: Tensor | None = None
    source: Tensor | None = None


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """The inputs of one generator call: noise `z` (B, Z) and, as `feeds` says, `y` or `source`.

    `y` are labels (B, K), one-hot or blended. `source` are images (B, source channels, H, W); a
    model that takes images has Z = 0.
    """

    z: Tensor
    y: Tensor | None = None
    source: Tensor | None = None


@dataclass(frozen=True)
class Fake:
    """Generated images (B, C, H, W), normally in [-1, 1].

    `extra` holds whatever else `fake` computed that a loss needs, by name.
    """

    image: Tensor
    extra: Mapping[str, Tensor] = field(default_factory=dict)

    def float(self) -> "Fake":
        """Return the same values in float32, for a penalty."""
        return Fake(self.image.float(), {k: v.float() for k, v in self.extra.items()})

    def detach(self) -> "Fake":
        """Return the same values without their graph, for the discriminator."""
        return Fake(self.image.detach(), {k: v.detach() for k, v in self.extra.items()})


@dataclass(frozen=True, kw_only=True)
class Share:
    """This process's part of every global batch: part `rank` of `world_size` equal parts.

    Every process draws random numbers for the global batch from an `rng` in the same state, and
    keeps its own rows. So N processes see the same noise as a single process would. A single
    process uses torch's default generator (`rng` is None).
    """

    rank: int = 0
    world_size: int = 1
    rng: torch.Generator | None = None

    def of(self, rows: Tensor) -> Tensor:
        """Return this process's rows (n, ...) of a tensor (world * n, ...)."""
        return rows.chunk(self.world_size)[self.rank]


def check_classes(model: str, shape: Shape) -> None:
    """Raise UsageError if the data has fewer than two classes. For class-conditional models."""
    if shape.classes < 2:
        raise UsageError(
            f"{model} generates pictures by class, but this dataset has no classes.",
            hint="gan train dcgan, or put the pictures of each class into a folder of its own",
        )


class GAN(nn.Module):
    """A generator, a discriminator and their losses. Models subclass this.

    The step is captured as one CUDA graph, so no method that runs in a step may read a tensor's
    value on the host: no `.item()`, no print, no branch on a tensor. State that changes during
    training must be a buffer, updated in place.
    """

    feeds: ClassVar[Feeds] = Feeds.NOISE  # what the generator takes
    exact_palette: bool = (
        False  # True if every generated pixel has exactly one of the palette's colours
    )
    # Metrics to show beside the losses. The one with `best_epoch`, if any, tells which epoch is the
    # best; if it stalls, the learning rate is halved (`patience`).
    shown: ClassVar[tuple[Metric, ...]] = ()
    critic_steps: int = 1  # updates of the discriminator in a step, before that of the generator
    penalty_every: int = 1  # updates of the discriminator per penalty
    generator: nn.Module
    discriminator: nn.Module

    def __init__(self, shape: Shape, z_dim: int, noise: str = "normal") -> None:
        """Set the image shape, the noise length `z_dim`, and the noise distribution.

        `noise` is "normal" for N(0, 1) or "uniform" for U(-1, 1).
        """
        super().__init__()
        self.shape, self.z_dim, self.noise = shape, z_dim, noise

    def draw(self, batch: Batch, share: Share = Share()) -> Inputs:
        """Draw inputs for one fake per real image: new noise, and the image's label or source.

        Random numbers are drawn from `share.rng` for the global batch; `share` tells which rows of
        them are this process's.
        """
        count, rng = share.world_size * len(batch.image), share.rng
        z = torch.empty(count, self.z_dim, device=batch.image.device)
        z = (
            z.uniform_(-1, 1, generator=rng)
            if self.noise == "uniform"
            else z.normal_(generator=rng)
        )
        label = batch.label if Feeds.LABEL in self.feeds else None
        return Inputs(z=share.of(z), y=label, source=batch.source)

    def fake(self, inputs: Inputs) -> Fake:
        """Return fakes for training.

        A model overrides this if its losses need more than the image, or if its paper does not
        bound the output.
        """
        if inputs.source is not None:
            return Fake(self.translate(self.generator, inputs.source))
        return Fake(self.generate(self.generator, inputs.z, inputs.y))

    def generate(self, generator: nn.Module, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Return images (B, C, H, W) in [-1, 1] from noise (B, Z) and labels (B, K).

        `generator` is `self.generator` or a copy with averaged weights. Must not change any state.
        """
        raise NotImplementedError

    def translate(self, generator: nn.Module, image: Tensor) -> Tensor:
        """Return images (B, C, H, W) in [-1, 1] from images (B, source channels, H, W).

        Models with `Feeds.IMAGE` implement this; the others implement `generate`.
        """
        raise NotImplementedError

    def belief(self, image: Tensor) -> Tensor | None:
        """Return D's probability (B,) that each of images (B, C, H, W) is real, to be drawn.

        None, the default, if the discriminator does not say.
        """
        return None

    def discriminator_loss(
        self, batch: Batch, inputs: Inputs, fake: Fake
    ) -> tuple[Tensor, Metrics]:
        """Return the discriminator's loss, a scalar, and the metrics to report.

        `fake` is detached, so the gradient reaches the discriminator only. Metrics whose names end
        in `_loss` are always shown, and drawn in losses.png.
        """
        raise NotImplementedError

    def discriminator_penalty(self, batch: Batch, inputs: Inputs, fake: Fake) -> Tensor | None:
        """Return a penalty, a scalar, that is added to the discriminator's loss; None for none.

        It is computed in float32 on detached fakes, and may contain gradients, see
        `losses.squared_gradients`. The discriminator must not have batch norm then: a gradient for
        one image would depend on all others.
        """
        return None

    def generator_loss(self, batch: Batch, inputs: Inputs, fake: Fake) -> tuple[Tensor, Metrics]:
        """Return the generator's loss, a scalar, and the metrics to report.

        `fake` is the same as in `discriminator_loss`, with its graph. The discriminator has already
        been updated, and its weights are frozen.
        """
        raise NotImplementedError

    def of_means(self, means: dict[str, float]) -> dict[str, float]:
        """Return metrics that are computed from the means of others over an epoch.

        For formulas with an absolute value, whose mean over batches would be larger than that of
        the means.
        """
        return {}

    def after_step(self, metrics: Metrics) -> None:
        """Update buffers in place, after both networks have been updated.

        `metrics` are those of both losses, averaged over processes.
        """

    def symptoms(self, epoch: Epoch) -> Findings:
        """Return what is wrong after an epoch, in the order of importance; see `gancli.symptoms`.

        A model overrides this to add symptoms of its own, or to leave out one that does not apply.
        """
        return symptoms.common(epoch)

    @property
    def measure(self) -> Metric | None:
        """The metric that tells which epoch is the best, if the model reports one."""
        return next((metric for metric in self.shown if metric.best_epoch), None)
