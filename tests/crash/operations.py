"""Death at the n-th file operation of this process: before it, or in the middle of a write."""

import builtins
import os
import pathlib
import signal
import sys
from collections.abc import Callable
from typing import Any

EVENTS = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate"}

_left: int | None = None  # operations until death; None while they are not counted


def die_at(operation: int) -> None:
    """Kill this process before its file operation of that number, counted from 1, from now on.

    Each write counts twice: nothing and half of it reaches the file. Call this once.
    """
    global _left
    _left = operation
    sys.addaudithook(lambda event, _: _count() if event in EVENTS else None)
    fsync, path_open, plain_open = os.fsync, pathlib.Path.open, builtins.open

    def counted_fsync(file: int) -> None:
        _count()
        fsync(file)

    os.fsync = counted_fsync
    pathlib.Path.open = _with_torn_writes(path_open)  # type: ignore[method-assign]
    builtins.open = _with_torn_writes(plain_open)


def _count() -> None:
    global _left
    assert _left is not None
    _left -= 1
    if _left == 0:
        os.kill(os.getpid(), signal.SIGKILL)


def _with_torn_writes(plain: Callable[..., Any]) -> Any:
    def opened(*arguments: Any, **options: Any) -> Any:
        file = plain(*arguments, **options)
        return _Torn(file) if file.writable() else file

    return opened


class _Torn:
    """A file that is written in two halves, with a chance to die before each."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> "_Torn":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, data: Any) -> int:
        half = len(data) // 2
        for part in (data[:half], data[half:]):
            _count()
            self._file.write(part)
            self._file.flush()
        return len(data)
