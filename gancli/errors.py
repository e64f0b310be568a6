"""The errors that users see: one sentence that says what went wrong, and the command to type next.

Raise one of these for everything the user can fix. Any other exception is a bug.
"""

import errno

STOPPED = 130  # exit code after Ctrl-C or SIGTERM; shells use 128 + SIGINT

OUT_OF_MEMORY = (  # in the messages of torch's allocators, of C++, cuBLAS and cuDNN
    "DefaultCPUAllocator",
    "out of memory",
    "bad_alloc",
    "ALLOC_FAILED",
)


class GanError(Exception):
    """A failure the user can act on. The command line prints it and exits with `exit_code`.

    `message` says what happened and why in one sentence. `hint` is a command to type next, or a
    sentence.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.__notes__ = [f"Next: {hint}"] if hint else []  # Python 3.11 and later show notes


def out_of_memory(error: BaseException) -> bool:
    """Whether `error` means that memory ran out: of the machine or of a GPU.

    torch raises a RuntimeError for most kinds, which only its text tells apart.
    """
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    by_text = isinstance(error, RuntimeError) and any(t in str(error) for t in OUT_OF_MEMORY)
    return by_text or isinstance(error, MemoryError)


class UsageError(GanError):
    """The command is wrong: an unknown name, an unsupported size, a value out of range."""

    exit_code = 2


class DataError(GanError):
    """Pictures are missing, damaged, or not of the expected kind."""


class FileError(GanError):
    """A file cannot be read or written, or gan did not write it."""
