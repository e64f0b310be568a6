"""The benchmarks count FLOPs correctly, compare fairly, and run."""

import json
import sys

import pytest
import torch
from conftest import small_trainer
from torch import nn

from gancli.gan import Shape
from gancli.training import precision
from tests.benchmarks import gpu, operators, timing, train_step

CPU = torch.device("cpu")


def test_a_step_costs_three_generator_and_eight_discriminator_forwards() -> None:
    """G: forward and backward (3). D: forward on real, fake and fake again, and backward (8)."""
    shape = Shape(channels=1, size=28)
    trainer = small_trainer("dcgan", shape)
    found = operators.flops(trainer.step) / 8
    g, d = (forward_flops(net, given) for net, given in networks(trainer))
    assert found == pytest.approx(3 * g + 8 * d, rel=0.1)  # first layers need no input gradient
    assert found < 3 * g + 8 * d


def networks(trainer):  # type: ignore[no-untyped-def]
    gan = trainer.gan
    yield gan.generator, torch.randn(1, gan.z_dim)
    yield gan.discriminator, torch.randn(1, 1, 28, 28)


def forward_flops(network: nn.Module, given: torch.Tensor) -> int:
    return operators.flops(lambda: network.eval()(given))


def test_costly_operators_are_counted_and_can_be_run_alone() -> None:
    conv = nn.Conv2d(3, 4, 4, 2, 1).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    x = torch.randn(2, 3, 8, 8, requires_grad=True)
    found = operators.recorded(lambda: (conv(x) + conv(x)).sum().backward())
    assert sorted(found.calls.values()) == [2, 2]  # forward and backward
    found.alone()
    macs = 2 * 4 * 4 * 4 * 3 * 16  # images, height, width, channels out and in, kernel
    assert operators.flops(lambda: conv(x)) == 2 * macs
    assert operators.flops(lambda: conv(x).sum().backward()) == 3 * 2 * macs


def test_compared_calls_alternate() -> None:
    seen = []
    calls = {"a": lambda: seen.append("a"), "b": lambda: seen.append("b")}
    found = timing.in_turns(calls, rounds=2, repeats=3, device=CPU)
    assert "".join(seen) == "aaabbb" * 2
    assert [len(v) for v in found.values()] == [2, 2]
    assert timing.ratios([2.0, 9.0, 4.0], [1.0, 3.0, 1.0]) == {"median": 3, "min": 2, "max": 4}


def test_the_training_step_benchmark_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = "--width 4 --batch-size 8 --size 28 --rounds 1 --steps 1 --precision fp32 --json"
    monkeypatch.setattr(sys, "argv", ["train_step", *words.split()])
    train_step.main()
    (line,) = capsys.readouterr().out.splitlines()
    found = json.loads(line)
    assert found["gflops"] > 0
    assert found["share_of_the_limit"]["median"] > 0


def test_the_gpu_benchmark_runs_on_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """No CUDA graph is captured, but every line runs, so it is tested without a GPU."""
    for place in (precision, train_step):
        monkeypatch.setattr(place, "choose", lambda *_: ("fp32", "whatever is faster here"))
    (row,) = gpu.speed([("dcgan", 28, 4, 8, 1, 1e-3)], rounds=1, steps=1, device="cpu")
    assert row["images/s"] >= 1
    found = gpu.whole_run(epochs=1, pictures=64, device="cpu")
    assert found["run"] == "1 epochs of 64"
    assert found["seconds"] > 0
    assert isinstance(found["met"], bool)
