"""The optimiser is Adam, however weights are laid out, and continues where it was saved."""

import copy

import torch
from torch import nn

from gancli.config import Training
from gancli.training.optimiser import Optimiser


def networks() -> tuple[nn.Module, nn.Module]:
    """The same weights in the default layout and in channels_last."""
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Conv2d(3, 4, 4), nn.ConvTranspose2d(4, 1, 4), nn.Flatten())
    return plain, copy.deepcopy(plain).to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def steps(network: nn.Module, optimiser: Optimiser, count: int) -> None:
    for i in range(count):
        x = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(i))
        network(x.contiguous(memory_format=torch.channels_last)).square().mean().backward()
        optimiser.step()


def test_a_step_is_that_of_adam_whatever_the_layout() -> None:
    plain, ours = networks()
    config = Training(lr=0.01)
    adam = torch.optim.Adam(plain.parameters(), lr=0.01, betas=(config.beta1, config.beta2))
    optimiser = Optimiser(ours, torch.tensor(0.01), config)
    for _ in range(3):
        x = torch.randn(2, 3, 8, 8)
        plain(x).square().mean().backward()
        adam.step()
        adam.zero_grad()
        ours(x.contiguous(memory_format=torch.channels_last)).square().mean().backward()
        optimiser.step()
    assert all(p.grad is None for p in ours.parameters())
    for a, b in zip(plain.parameters(), ours.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)


def test_it_continues_from_its_state_to_the_bit() -> None:
    config, whole = Training(lr=0.01), networks()[1]
    first = Optimiser(whole, torch.tensor(0.01), config)
    steps(whole, first, 2)
    half, saved = copy.deepcopy(whole), {k: v.clone() for k, v in first.state().items()}
    steps(whole, first, 1)
    second = Optimiser(half, torch.tensor(0.01), config)
    second.load(saved)
    steps(half, second, 1)
    assert all(map(torch.equal, whole.parameters(), half.parameters()))
    assert {k.partition(".")[2] for k in saved} == {"step", "exp_avg", "exp_avg_sq"}
    assert saved["0.step"].item() == 2  # what was loaded stays what it was
