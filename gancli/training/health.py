"""What the training doctor looks at, measured on the device within a step."""

import torch
from torch import Tensor, nn

EVERY = 16  # steps from one look to the next: looking costs a few percent of a step


@torch.no_grad()
def gradient_norm(network: nn.Module) -> Tensor:
    """The length of all gradients of `network` together; 0 where there are none."""
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    if not gradients:
        return torch.zeros((), device=next(network.parameters()).device)
    length: Tensor = torch.stack(torch._foreach_norm(gradients)).norm()
    return length


@torch.no_grad()
def spread(pictures: Tensor, label: Tensor | None = None) -> Tensor:
    """How much pictures (B, C, H, W) differ: the standard deviation of each pixel, averaged.

    With labels (B, K) it is that within the classes, so that a generator that draws one picture for
    each label shows no spread.
    """
    x = pictures.float().flatten(1)
    centre = x.mean(0) if label is None else label @ (label.T @ x / label.sum(0)[:, None].clamp(1))
    return (x - centre).square().mean(0).sqrt().mean()


def of_generator(
    generator: nn.Module, real: Tensor, fake: Tensor, label: Tensor | None
) -> dict[str, Tensor]:
    """Its gradients' length, and the spread of its pictures beside that of the real ones."""
    return {
        "g_gradient": gradient_norm(generator),
        "real_spread": spread(real, label),
        "fake_spread": spread(fake, label),
    }
