"""GAN losses. Each function is one formula with its citation, in a numerically stable form.

Discriminators return logits, not probabilities: D(x) = sigmoid(logit). Logits have any shape,
usually (B,). Every function returns a scalar, averaged over all logits.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor


def discriminator_bce(real: Tensor, fake: Tensor) -> Tensor:
    """Return -log D(x) - log(1 - D(G(z))) (Goodfellow et al. 2014, arXiv:1406.2661, eq. 1)."""
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def discriminator_smoothed(real: Tensor, fake: Tensor, smoothing: float) -> Tensor:
    """Return -(1 - s) log D(x) - s log(1 - D(x)) - log(1 - D(G(z))), where s is `smoothing`.

    This is one-sided label smoothing (Salimans et al. 2016, arXiv:1606.03498, section 3.4): D at
    a real image is best at 1 - s instead of 1, so its logits stay small.
    """
    of_real = F.softplus(-real).mean() + smoothing * real.mean()  # log D - log(1 - D) = logit
    return of_real + F.softplus(fake).mean()


def discriminator_matching(
    real: Tensor, fake: Tensor, mismatched: Tensor, wrong: Tensor, share: float
) -> Tensor:
    """Return -log D(x, y) - (1 - s) log(1 - D(G(z, y), y)) - s log(1 - D(x, y')).

    This is GAN-CLS (Reed et al. 2016, arXiv:1605.05396, algorithm 1, where the share s is 1/2).
    `mismatched` are logits (B,) of real images with a label y' in place of their own y. They count
    only where `wrong`, a boolean mask (B,), is true: there y' differs from y.
    """
    of_wrong = (F.softplus(mismatched) * wrong).sum() / wrong.sum().clamp_min(1)
    return F.softplus(-real).mean() + (1 - share) * F.softplus(fake).mean() + share * of_wrong


@torch.no_grad()
def win_rate(real: Tensor, fake: Tensor, undecided: float = 0.0) -> Tensor:
    """Return D's accuracy in 0..1: logits should be above `undecided` for real, below for fake.

    `undecided` is the logit of a D that cannot tell fakes from real images. It is 0 if both count
    the same in its loss.
    """
    return ((real > undecided).float().mean() + (fake < undecided).float().mean()) / 2


def generator_non_saturating(fake: Tensor) -> Tensor:
    """Return -log D(G(z)) (Goodfellow et al. 2014, arXiv:1406.2661, section 3)."""
    return F.softplus(-fake).mean()


def generator_saturating(fake: Tensor) -> Tensor:
    """Return log(1 - D(G(z))), the generator's part of eq. 1 (Goodfellow et al. 2014).

    Where D is sure of a fake, its gradient vanishes.
    """
    return -F.softplus(fake).mean()


def squared_gradients(critic: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """Return |grad D(x)|^2 for each of images x (B, C, H, W): (B,), with a graph to D's weights.

    For penalties of the discriminator. R1 and R2 are half its mean over real and over fake images
    (Mescheder, Geiger, Nowozin 2018, arXiv:1801.04406, eq. 9 and 10).
    """
    x = images.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return gradient.square().sum((1, 2, 3))
