"""What commands need of the process they run in: its streams, terminal, folder and warnings."""

import codecs
import io
import logging
import os
import sys
import warnings
from pathlib import Path
from typing import Any, TextIO, cast

from gancli.errors import FileError

WIDTHS = ("COLUMNS", "LINES", "TERMINAL_WIDTH")  # sizes of the terminal that rich and typer read
SIZES = {str(n) for n in range(10, 1001)}  # with any other, help is unreadable or fails


def prepare() -> None:
    """Make output work with any encoding and any size, and silence the warnings of libraries.

    Users cannot act on those warnings, which show paths and code. GAN_DEBUG=1 or Python's own
    options (-W, PYTHONWARNINGS) show them.
    """
    codecs.register_error("gan", _encode)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # None if it is closed
            stream.reconfigure(errors="gan")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout = cast(TextIO, _Results(sys.stdout))
    for name in WIDTHS:
        if os.environ.get(name) not in SIZES:
            os.environ.pop(name, None)
    if not (os.environ.get("GAN_DEBUG") or sys.warnoptions):
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # with C++ stack traces


def check_folder() -> None:
    """Raise FileError if the current folder was deleted: torch would abort the process."""
    try:
        Path.cwd()
    except OSError:
        raise FileError(
            "The current folder does not exist any more.", hint="cd to another folder"
        ) from None


def _encode(error: UnicodeError) -> tuple[bytes, int]:
    """Encode one character that the encoding of a stream does not have.

    Bytes of a file name that are not text are written as they are, so a script can use the name.
    Other characters become escapes.
    """
    assert isinstance(error, UnicodeEncodeError)
    character, end = error.object[error.start], error.start + 1
    try:
        return character.encode("ascii", "surrogateescape"), end
    except UnicodeEncodeError:
        return character.encode("ascii", "backslashreplace"), end


class _Results:
    """Standard output: if it cannot be written, the error names it.

    Programs that read it may end early, as `head` does. That is not an error worth a message.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return int(self._named(self._stream.write, text))

    def flush(self) -> None:
        self._named(self._stream.flush)

    def _named(self, function: Any, *arguments: str) -> Any:
        try:
            return function(*arguments)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise FileError(f"Cannot write to standard output: {error.strerror}.") from error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
