"""What can go wrong, said to the reader: one sentence, and the command to type next."""

STOPPED = 130  # the exit code of what was asked to stop, as shells have it: 128 + SIGINT


class GanError(Exception):
    """A failure the user can act on; the command line prints it and ends with `exit_code`.

    `message` says what and why in one sentence; `hint` is a command to type next, or a sentence.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(GanError):
    """What was typed cannot be meant: an unknown name, an illegal size, a bad range."""

    exit_code = 2


class DataError(GanError):
    """Pictures that are missing, broken, or not what they should be."""


class FileError(GanError):
    """A file that cannot be read or written, or that is not one of ours."""
