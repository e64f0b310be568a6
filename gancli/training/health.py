"""Measurements for the training doctor, taken on the device as part of a step."""

import torch
from torch import Tensor, nn

EVERY = 16  # steps between measurements: measuring costs a few percent of a step


@torch.no_grad()
def gradient_norm(network: nn.Module) -> Tensor:
    """The L2 norm of all gradients of `network` together, a scalar; 0 if it has none."""
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    if not gradients:
        return torch.zeros((), device=next(network.parameters()).device)
    norm: Tensor = torch.stack(torch._foreach_norm(gradients)).norm()
    return norm


@torch.no_grad()
def spread(images: Tensor, label: Tensor | None = None) -> Tensor:
    """How much images (B, C, H, W) differ: the standard deviation of each pixel, averaged.

    With one-hot labels (B, K) it is the deviation within the classes. A generator that draws one
    image per label then has a spread of 0.
    """
    x = images.float().flatten(1)
    # (B, C*H*W): for each image the mean of its class. label.T @ x sums the images of each class.
    centre = x.mean(0) if label is None else label @ (label.T @ x / label.sum(0)[:, None].clamp(1))
    return (x - centre).square().mean(0).sqrt().mean()


def generator_health(
    generator: nn.Module, real: Tensor, fake: Tensor, label: Tensor | None
) -> dict[str, Tensor]:
    """The generator's gradient norm, and the spread of real and fake images, as scalars."""
    return {
        "g_gradient": gradient_norm(generator),
        "real_spread": spread(real, label),
        "fake_spread": spread(fake, label),
    }
