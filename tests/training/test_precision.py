"""The choice between float32 and bfloat16: by request, or by correctness and measured speed."""

from pathlib import Path

import pytest
import torch

from gancli.reporting import silent
from gancli.training import precision

CPU = torch.device("cpu")


def test_a_requested_format_is_chosen(tmp_path: Path) -> None:
    assert precision.choose("bf16", CPU, tmp_path, silent)[0] == "bf16"
    assert precision.choose("fp32", CPU, tmp_path, silent)[0] == "fp32"
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> "FakeMachine":
    found = FakeMachine()
    monkeypatch.setattr(precision, "_try", found.try_format)
    return found


class FakeMachine:
    """Stands for the measured layer: bfloat16 is `speed` times as fast, with a relative `error`."""

    def __init__(self) -> None:
        self.speed, self.error, self.hiccup_at = 2.0, 0.0, -1
        self.tries: list[bool] = []

    def try_format(self, dtype: torch.dtype, *_: torch.Tensor) -> tuple[torch.Tensor, float]:
        rounded = dtype == torch.bfloat16
        hiccup = 20.0 if len(self.tries) == self.hiccup_at else 0.0  # load by another job
        self.tries.append(rounded)
        seconds = 1 / self.speed if rounded else 1.0
        return torch.ones(4) * (1 + self.error * rounded), hiccup + seconds


@pytest.mark.parametrize(
    ("error", "speed", "chosen"), [(0.0, 2.0, "bf16"), (0.0, 1.0, "fp32"), (0.5, 9.0, "fp32")]
)
def test_auto_chooses_bfloat16_only_if_it_is_correct_and_faster(
    machine: FakeMachine, tmp_path: Path, error: float, speed: float, chosen: str
) -> None:
    machine.error, machine.speed = error, speed
    assert precision.choose("auto", CPU, tmp_path, silent)[0] == chosen
    assert machine.tries[:2] == [False, True]


def test_one_slow_moment_does_not_decide(machine: FakeMachine, tmp_path: Path) -> None:
    machine.hiccup_at = 3  # the first measured call of bfloat16
    assert precision.choose("auto", CPU, tmp_path, silent)[0] == "bf16"
    assert len(machine.tries) == 2 * (1 + precision.TRIES)


def test_a_hopeless_format_is_tried_once_and_a_clear_one_a_few_times(
    machine: FakeMachine, tmp_path: Path
) -> None:
    machine.speed = 0.1
    assert precision.choose("auto", CPU, tmp_path / "slow", silent)[0] == "fp32"
    assert machine.tries == [False, True]
    machine.tries, machine.speed = [], 2.0
    assert precision.choose("auto", CPU, tmp_path / "fast", silent)[0] == "bf16"
    assert len(machine.tries) == 2 * (1 + precision.ENOUGH)


def test_the_result_is_kept_for_this_machine(
    machine: FakeMachine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    assert precision.without_measuring("auto", CPU, tmp_path) is None
    first = precision.choose("auto", CPU, tmp_path, said.append)
    tried = len(machine.tries)
    assert precision.choose("auto", CPU, tmp_path, said.append) == first
    assert precision.without_measuring("auto", CPU, tmp_path) == first
    assert len(machine.tries) == tried
    assert len(said) == 1
    assert "only the first time" in said[0]
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")  # as if it were another machine
    assert precision.without_measuring("auto", CPU, tmp_path) is None


@pytest.mark.parametrize("content", ["", "[]", '{"x": 1}', '{"x": ["fp64", "y"]}', "[" * 10_000])
def test_a_damaged_file_of_results_counts_as_missing(
    machine: FakeMachine, tmp_path: Path, content: str
) -> None:
    (tmp_path / precision.KEPT).write_text(content)
    assert precision.choose("auto", CPU, tmp_path, silent)[0] == "bf16"
    assert precision.without_measuring("auto", CPU, tmp_path)


def test_without_a_writable_cache_it_is_measured_each_time(
    machine: FakeMachine, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    assert precision.choose("auto", CPU, tmp_path / "file", silent)[0] == "bf16"


def test_both_formats_give_the_same_gradient() -> None:
    sample = precision._sample(CPU)
    exact, _ = precision._try(torch.float32, *sample)
    rounded, _ = precision._try(torch.bfloat16, *sample)
    torch.testing.assert_close(rounded, exact, rtol=0.1, atol=0.05 * exact.abs().max().item())
