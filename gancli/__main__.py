"""`gan`, and `python -m gancli`."""

import os
import signal
from types import FrameType

from gancli.errors import STOPPED

IMPORTING = "<frozen importlib._bootstrap>"


def main() -> None:
    """Run the command that was typed; Ctrl-C and SIGTERM end it the same way at any time."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) != signal.SIG_IGN:  # as a shell has it for what runs behind
            signal.signal(number, _interrupted)
    from gancli.cli import app

    app.main()


def _interrupted(number: int, frame: FrameType | None) -> None:
    """KeyboardInterrupt; but while modules are imported, which may swallow it, the end at once."""
    while frame is not None:
        if frame.f_code.co_filename == IMPORTING:
            os._exit(STOPPED)
        frame = frame.f_back
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
