"""Convolutions of stride 2 match torch's in every code path, in values and gradients."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gancli.nn import strided


def gradients(output: Tensor, *of: Tensor) -> tuple[Tensor, ...]:
    """Return `output`, and its gradients with respect to `of`, from a fixed random gradient."""
    torch.manual_seed(1)
    return output, *torch.autograd.grad(output, of, torch.randn(output.shape))


def assert_matches(layer: nn.Module, reference: Callable[..., Tensor], x: Tensor) -> None:
    """Compare outputs and gradients of input, weights and bias with torch's `reference`."""
    of = (x.requires_grad_(), *layer.parameters())
    expected = reference(x, layer.weight, layer.bias, stride=2, padding=1)
    for a, b in zip(gradients(layer(x), *of), gradients(expected, *of), strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("channels", "size"),
    [(1, (12, 8)), (3, (12, 8)), (4, (6, 4)), (4, (2, 2)), (4, (7, 5)), (4, (32, 32))],
)
def test_every_code_path_matches_conv2d(
    channels: int, size: tuple[int, int], bias: bool, layout: torch.memory_format
) -> None:
    torch.manual_seed(0)
    layer = strided.Conv(channels, 5, bias=bias).to(memory_format=layout)  # type: ignore[call-overload]
    assert_matches(layer, F.conv2d, torch.randn(2, channels, *size))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("out", "size"), [(1, (6, 4)), (3, (6, 4)), (4, (3, 5)), (4, (1, 1)), (4, (16, 16))]
)
def test_every_code_path_matches_conv_transpose2d(
    out: int, size: tuple[int, int], bias: bool, layout: torch.memory_format
) -> None:
    torch.manual_seed(0)
    layer = strided.ConvTranspose(5, out, bias=bias).to(memory_format=layout)  # type: ignore[call-overload]
    assert_matches(layer, F.conv_transpose2d, torch.randn(2, 5, *size))


def operators(layer: nn.Module, x: Tensor) -> set[str]:
    with torch.profiler.profile() as seen:
        layer(x.requires_grad_())
    return {event.key for event in seen.key_averages()}


@pytest.mark.parametrize("layer", [strided.Conv(8, 8), strided.ConvTranspose(8, 8)])
def test_few_pixels_use_a_matrix_product(layer: nn.Module) -> None:
    assert "aten::convolution" not in operators(layer, torch.randn(1, 8, 4, 4))
    assert "aten::convolution" in operators(layer, torch.randn(1, 8, 64, 64))


@pytest.mark.parametrize("layer", [strided.Conv(6, 5), strided.ConvTranspose(6, 5)])
@pytest.mark.parametrize("size", [(16, 16), (13, 9), (8, 8)])
@pytest.mark.parametrize("count", [strided.LARGE_BATCH - 1, strided.LARGE_BATCH])
def test_gradients_in_bfloat16_match_float32_within_rounding(
    layer: nn.Module, size: tuple[int, int], count: int
) -> None:
    torch.manual_seed(0)
    x = torch.randn(count, 6, *size).requires_grad_()
    of = (x, *layer.parameters())
    with torch.autocast("cpu", torch.bfloat16):
        output = layer(x).float()
    reference = F.conv2d if isinstance(layer, nn.Conv2d) else F.conv_transpose2d
    expected = reference(x, layer.weight, layer.bias, stride=2, padding=1)  # type: ignore[operator]
    for a, b in zip(gradients(output, *of), gradients(expected, *of), strict=True):
        assert a.dtype == b.dtype
        assert (a - b).norm() < 0.01 * b.norm()
