"""What a step must compute at the least: its convolutions and matrix products, and each alone.

The limit that a step is held against is not a data sheet's. It is the same operators, with the same
shapes, number format and layout, forward and both backward passes, in a tight loop of their own on
the machine at hand.
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
    """Meanwhile, which heavy operators are called on what, and how often."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()
        self._made: dict[str, Callable[[], object]] = {}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        if func in HEAVY:
            name = f"{func} {tree_map(_described, args)}"
            self.calls[name] += 1
            if name not in self._made:
                self._made[name] = _alone(func, tree_map(_random, args))
        return func(*args, **(kwargs or {}))

    def alone(self) -> None:
        """Call each as often as was recorded, one kind after the other."""
        for name, count in self.calls.items():
            for _ in range(count):
                self._made[name]()


def recorded(step: Callable[[], object]) -> Recorded:
    """The heavy operators of one `step`."""
    with Recorded() as found:
        step()
    return found


def flops(step: Callable[[], object]) -> int:
    """Floating-point operations of `step`: multiplications and additions of its heavy operators."""
    with FlopCounterMode(display=False) as counter:
        step()
    return int(counter.get_total_flops())


def _alone(func: Callable[..., object], args: Any) -> Callable[[], object]:
    return lambda: func(*args)


def _described(value: object) -> object:
    if isinstance(value, torch.Tensor):
        return tuple(value.shape), tuple(value.stride()), value.dtype
    return value


def _random(value: object) -> object:
    """Another tensor that lies in memory as `value` does."""
    if isinstance(value, torch.Tensor):
        return torch.empty_like(value, memory_format=torch.preserve_format).normal_()
    return value
