"""Layers that are computed another way than usual: the result is the usual one."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gancli.layers import ThinConv, ThinConvTranspose, double, halve


def gradients(made: Tensor, *of: Tensor) -> tuple[Tensor, ...]:
    torch.manual_seed(1)
    return made, *torch.autograd.grad(made, of, torch.randn(made.shape))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("bias", [True, False])
def test_thin_convolutions_are_convolutions(channels: int, bias: bool) -> None:
    torch.manual_seed(0)
    thin = ThinConv(channels, 5, 4, 2, 1, bias=bias)
    wide = ThinConvTranspose(5, channels, 4, 2, 1, bias=bias)
    for layer, usual, given in (
        (thin, F.conv2d, torch.randn(2, channels, 12, 8)),
        (wide, F.conv_transpose2d, torch.randn(2, 5, 6, 4)),
    ):
        layer = layer.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        given.requires_grad_()
        of = (given, *layer.parameters())
        expected = usual(given, layer.weight, layer.bias, stride=2, padding=1)  # type: ignore[operator]
        for a, b in zip(gradients(layer(given), *of), gradients(expected, *of), strict=True):
            torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(("channels", "thin"), [(1, True), (3, True), (4, False)])
def test_they_are_used_for_gray_and_colour_alone(channels: int, thin: bool) -> None:
    first, last = halve(channels, 8, 16)[0], double(8, channels, 16)[0]
    assert isinstance(first, ThinConv) == isinstance(last, ThinConvTranspose) == thin
    assert isinstance(first, nn.Conv2d)
    assert isinstance(last, nn.ConvTranspose2d)
