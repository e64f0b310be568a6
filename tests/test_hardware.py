"""Devices and number formats."""

import pytest
import torch

from gancli import hardware
from gancli.errors import UsageError

CPU = torch.device("cpu")


def test_a_device_that_is_there() -> None:
    assert hardware.device("cpu") == CPU
    assert hardware.device("auto").type in {"cpu", "cuda", "mps"}


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is one")
def test_a_device_that_is_not_there() -> None:
    with pytest.raises(UsageError, match="--device cuda") as raised:
        hardware.device("cuda")
    assert raised.value.hint == "--device auto"


def test_a_format_asked_for_is_taken() -> None:
    assert hardware.precision("bf16", CPU)[0] == "bf16"
    assert hardware.precision("fp32", CPU)[0] == "fp32"


@pytest.mark.parametrize(
    ("error", "speed", "chosen"), [(0.0, 2.0, "bf16"), (0.0, 1.0, "fp32"), (0.5, 9.0, "fp32")]
)
def test_auto_wants_bfloat16_both_right_and_faster(
    monkeypatch: pytest.MonkeyPatch, error: float, speed: float, chosen: str
) -> None:
    def timed(dtype: torch.dtype, device: torch.device) -> tuple[torch.Tensor, float]:
        rounded = dtype == torch.bfloat16
        return torch.ones(4) * (1 + error * rounded), 1 / speed if rounded else 1.0

    monkeypatch.setattr(hardware, "_time", timed)
    assert hardware.precision("auto", CPU)[0] == chosen


def test_the_trial_itself_runs_in_both_formats() -> None:
    exact, slow = hardware._time(torch.float32, CPU)
    rounded, fast = hardware._time(torch.bfloat16, CPU)
    assert slow > 0
    assert fast > 0
    torch.testing.assert_close(rounded, exact, rtol=0.1, atol=0.05 * exact.abs().max().item())
