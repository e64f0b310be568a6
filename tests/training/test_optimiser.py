"""The optimiser equals torch's Adam in any memory layout, and resumes exactly."""

import copy

import torch
from torch import nn

from gancli.training.optimiser import Optimiser

BETAS = 0.5, 0.99


def networks() -> tuple[nn.Module, nn.Module]:
    """Two networks with the same weights, in the default layout and in channels_last."""
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Conv2d(3, 4, 4), nn.ConvTranspose2d(4, 1, 4), nn.Flatten())
    return plain, copy.deepcopy(plain).to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def steps(network: nn.Module, optimiser: Optimiser, count: int) -> None:
    for i in range(count):
        x = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(i))
        network(x.contiguous(memory_format=torch.channels_last)).square().mean().backward()
        optimiser.step()


def test_steps_equal_those_of_adam_in_any_layout() -> None:
    plain, ours = networks()
    adam = torch.optim.Adam(plain.parameters(), lr=0.01, betas=BETAS)
    optimiser = Optimiser(ours, torch.tensor(0.01), BETAS)
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


def test_resumed_optimiser_gives_bit_identical_weights() -> None:
    network = networks()[1]
    first = Optimiser(network, torch.tensor(0.01), BETAS)
    steps(network, first, 2)
    resumed, saved = copy.deepcopy(network), {k: v.clone() for k, v in first.state().items()}
    steps(network, first, 1)
    second = Optimiser(resumed, torch.tensor(0.01), BETAS)
    second.load(saved)
    steps(resumed, second, 1)
    assert all(map(torch.equal, network.parameters(), resumed.parameters()))
    assert {k.partition(".")[2] for k in saved} == {"step", "exp_avg", "exp_avg_sq"}
    assert saved["0.step"].item() == 2  # steps after load leave the loaded tensors unchanged
