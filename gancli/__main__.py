"""The entry point of `gan` and of `python -m gancli`."""

import os
import signal
from contextlib import suppress
from types import FrameType

from gancli.errors import STOPPED

IMPORTING = "<frozen importlib._bootstrap>"  # file name of the import system's own frames


def main() -> None:
    """Run the command line. Ctrl-C and SIGTERM both raise KeyboardInterrupt, at any time."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) != signal.SIG_IGN:  # shells ignore them for background jobs
            signal.signal(number, _interrupted)
    try:
        from gancli.cli import app

        app.main()
    except KeyboardInterrupt:  # before the command starts, or for a second time
        _say_stopped()
        raise SystemExit(STOPPED) from None


def _interrupted(number: int, frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt, or exit at once during an import, which might swallow it."""
    while frame is not None:
        if frame.f_code.co_filename == IMPORTING:
            _say_stopped()
            os._exit(STOPPED)
        frame = frame.f_back
    raise KeyboardInterrupt


def _say_stopped() -> None:
    with suppress(OSError):  # print could be what was interrupted
        os.write(2, b"Stopped.\n")


if __name__ == "__main__":
    main()
