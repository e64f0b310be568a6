"""A model's networks of torch's own layers alone, as the loop that everyone writes has them.

Ours are the same sums in an order that suits the machine; a loop that ran them would be given part
of what it is compared with.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from gancli.nn import layers, strided


class MinibatchStd(nn.Module):
    """Features (B, N) -> (B, N + 1), as the formula of section 3 of arXiv:1710.10196 reads."""

    def forward(self, x: Tensor) -> Tensor:
        spread = torch.sqrt(x.var(0, unbiased=False) + 1e-8).mean()
        return torch.cat([x, spread.expand(len(x), 1)], dim=1)


class Joined(nn.Sequential):
    """Layers of maps (B, C, H, W) to which labels (B, K) are appended, as maps of one value."""

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        if y is not None:
            x = torch.cat([x, y[:, :, None, None].expand(-1, -1, *x.shape[2:])], dim=1)
        made: Tensor = super().forward(x)
        return made


def _joined(ours: nn.Sequential) -> nn.Module:
    of(ours)
    return Joined(*ours)


def _convolution(kind: type[nn.Module], ours: Any) -> nn.Module:
    sizes = (ours.in_channels, ours.out_channels, ours.kernel_size, ours.stride, ours.padding)
    return _with_weights(kind(*sizes, bias=ours.bias is not None), ours)


def _with_weights(made: nn.Module, ours: nn.Module) -> nn.Module:
    made.load_state_dict(ours.state_dict())
    return made


def _instance_norm(ours: layers.InstanceNorm) -> nn.Module:
    return _with_weights(nn.InstanceNorm2d(len(ours.weight), affine=True), ours)


STOCK: dict[type[nn.Module], Callable[[Any], nn.Module]] = {
    strided.Conv: lambda ours: _convolution(nn.Conv2d, ours),
    strided.ConvTranspose: lambda ours: _convolution(nn.ConvTranspose2d, ours),
    layers.Halve: _joined,
    layers.Double: _joined,
    layers.ToMaps: lambda ours: nn.Unflatten(1, (ours.channels, ours.size, ours.size)),
    layers.FromMaps: lambda ours: nn.Flatten(),
    layers.MinibatchStd: lambda ours: MinibatchStd(),
    layers.ELU: lambda ours: nn.ELU(),
    layers.InstanceNorm: _instance_norm,
}


def of(network: nn.Module) -> None:
    """Put torch's layer into the place of each of ours in `network`, which has float32 weights."""
    for name, child in network.named_children():
        if type(child) in STOCK:
            setattr(network, name, STOCK[type(child)](child))
        else:
            of(child)
