"""Weights in fewer bits come back with a bounded error, and both networks from one file."""

import pytest
import torch

from gancli import compact


def example() -> dict[str, torch.Tensor]:
    rng = torch.Generator().manual_seed(0)
    rows = torch.randn(4, 3, 5, 5, generator=rng) * torch.tensor([1e-3, 1.0, 50.0, 0.0]).view(
        4, 1, 1, 1
    )
    return {
        "conv.weight": rows,
        "norm.running_var": torch.rand(4, generator=rng) * 1e6,
        "norm.num_batches_tracked": torch.tensor(7),
    }


def test_8_bits_keep_each_row_to_half_a_step_of_its_own() -> None:
    tensors = example()
    stored = compact.compress(tensors, 8)
    assert stored["conv.weight"].dtype == torch.int8
    restored = compact.expand(stored)
    assert restored.keys() == tensors.keys()
    step = tensors["conv.weight"].flatten(1).abs().amax(1) / 127
    error = (restored["conv.weight"] - tensors["conv.weight"]).flatten(1).abs().amax(1)
    assert (error <= step / 2 * 1.001).all()
    assert error[0] < 1e-4 < error[2]  # a small row is not rounded by the steps of a large one
    for name in ("norm.running_var", "norm.num_batches_tracked"):
        assert torch.equal(restored[name], tensors[name])


def test_16_bits_halve_matrices_and_leave_vectors() -> None:
    stored = compact.compress(example(), 16)
    assert stored["conv.weight"].dtype == torch.float16
    assert stored["norm.running_var"].dtype == torch.float32
    assert compact.expand(stored).keys() == stored.keys()


@pytest.mark.parametrize(
    "wrong",
    [
        {"a:scale": torch.ones(2)},
        {"a": torch.ones(2, 2), "a:scale": torch.ones(2)},
        {"a": torch.ones(2, 2, dtype=torch.int8), "a:scale": torch.ones(3)},
        {"a": torch.tensor(1, dtype=torch.int8), "a:scale": torch.ones(())},
    ],
)
def test_scales_without_their_rows_are_refused(wrong: dict[str, torch.Tensor]) -> None:
    with pytest.raises(KeyError):
        compact.expand(wrong)


def test_two_networks_in_one_file() -> None:
    one, other = {"w": torch.zeros(1)}, {"w": torch.ones(1), "d.w": torch.ones(2)}
    assert compact.split(compact.join(one, other)) == (one, other)
    assert compact.split(one) == (one, {})
