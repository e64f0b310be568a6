"""Losses: one formula, one function, one citation, in the numerically stable form.

Logits are of any shape, usually (B,); every function returns a scalar.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def discriminator_bce(real: Tensor, fake: Tensor) -> Tensor:
    """-log D(x) - log(1 - D(G(z))), on logits (Goodfellow et al. 2014, arXiv:1406.2661, eq. 1)."""
    return F.softplus(-real).mean() + F.softplus(fake).mean()


@torch.no_grad()
def win_rate(real: Tensor, fake: Tensor) -> Tensor:
    """The share of logits that judge rightly, positive for real and negative for fake."""
    return ((real > 0).float().mean() + (fake < 0).float().mean()) / 2


def generator_non_saturating(fake: Tensor) -> Tensor:
    """-log D(G(z)), on logits (Goodfellow et al. 2014, arXiv:1406.2661, section 3)."""
    return F.softplus(-fake).mean()


def palette_cross_entropy(made: Tensor, truth: Tensor, palette: Tensor, sharpness: float) -> Tensor:
    """-log p(k | v), k the label of the true pixel and v the pixel (B, C, H, W) that was made.

    p is a softmax over -sharpness |v - c_k|^2 for the colours c_k, (K, C): |v|^2 cancels out of it,
    so that labels are told by a linear function of the colour. L1 pulls as hard at colours that are
    far apart as at those that are near, and so hardly parts the near ones.
    """
    weight, bias = 2 * palette[:, :, None, None], -palette.square().sum(1)
    with torch.autocast(made.device.type, enabled=False):
        label = F.conv2d(truth.float(), weight, bias).argmax(1)  # (B, H, W), the nearest colour
        logits = F.conv2d(made.float(), weight, bias) * sharpness
        return F.cross_entropy(logits, label)
