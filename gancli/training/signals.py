"""Signals that ask training to stop: the current step ends, then the run is saved."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


def _stop_signals() -> list[signal.Signals]:
    """The signals that stop training. SIGHUP, if it is not ignored as under nohup, is one."""
    found = [signal.SIGINT, signal.SIGTERM]
    hangup = getattr(signal, "SIGHUP", None)  # Windows has none
    if hangup is not None and signal.getsignal(hangup) != signal.SIG_IGN:
        found.append(hangup)
    return found


@contextmanager
def deferred_stop() -> Iterator[Callable[[], bool]]:
    """Yield a function that tells whether Ctrl-C or another signal has asked training to stop.

    The first signal lets the current step finish. A second one interrupts at once.
    """
    requested = threading.Event()

    def request(number: int, frame: Any) -> None:
        if requested.is_set():
            raise KeyboardInterrupt
        requested.set()

    if threading.current_thread() is not threading.main_thread():  # Python allows no handlers here
        yield requested.is_set
        return
    before = {s: signal.signal(s, request) for s in _stop_signals()}
    try:
        yield requested.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
