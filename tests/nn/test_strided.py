from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gancli.nn import strided


def gradients(made: Tensor, *of: Tensor) -> tuple[Tensor, ...]:
    torch.manual_seed(1)
    return made, *torch.autograd.grad(made, of, torch.randn(made.shape))


def agrees(layer: nn.Module, usual: Callable[..., Tensor], given: Tensor) -> None:
    """Pictures, and gradients of the input, the weights and the bias, equal torch's."""
    of = (given.requires_grad_(), *layer.parameters())
    expected = usual(given, layer.weight, layer.bias, stride=2, padding=1)
    for a, b in zip(gradients(layer(given), *of), gradients(expected, *of), strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("channels", "size"),
    [(1, (12, 8)), (3, (12, 8)), (4, (6, 4)), (4, (2, 2)), (4, (7, 5)), (4, (32, 32))],
)
def test_every_form_is_the_convolution(
    channels: int, size: tuple[int, int], bias: bool, layout: torch.memory_format
) -> None:
    torch.manual_seed(0)
    layer = strided.Conv(channels, 5, bias=bias).to(memory_format=layout)  # type: ignore[call-overload]
    agrees(layer, F.conv2d, torch.randn(2, channels, *size))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("out", "size"), [(1, (6, 4)), (3, (6, 4)), (4, (3, 5)), (4, (1, 1)), (4, (16, 16))]
)
def test_every_form_is_the_transposed_convolution(
    out: int, size: tuple[int, int], bias: bool, layout: torch.memory_format
) -> None:
    torch.manual_seed(0)
    layer = strided.ConvTranspose(5, out, bias=bias).to(memory_format=layout)  # type: ignore[call-overload]
    agrees(layer, F.conv_transpose2d, torch.randn(2, 5, *size))


def operators(layer: nn.Module, given: Tensor) -> set[str]:
    with torch.profiler.profile() as seen:
        layer(given.requires_grad_())
    return {event.key for event in seen.key_averages()}


@pytest.mark.parametrize("layer", [strided.Conv(8, 8), strided.ConvTranspose(8, 8)])
def test_maps_of_few_pixels_are_a_matrix_product(layer: nn.Module) -> None:
    assert "aten::convolution" not in operators(layer, torch.randn(1, 8, 4, 4))
    assert "aten::convolution" in operators(layer, torch.randn(1, 8, 64, 64))


@pytest.mark.parametrize("layer", [strided.Conv(6, 5), strided.ConvTranspose(6, 5)])
@pytest.mark.parametrize("size", [(16, 16), (13, 9), (8, 8)])
@pytest.mark.parametrize("pictures", [strided.MANY - 1, strided.MANY])
def test_gradients_in_bfloat16_are_those_of_float32_rounded(
    layer: nn.Module, size: tuple[int, int], pictures: int
) -> None:
    torch.manual_seed(0)
    given = torch.randn(pictures, 6, *size).requires_grad_()
    of = (given, *layer.parameters())
    with torch.autocast("cpu", torch.bfloat16):
        made = layer(given).float()
    usual = F.conv2d if isinstance(layer, nn.Conv2d) else F.conv_transpose2d
    expected = usual(given, layer.weight, layer.bias, stride=2, padding=1)  # type: ignore[operator]
    for a, b in zip(gradients(made, *of), gradients(expected, *of), strict=True):
        assert a.dtype == b.dtype
        assert (a - b).norm() < 0.01 * b.norm()
