"""Layers do what their formulas say, also where they are computed another way than usual."""

import pytest
import torch

from gancli.layers import DropMaps, MinibatchStd


def test_the_spread_of_a_batch_and_its_gradient_are_those_of_the_formula() -> None:
    torch.manual_seed(0)
    x = torch.randn(6, 9, dtype=torch.float64).requires_grad_()
    made = MinibatchStd()(x)
    expected = torch.sqrt(x.var(0, unbiased=False) + 1e-8).mean()
    torch.testing.assert_close(made[:, :9], x)
    torch.testing.assert_close(made[:, 9], expected.expand(6), atol=1e-6, rtol=1e-6)
    weights = torch.randn(6, dtype=torch.float64)
    (ours,) = torch.autograd.grad((made[:, 9] * weights).sum(), x)
    (theirs,) = torch.autograd.grad(expected * weights.sum(), x)
    torch.testing.assert_close(ours, theirs, atol=1e-7, rtol=1e-5)


def test_dropped_maps_are_whole_and_the_others_make_up() -> None:
    torch.manual_seed(0)
    drop = DropMaps(0.25)
    maps = drop(torch.ones(200, 50, 2, 2))
    assert maps.unique().tolist() == pytest.approx([0, 4 / 3])
    assert (maps == maps[:, :, :1, :1]).all()
    assert (maps == 0).float().mean().item() == pytest.approx(0.25, abs=0.02)
    assert (drop.eval()(torch.ones(2, 3, 1, 1)) == 1).all()


def test_dropout_follows_the_wins_within_limits() -> None:
    drop = DropMaps(0.3, wins=0.6)
    for wins, rate in ((0.8, 0.3002), (0.5, 0.3001), (1e6, 0.9), (-1e6, 0.0)):
        drop.follow(torch.tensor(wins))
        assert drop.rate.item() == pytest.approx(rate)
