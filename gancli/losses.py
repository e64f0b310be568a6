"""Losses: one formula, one function, one citation, in the numerically stable form.

Logits are of any shape, usually (B,); every function returns a scalar.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def discriminator_bce(real: Tensor, fake: Tensor) -> Tensor:
    """-log D(x) - log(1 - D(G(z))), on logits (Goodfellow et al. 2014, arXiv:1406.2661, eq. 1)."""
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def generator_non_saturating(fake: Tensor) -> Tensor:
    """-log D(G(z)), on logits (Goodfellow et al. 2014, arXiv:1406.2661, section 3)."""
    return F.softplus(-fake).mean()


def discriminator_hinge(real: Tensor, fake: Tensor) -> Tensor:
    """max(0, 1 - D(x)) + max(0, 1 + D(G(z))) (Lim & Ye 2017, arXiv:1705.02894)."""
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


def generator_hinge(fake: Tensor) -> Tensor:
    """-D(G(z)) (Lim & Ye 2017, arXiv:1705.02894)."""
    return -fake.mean()


def r1(logits: Tensor, image: Tensor) -> Tensor:
    """Mean over real pictures of |grad_x D(x)|^2 (Mescheder et al. 2018, arXiv:1801.04406, eq. 9).

    `image` (B, C, H, W) must require a gradient. The factor gamma / 2 is the caller's.
    """
    (gradient,) = torch.autograd.grad(logits.sum(), image, create_graph=True)
    return gradient.float().square().sum(dim=(1, 2, 3)).mean()
