"""Elsewhere than on CUDA a captured step is a plain call; tests/test_trainer.py has the GPU's."""

from collections.abc import Hashable

import torch

from gancli.training.capture import Captured


def test_every_call_is_a_step_with_its_key() -> None:
    seen: list[Hashable] = []
    step = Captured(seen.append, torch.device("cpu"))
    for key in (None, "r1", None):
        step(key)
    step()
    assert seen == [None, "r1", None, None]
