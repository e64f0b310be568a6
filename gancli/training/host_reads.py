"""Finds steps that read a value on the host, which a CUDA graph cannot do."""

import sys

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from gancli.errors import GanError

# Operators whose result depends on values that only the device has.
READ_ON_HOST = (
    torch.ops.aten._local_scalar_dense.default,
    torch.ops.aten.nonzero.default,
    torch.ops.aten.masked_select.default,
    torch.ops.aten.equal.default,
)


class Broken(GanError):
    """A part of the contract that a model does not keep."""


class NoHostReads(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Raises Broken if an operator reads a value on the host, which a CUDA graph cannot do."""

    def __init__(self, file: str = "") -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._file = file

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        """Run the operator `func`."""
        if func in READ_ON_HOST:
            raise Broken(
                f"{self._place()} reads a tensor's value on the host, so a step cannot be "
                "recorded. Leave out .item(), print and `if`; use torch.where and buffers."
            )
        return func(*args, **(kwargs or {}))

    def _place(self) -> str:
        """The line of the model's file that is running."""
        frame = sys._getframe()
        while frame.f_back is not None and frame.f_code.co_filename != self._file:
            frame = frame.f_back
        here = frame.f_code.co_filename == self._file
        return f"Line {frame.f_lineno} ({frame.f_code.co_name})" if here else "The step"
