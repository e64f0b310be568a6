"""Atomic file writes: each file is written under a temporary name, then renamed into place.

A crash, a full disk or Ctrl-C therefore leaves the old file intact. All writing goes through this
module, except for files that are appended to: metrics.jsonl, and downloads that can resume.
"""

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gancli.errors import FileError, UsageError

CLAIM = ".claim"  # the lock file in a folder; it is empty
OUT_HINT = "choose another place with --out"


def write_file(path: Path, data: bytes, *, durable: bool = False) -> None:
    """Write `data` to `path` atomically. Raises FileError if the file cannot be written.

    With `durable`, `path` holds either the old or the new data even after a power failure. This
    waits for the disk, which is too slow for thousands of small pictures.
    """
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(data)
        if durable:
            file.flush()
            os.fsync(file.fileno())


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder, and rename it to `path` at the end of the block.

    The block may write a file or a folder there. The temporary path has the suffix of `path`.
    Missing parent folders are created, and symbolic links are followed. If the block fails, the
    temporary file is deleted and `path` stays as it was. Raises FileError, naming `path`, if the
    system refuses to write: a folder is in the way, permission is denied, the disk is full.
    """
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{os.getpid()}-{secrets.token_hex(4)}.part{target.suffix}")
    try:
        _check_not_special(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(target)
    except OSError as error:
        if not _is_write_error(error, temporary):
            raise
        raise FileError(_cannot_write(path, error.strerror or str(error)), OUT_HINT) from error
    finally:
        _remove(temporary)


def check_writable(path: Path) -> None:
    """Raise FileError if a file cannot be written at `path`. Call it before any long work."""
    _check_not_special(path)
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise FileError(_cannot_write(path, "it is a folder"), hint=OUT_HINT)
    nearest = next(p for p in target.parents if p.exists())
    if not nearest.is_dir():
        raise FileError(_cannot_write(path, f"{nearest} is not a folder"), hint=OUT_HINT)
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise FileError(_cannot_write(path, f"the folder {nearest} is read-only"), hint=OUT_HINT)


def claim(folder: Path) -> None:
    """Create `folder` and lock it for this process until the process ends.

    Raises UsageError if another process holds the lock, and FileError if the folder cannot be
    created. On Windows, which has no `fcntl`, nothing is locked.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / CLAIM).exists() and not os.access(folder / CLAIM, os.W_OK):
            (folder / CLAIM).unlink()  # it belongs to another user
        file = os.open(folder / CLAIM, os.O_RDWR | os.O_CREAT, 0o666)  # closing it would unlock
    except OSError as error:
        raise FileError(_cannot_write(folder, error.strerror or str(error)), OUT_HINT) from error
    with suppress(ImportError):
        import fcntl

        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # child processes do not inherit it
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EAGAIN):
                raise UsageError(
                    f"Another gan process is using {folder}.",
                    hint="wait for it, or choose another folder with --out",
                ) from None


def _check_not_special(path: Path) -> None:
    """Raise FileError if `path` is a device, a pipe or a socket: a rename would destroy it."""
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise FileError(_cannot_write(path, "it is a device or a pipe"), hint=OUT_HINT)


def _is_write_error(error: OSError, temporary: Path) -> bool:
    """Tell whether `error` comes from writing `temporary`, not from reading another file."""
    if error.errno is None:
        return False
    return error.filename is None or Path(str(error.filename)) in (temporary, *temporary.parents)


def _cannot_write(path: Path, reason: str) -> str:
    return f"Cannot write {path}: {reason[0].lower()}{reason[1:]}."


def _remove(temporary: Path) -> None:
    """Delete what a failed block left behind, if anything."""
    if temporary.is_dir() and not temporary.is_symlink():
        shutil.rmtree(temporary, ignore_errors=True)
    else:
        with suppress(OSError):  # a parent that is a file, for example
            temporary.unlink(missing_ok=True)
