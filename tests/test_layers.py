"""Layers that are computed another way than usual: the result is the usual one."""

import torch

from gancli.layers import MinibatchStd


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
