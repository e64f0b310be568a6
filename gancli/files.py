"""Atomic file writes: each file is written in a temporary folder, then renamed into place.

A crash, a full disk or Ctrl-C therefore leaves the old file intact. All writing goes through this
module. Files that are written in place (metrics.jsonl, downloads that can resume, locks) are opened
with `open_in_place`, which follows no symbolic link.
"""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, cast
from weakref import WeakSet, finalize

from gancli.errors import FileError, UsageError

CLAIM = ".claim"  # the lock file in a folder; it is empty
OUT_HINT = "choose another place with --out"
PART = ".gan-"  # the names of temporary folders start with this


def write_file(
    path: Path, data: bytes, *, durable: bool = False, follow_links: bool = False
) -> None:
    """Write `data` to `path` atomically. Raises FileError if the file cannot be written.

    With `durable`, `path` holds either the old or the new data even after a power failure. This
    waits for the disk, which is too slow for thousands of small pictures. `follow_links` is that of
    `replacing`.
    """
    with replacing(path, follow_links=follow_links) as temporary, temporary.open("wb") as file:
        file.write(data)
        if durable:
            file.flush()
            os.fsync(file.fileno())


@contextmanager
def replacing(path: Path, *, follow_links: bool = False) -> Iterator[Path]:
    """Yield a temporary path, and rename it to `path` at the end of the block.

    The block may write a file or a folder there. The temporary path has the name of `path`, in a
    folder beside it. Missing parent folders are created. If the block fails, the temporary file is
    deleted and `path` stays as it was. If `path` is a symbolic link, the link is replaced, unless
    `follow_links`, which is for paths that the user has typed: elsewhere anyone with access to the
    folder could have put the link there. Raises FileError, naming `path`, if the system refuses to
    write: a folder is in the way, permission is denied, the disk is full.
    """
    target = Path(os.path.realpath(path)) if follow_links else path
    try:
        _check_not_special(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        with temporary_folder(target.parent) as beside:
            yield beside / target.name
            (beside / target.name).replace(target)
    except OSError as error:
        if not _is_write_error(error, target):
            raise
        raise FileError(_cannot_write(path, error.strerror or str(error)), OUT_HINT) from error


@contextmanager
def temporary_folder(parent: Path) -> Iterator[Path]:
    """Create a folder in `parent` that only this user can enter; delete it after the block.

    If the process is killed, the next one that creates a folder in `parent` deletes it.
    """
    _remove_leftovers(parent)
    folder, file = _new_locked_folder(parent)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if file is not None:
            os.close(file)


def open_in_place(path: Path, mode: str) -> BinaryIO:
    """Open `path` with a binary `mode` of `open`, and create it if it is missing.

    Raises OSError if `path` is a symbolic link, which could lead to a file outside of the folder.
    """
    return cast(BinaryIO, open(path, mode, opener=_open_without_links))


def lock(file: int, *, wait: bool = False) -> bool | None:
    """Lock an open file or folder until it is closed, against other processes and this one.

    Returns False if it is locked elsewhere and this call does not `wait`, and None if the system
    cannot lock: Windows, some network file systems.
    """
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except (ImportError, OSError):
        return None
    return True


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


class Claim:
    """The lock of this process on a folder, which is created. Where nothing can be locked, no lock.

    It lasts until `release`, or until this object is garbage. Raises UsageError if another process
    or another Claim holds the lock, and FileError if the folder cannot be created.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / CLAIM
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if self._path.exists() and not os.access(self._path, os.W_OK):
                self._path.unlink()  # it belongs to another user
            self._file = _open_without_links(self._path, os.O_RDWR)
        except OSError as error:
            raise FileError(
                _cannot_write(folder, error.strerror or str(error)), OUT_HINT
            ) from error
        self.release = finalize(self, os.close, self._file)
        if lock(self._file) is False:
            self.release()
            raise UsageError(
                f"Another training is using {folder}.",
                hint="wait for it, or choose another folder with --out",
            )
        _claims.add(self)

    def is_in_place(self) -> bool:
        """Whether the folder is still where it was: neither deleted nor moved."""
        try:
            return os.path.samestat(os.fstat(self._file), self._path.stat())
        except OSError:
            return False


_claims: "WeakSet[Claim]" = WeakSet()


def _release_in_child() -> None:
    """Close the copies of the locks that a forked process has, so that it does not hold them."""
    for claim in list(_claims):
        claim.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_release_in_child)


def _check_not_special(path: Path) -> None:
    """Raise FileError if `path` is a device, a pipe or a socket: a rename would destroy it."""
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise FileError(_cannot_write(path, "it is a device or a pipe"), hint=OUT_HINT)


def _is_write_error(error: OSError, target: Path) -> bool:
    """Tell whether `error` comes from writing `target`, not from reading another file."""
    if error.errno is None:
        return False
    if error.filename is None:
        return True
    found = Path(str(error.filename))
    return found in target.parents or any(part.startswith(PART) for part in found.parts)


def _cannot_write(path: Path, reason: str) -> str:
    return f"Cannot write {path}: {reason[0].lower()}{reason[1:]}."


def _open_without_links(path: str | Path, flags: int) -> int:
    no_links = getattr(os, "O_NOFOLLOW", 0)  # Windows has none, and no links without admin rights
    try:
        return os.open(path, flags | os.O_CREAT | no_links, 0o666)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, "It is a symbolic link", str(path)) from error
        raise


def _new_locked_folder(parent: Path) -> tuple[Path, int | None]:
    """Create a temporary folder, locked as long as the returned file is open."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PART, suffix=".part", dir=parent))
        file = _open_folder(folder)
        if file is not None:
            lock(file, wait=True)
        if folder.exists():
            return folder, file
        if file is not None:  # another process took the folder for a leftover before it was locked
            os.close(file)


def _open_folder(folder: Path) -> int | None:
    """Open a folder, to lock it; None if the system cannot."""
    try:
        return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except (OSError, AttributeError):  # Windows opens no folders
        return None


@lru_cache(maxsize=1000)  # once per folder is enough, and listing a large one takes milliseconds
def _remove_leftovers(parent: Path) -> None:
    """Delete the temporary folders of killed processes: those that no process has locked."""
    for folder in parent.glob(f"{PART}*.part"):
        file = _open_folder(folder)
        if file is None:
            continue
        if lock(file):
            shutil.rmtree(folder, ignore_errors=True)
        os.close(file)
