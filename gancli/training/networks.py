"""What the trainer needs to know of networks, and to do with them, beyond running them."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from gancli.gan import GAN


def has_penalty(gan: GAN) -> bool:
    """Whether a model penalises its discriminator, which takes a second gradient."""
    return type(gan).discriminator_penalty is not GAN.discriminator_penalty


def running_statistics(network: nn.Module) -> list[Tensor]:
    """The running means and variances of every batch norm, which forward passes update."""
    norms = (m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm))
    return [b for m in norms for b in (m.running_mean, m.running_var) if b is not None]


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Run `network` as in evaluation in the block: without dropout, with running statistics."""
    before = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(before)


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Compute no gradients of `network`'s weights in the block; gradients still flow through it."""
    network.requires_grad_(False)
    try:
        yield
    finally:
        network.requires_grad_(True)
