"""Files that are whole or not there: written beside their name, then renamed.

What this program writes goes through here, but for what is added to (metrics.jsonl, a download
that goes on), so that a crash, a full disk or Ctrl-C leaves what was there before.
"""

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gancli.errors import FileError, UsageError

CLAIM = ".claim"  # the file in a folder that tells whose it is; empty
ELSEWHERE = "choose another place with --out"


def write_file(path: Path, data: bytes, *, durable: bool = False) -> None:
    """Put `data` at `path`, whole. Raises FileError where that cannot be.

    `durable`: after a power cut, too, `path` holds this or what it held before. It takes as long as
    the disk does to write, which thousands of small pictures need not wait for.
    """
    with replacing(path) as beside, beside.open("wb") as file:
        file.write(data)
        if durable:
            file.flush()
            os.fsync(file.fileno())


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside `path` to write a file or a folder at; it takes `path`'s name at the end.

    Its suffix is that of `path`. Folders above are made. Where the block fails nothing is left
    behind, and what `path` held stays. A link is followed. Raises FileError, naming `path`, for
    what the system refuses: a folder in the way, no permission, no room.
    """
    target = Path(os.path.realpath(path))
    beside = target.with_name(f".{os.getpid()}-{secrets.token_hex(4)}.part{target.suffix}")
    try:
        check_kind(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        yield beside
        beside.replace(target)
    except OSError as error:
        if not _about_writing(error, beside):
            raise
        raise FileError(_sentence(path, error.strerror or str(error)), hint=ELSEWHERE) from error
    finally:
        _remove(beside)


def check_writable(path: Path) -> None:
    """Raise FileError, before any long work, where a file at `path` would be refused."""
    check_kind(path)
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise FileError(_sentence(path, "there is a folder of that name"), hint=ELSEWHERE)
    nearest = next(p for p in target.parents if p.exists())
    if not nearest.is_dir():
        raise FileError(_sentence(path, f"{nearest} is not a folder"), hint=ELSEWHERE)
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise FileError(_sentence(path, f"the folder {nearest} is read-only"), hint=ELSEWHERE)


def claim(folder: Path) -> None:
    """Have `folder`, which is made, to this process alone until it ends.

    Raises UsageError where another process has it, FileError where it cannot be had. Where the
    system knows no such claims it is free for all.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / CLAIM).exists() and not os.access(folder / CLAIM, os.W_OK):
            (folder / CLAIM).unlink()  # another user's
        file = os.open(folder / CLAIM, os.O_RDWR | os.O_CREAT, 0o666)  # never closed
    except OSError as error:
        raise FileError(_sentence(folder, error.strerror or str(error)), hint=ELSEWHERE) from error
    with suppress(ImportError):
        import fcntl

        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # a child process inherits none of it
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EAGAIN):
                raise UsageError(
                    f"Another gan is at work in {folder}.",
                    hint="wait for it, or --out another folder",
                ) from None


def check_kind(path: Path) -> None:
    """Raise FileError for what a rename would destroy: a device, a pipe, a socket."""
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise FileError(_sentence(path, "it is a device or a pipe"), hint=ELSEWHERE)


def _about_writing(error: OSError, beside: Path) -> bool:
    """Not an error of what is being written about: a picture that cannot be read, say."""
    if error.errno is None:
        return False
    return error.filename is None or Path(str(error.filename)) in (beside, *beside.parents)


def _sentence(path: Path, reason: str) -> str:
    return f"Cannot write {path}: {reason[0].lower()}{reason[1:]}."


def _remove(beside: Path) -> None:
    """Whatever a failed block left. A folder on the way that is no folder counts as gone."""
    if beside.is_dir() and not beside.is_symlink():
        shutil.rmtree(beside, ignore_errors=True)
    else:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
