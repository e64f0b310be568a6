"""Losses: one formula, one function, one citation, in the numerically stable form.

Logits are of any shape, usually (B,); every function returns a scalar.
"""

import torch.nn.functional as F
from torch import Tensor


def discriminator_bce(real: Tensor, fake: Tensor) -> Tensor:
    """-log D(x) - log(1 - D(G(z))), on logits (Goodfellow et al. 2014, arXiv:1406.2661, eq. 1)."""
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def generator_non_saturating(fake: Tensor) -> Tensor:
    """-log D(G(z)), on logits (Goodfellow et al. 2014, arXiv:1406.2661, section 3)."""
    return F.softplus(-fake).mean()
