"""The entry point of `gan` and of `python -m gancli`."""

import os
import signal
from types import FrameType

from gancli.errors import STOPPED

IMPORTING = "<frozen importlib._bootstrap>"  # file name of the import system's own frames


def main() -> None:
    """Run the command line. Ctrl-C and SIGTERM both raise KeyboardInterrupt, at any time."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) != signal.SIG_IGN:  # shells ignore them for background jobs
            signal.signal(number, _interrupted)
    from gancli.cli import app

    app.main()


def _interrupted(number: int, frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt, or exit at once during an import, which might swallow it."""
    while frame is not None:
        if frame.f_code.co_filename == IMPORTING:
            os._exit(STOPPED)
        frame = frame.f_back
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
