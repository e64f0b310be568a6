"""The choice between float32 and bfloat16: by request, or by correctness and measured speed."""

import pytest
import torch

from gancli.training import precision

CPU = torch.device("cpu")


def test_a_requested_format_is_chosen() -> None:
    assert precision.choose("bf16", CPU)[0] == "bf16"
    assert precision.choose("fp32", CPU)[0] == "fp32"


@pytest.mark.parametrize(
    ("error", "speed", "chosen"), [(0.0, 2.0, "bf16"), (0.0, 1.0, "fp32"), (0.5, 9.0, "fp32")]
)
def test_auto_chooses_bfloat16_only_if_it_is_correct_and_faster(
    monkeypatch: pytest.MonkeyPatch, error: float, speed: float, chosen: str
) -> None:
    tries = []

    def fake_try(dtype: torch.dtype, *_: torch.Tensor) -> tuple[torch.Tensor, float]:
        rounded = dtype == torch.bfloat16
        tries.append(rounded)
        hiccup = (
            20.0 if rounded and len(tries) < 10 else 0.0
        )  # load by another job, which ends soon
        return torch.ones(4) * (1 + error * rounded), hiccup + (1 / speed if rounded else 1.0)

    monkeypatch.setattr(precision, "_try", fake_try)
    assert precision.choose("auto", CPU)[0] == chosen
    assert tries[:4] == [False, True, False, True]


def test_both_formats_give_the_same_gradient() -> None:
    sample = precision._sample(CPU)
    exact, _ = precision._try(torch.float32, *sample)
    rounded, _ = precision._try(torch.bfloat16, *sample)
    torch.testing.assert_close(rounded, exact, rtol=0.1, atol=0.05 * exact.abs().max().item())
