"""Rebuild a model's networks from torch's own layers, as the usual training loop has them.

Our layers in `gancli.nn` compute the same sums in a faster order. If the usual loop used them, part
of the speed-up would be on both sides of the comparison and would not be measured.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from gancli.nn import layers, strided


class MinibatchStd(nn.Module):
    """Minibatch standard deviation, (B, N) -> (B, N + 1), by section 3 of arXiv:1710.10196."""

    def forward(self, x: Tensor) -> Tensor:
        """Append one feature: the standard deviation over the batch, averaged over features."""
        spread = torch.sqrt(x.var(0, unbiased=False) + 1e-8).mean()
        return torch.cat([x, spread.expand(len(x), 1)], dim=1)


class Joined(nn.Sequential):
    """Layers on feature maps (B, C, H, W), with labels (B, K) appended as K constant maps."""

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Append the labels, if there are any, and apply the layers."""
        if y is not None:
            x = torch.cat([x, y[:, :, None, None].expand(-1, -1, *x.shape[2:])], dim=1)
        out: Tensor = super().forward(x)
        return out


def _joined(ours: nn.Sequential) -> nn.Module:
    of(ours)  # replaces the layers inside
    return Joined(*ours)


def _convolution(kind: type[nn.Module], ours: Any) -> nn.Module:
    sizes = (ours.in_channels, ours.out_channels, ours.kernel_size, ours.stride, ours.padding)
    return _with_weights(kind(*sizes, bias=ours.bias is not None), ours)


def _with_weights(stock: nn.Module, ours: nn.Module) -> nn.Module:
    stock.load_state_dict(ours.state_dict())
    return stock


def _instance_norm(ours: layers.InstanceNorm) -> nn.Module:
    return _with_weights(nn.InstanceNorm2d(len(ours.weight), affine=True), ours)


STOCK: dict[type[nn.Module], Callable[[Any], nn.Module]] = {
    strided.Conv: lambda ours: _convolution(nn.Conv2d, ours),
    strided.ConvTranspose: lambda ours: _convolution(nn.ConvTranspose2d, ours),
    layers.DownConv: _joined,
    layers.UpConv: _joined,
    layers.UnflattenNHWC: lambda ours: nn.Unflatten(1, (ours.channels, ours.size, ours.size)),
    layers.FlattenNHWC: lambda ours: nn.Flatten(),
    layers.MinibatchStd: lambda ours: MinibatchStd(),
    layers.ELU: lambda ours: nn.ELU(),
    layers.InstanceNorm: _instance_norm,
}


def of(network: nn.Module) -> None:
    """Replace each of our layers in `network`, in place, by torch's own with the same weights.

    The weights must be float32.
    """
    for name, child in network.named_children():
        if type(child) in STOCK:
            setattr(network, name, STOCK[type(child)](child))
        else:
            of(child)
