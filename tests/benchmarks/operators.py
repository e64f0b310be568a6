"""Measure the lower bound of a step's time: its convolutions and matrix products alone.

The bound does not come from a data sheet. It is the time that this machine takes for the same
operators, forward and backward, with the same shapes, number format and memory layout, in a tight
loop that does nothing else.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map
from torch.utils.flop_counter import FlopCounterMode

HEAVY = {
    torch.ops.aten.convolution.default,
    torch.ops.aten.convolution_backward.default,
    torch.ops.aten.mm.default,
    torch.ops.aten.addmm.default,
    torch.ops.aten.bmm.default,
}


class Recorded(TorchDispatchMode):
    """A context that records which heavy operators run, with which arguments and how often."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()
        self._replay: dict[str, Callable[[], object]] = {}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        if func in HEAVY:
            name = f"{func} {tree_map(_signature, args)}"
            self.calls[name] += 1
            if name not in self._replay:  # new shapes: allocate inputs for a replay once
                self._replay[name] = _bind(func, tree_map(_random, args))
        return func(*args, **(kwargs or {}))

    def alone(self) -> None:
        """Run each operator on random inputs as often as it was recorded, and nothing else."""
        for name, count in self.calls.items():
            for _ in range(count):
                self._replay[name]()


def recorded(step: Callable[[], object]) -> Recorded:
    """Run `step` once and return the heavy operators that it called."""
    with Recorded() as found:
        step()
    return found


def flops(step: Callable[[], object]) -> int:
    """Run `step` and count the multiplications and additions of its heavy operators."""
    with FlopCounterMode(display=False) as counter:
        step()
    return int(counter.get_total_flops())


def _bind(func: Callable[..., object], args: Any) -> Callable[[], object]:
    # A function of its own, so that the lambda keeps these `args`.
    return lambda: func(*args)


def _signature(value: object) -> object:
    """What the speed of an operator depends on: shape, strides and dtype of a tensor."""
    if isinstance(value, torch.Tensor):
        return tuple(value.shape), tuple(value.stride()), value.dtype
    return value


def _random(value: object) -> object:
    """A random tensor with the shape, strides and dtype of `value`; other values as they are."""
    if isinstance(value, torch.Tensor):
        return torch.empty_like(value, memory_format=torch.preserve_format).normal_()
    return value
