"""Losses: one formula, one function, one citation, in the numerically stable form.

Logits are of any shape, usually (B,); every function returns a scalar.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def discriminator_bce(real: Tensor, fake: Tensor) -> Tensor:
    """-log D(x) - log(1 - D(G(z))), on logits (Goodfellow et al. 2014, arXiv:1406.2661, eq. 1)."""
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def discriminator_matching(
    real: Tensor, fake: Tensor, other: Tensor, wrong: Tensor, share: float
) -> Tensor:
    """-log D(x, y) - (1 - s) log(1 - D(G(z, y), y)) - s log(1 - D(x, y')), on logits (B,).

    `other` are logits of the real pictures with another label y'. Only those count for which
    `wrong`, (B,) of bool, says that y' differs from y. (GAN-CLS; Reed et al. 2016,
    arXiv:1605.05396, algorithm 1, where the share s is 1/2.)
    """
    mismatched = (F.softplus(other) * wrong).sum() / wrong.sum().clamp_min(1)
    return F.softplus(-real).mean() + (1 - share) * F.softplus(fake).mean() + share * mismatched


@torch.no_grad()
def win_rate(real: Tensor, fake: Tensor) -> Tensor:
    """The share of correct verdicts: positive logits for real pictures, negative ones for fake."""
    return ((real > 0).float().mean() + (fake < 0).float().mean()) / 2


def generator_non_saturating(fake: Tensor) -> Tensor:
    """-log D(G(z)), on logits (Goodfellow et al. 2014, arXiv:1406.2661, section 3)."""
    return F.softplus(-fake).mean()
