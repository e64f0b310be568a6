"""The half-life of the average, its ramp, and what is averaged."""

import pytest
import torch
from torch import nn

from gancli.training.ema import EMA


def averaged(half_life: float, steps: int, batch_size: int) -> float:
    """The average of a weight that jumped from 0 to 1 before these steps."""
    module = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(module.weight)
    ema = EMA(module, half_life, ramp=1e9)
    nn.init.ones_(module.weight)
    for step in range(1, steps + 1):
        ema.update(torch.tensor(float(step * batch_size)), batch_size)
    return ema.module.weight.item()  # type: ignore[union-attr, return-value]


@pytest.mark.parametrize("batch_size", [1, 10, 100])
def test_average_is_half_way_after_a_half_life_at_any_batch_size(batch_size: int) -> None:
    assert averaged(1000, 1000 // batch_size, batch_size) == pytest.approx(0.5, abs=1e-4)


def test_ramp_forgets_the_initial_weights() -> None:
    module = nn.Linear(1, 1, bias=False)
    nn.init.constant_(module.weight, 100.0)
    ema = EMA(module, half_life=1e6, ramp=0.05)
    nn.init.ones_(module.weight)
    for seen in range(10, 1001, 10):
        ema.update(torch.tensor(float(seen)), 10)
    assert ema.module.weight.item() == pytest.approx(1.0, abs=0.01)  # type: ignore[union-attr]


def test_half_life_zero_shares_the_weights_and_keeps_them_trainable() -> None:
    module = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))
    ema = EMA(module, 0)
    module(torch.randn(8, 4)).square().sum().backward()
    torch.optim.SGD(module.parameters(), 0.1).step()
    ema.update(torch.tensor(8.0), 8)
    assert not ema.module.training
    assert module.training
    for name, value in module.state_dict().items():
        if value.is_floating_point():
            assert torch.equal(ema.module.state_dict()[name], value), name


def test_batch_norm_statistics_are_averaged_like_weights() -> None:
    module = nn.BatchNorm1d(1)
    ema = EMA(module, 100, ramp=1e9)
    module.running_mean.fill_(8.0)  # type: ignore[union-attr]
    ema.update(torch.tensor(100.0), 100)
    assert ema.module.running_mean.item() == pytest.approx(4.0)  # type: ignore[union-attr]


def test_the_average_needs_no_gradients_and_is_in_eval_mode() -> None:
    ema = EMA(nn.Linear(2, 2), 10)
    assert not any(p.requires_grad for p in ema.module.parameters())
    assert not ema.module.training
