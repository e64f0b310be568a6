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


def test_compiling_asks_for_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr("shutil.which", lambda name: "/bin/g++" if name == "g++" else None)
    hardware.check_compiler(CPU)
    monkeypatch.setenv("CXX", "nowhere")
    with pytest.raises(UsageError, match=r"--compile needs a C\+\+ compiler") as raised:
        hardware.check_compiler(CPU)
    assert raised.value.hint == "--no-compile"


def test_a_format_asked_for_is_taken() -> None:
    assert hardware.precision("bf16", CPU)[0] == "bf16"
    assert hardware.precision("fp32", CPU)[0] == "fp32"


@pytest.mark.parametrize(
    ("error", "speed", "chosen"), [(0.0, 2.0, "bf16"), (0.0, 1.0, "fp32"), (0.5, 9.0, "fp32")]
)
def test_auto_wants_bfloat16_both_right_and_faster(
    monkeypatch: pytest.MonkeyPatch, error: float, speed: float, chosen: str
) -> None:
    tries = []

    def tried(dtype: torch.dtype, *_: torch.Tensor) -> tuple[torch.Tensor, float]:
        rounded = dtype == torch.bfloat16
        tries.append(rounded)
        hiccup = 20.0 if rounded and len(tries) < 10 else 0.0  # another job's, soon over
        return torch.ones(4) * (1 + error * rounded), hiccup + (1 / speed if rounded else 1.0)

    monkeypatch.setattr(hardware, "_try", tried)
    assert hardware.precision("auto", CPU)[0] == chosen
    assert tries[:4] == [False, True, False, True]


def test_the_trial_itself_runs_in_both_formats() -> None:
    sample = hardware._sample(CPU)
    exact, slow = hardware._try(torch.float32, *sample)
    rounded, fast = hardware._try(torch.bfloat16, *sample)
    assert slow > 0
    assert fast > 0
    torch.testing.assert_close(rounded, exact, rtol=0.1, atol=0.05 * exact.abs().max().item())
