"""Layers match their formulas and torch's own layers, in values and gradients."""

import copy

import pytest
import torch
from torch import nn

from gancli.nn.layers import (
    AdaptiveDropout2d,
    DownConv,
    FlattenNHWC,
    InstanceNorm,
    MinibatchStd,
    UpConv,
)
from gancli.nn.losses import squared_gradients
from tests.benchmarks import stock


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("channels", [1, 5])  # few channels take another code path
@pytest.mark.parametrize(
    ("kind", "size"), [(DownConv, 12), (DownConv, 9), (UpConv, 12), (UpConv, 9)]
)
def test_labels_match_labels_concatenated_as_maps(
    kind: type[DownConv | UpConv], size: int, channels: int, bias: bool
) -> None:
    torch.manual_seed(0)
    ins, outs = (channels, 4) if kind is DownConv else (4, channels)
    layer = kind(ins + 3, outs, size, bias=bias)
    given = size if kind is DownConv else (size + 1) // 2
    x = torch.randn(6, ins, given, given, requires_grad=True)
    y = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0], [0.5, 0.5, 0], [0, 0.2, 0.8]])
    found, expected = layer(x, y), stock.Joined(*layer)(x, y)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)
    weights, of = torch.randn(found.shape), (x, *layer.parameters())
    for a, b in zip(
        torch.autograd.grad(found, of, weights),
        torch.autograd.grad(expected, of, weights),
        strict=True,
    ):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", [DownConv, UpConv])
def test_labels_in_bfloat16_match_float32_within_rounding(kind: type[DownConv | UpConv]) -> None:
    torch.manual_seed(0)
    layer = kind(8 + 3, 8, 16)
    x, y = torch.randn(40, 8, 16, 16), torch.eye(3)[torch.arange(40) % 3]
    with torch.autocast("cpu", torch.bfloat16):
        found = layer(x, y)
    expected = stock.Joined(*layer)(x, y)
    assert found.dtype == torch.bfloat16
    assert (found - expected).norm() < 0.01 * expected.norm()


def test_instance_norm_matches_torch_with_gradients_through_a_concatenation() -> None:
    torch.manual_seed(0)
    norm, reference = InstanceNorm(5), nn.InstanceNorm2d(5, affine=True)
    nn.init.normal_(norm.weight)
    reference.load_state_dict(norm.state_dict())
    x = torch.randn(3, 5, 6, 4).to(memory_format=torch.channels_last).requires_grad_()
    skip, weights = torch.randn(3, 2, 6, 4), torch.randn(3, 7, 6, 4)
    outputs = [torch.cat([layer(x), skip], dim=1) for layer in (norm, reference)]
    torch.testing.assert_close(*outputs, atol=1e-5, rtol=1e-4)
    of = [(x, layer.weight, layer.bias) for layer in (norm, reference)]
    gradients = [torch.autograd.grad(m, o, weights) for m, o in zip(outputs, of, strict=True)]
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)


def test_minibatch_std_and_its_gradient_match_the_formula() -> None:
    torch.manual_seed(0)
    x = torch.randn(6, 9, dtype=torch.float64).requires_grad_()
    output = MinibatchStd()(x)
    expected = torch.sqrt(x.var(0, unbiased=False) + 1e-8).mean()
    torch.testing.assert_close(output[:, :9], x)
    torch.testing.assert_close(output[:, 9], expected.expand(6), atol=1e-6, rtol=1e-6)
    weights = torch.randn(6, dtype=torch.float64)
    (ours,) = torch.autograd.grad((output[:, 9] * weights).sum(), x)
    (theirs,) = torch.autograd.grad(expected * weights.sum(), x)
    torch.testing.assert_close(ours, theirs, atol=1e-7, rtol=1e-5)


def test_dropout_drops_entire_channels_and_scales_up_the_others() -> None:
    torch.manual_seed(0)
    drop = AdaptiveDropout2d(0.25)
    maps = drop(torch.ones(200, 50, 2, 2))
    assert maps.unique().tolist() == pytest.approx([0, 4 / 3])
    assert (maps == maps[:, :, :1, :1]).all()
    assert (maps == 0).float().mean().item() == pytest.approx(0.25, abs=0.02)
    assert (drop.eval()(torch.ones(2, 3, 1, 1)) == 1).all()


def test_dropout_adapts_to_the_win_rate_within_bounds() -> None:
    drop = AdaptiveDropout2d(0.3, target_wins=0.6)
    for wins, rate in ((0.8, 0.3002), (0.5, 0.3001), (1e6, 0.9), (-1e6, 0.0)):
        drop.adapt(torch.tensor(wins))
        assert drop.rate.item() == pytest.approx(rate)


def test_second_gradients_match_those_of_torch() -> None:
    """Penalties differentiate a gradient. A custom backward must not treat it as a constant."""
    torch.manual_seed(0)
    # maps of 28x28 down to 1x1 pixels: all the ways to compute a convolution on a CPU in float32
    downs = [DownConv(1 if size == 28 else 4, 4, size) for size in (28, 14, 7, 4, 2)]
    flat = [FlattenNHWC(), MinibatchStd(), nn.Linear(5, 1)]
    ours = nn.Sequential(*(m for down in downs for m in (down, nn.ELU())), *flat)
    nn.init.ones_(ours[-1].weight)  # the standard deviation counts as much as a feature
    plain = copy.deepcopy(ours)
    stock.of(plain)
    x = torch.randn(5, 1, 28, 28).contiguous(memory_format=torch.channels_last)
    found = []
    for network in (ours, plain):
        penalty = squared_gradients(network, x).mean()
        penalty.backward()
        found.append([penalty, *(p.grad for p in network.parameters() if p.grad is not None)])
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, atol=1e-6, rtol=1e-3)
