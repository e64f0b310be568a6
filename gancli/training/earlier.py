"""The earlier run in a folder, which a run with --fresh replaces at its first checkpoint.

Until then nothing of it is touched. Then its files move to .earlier/ and are deleted once the
checkpoint of the new run is complete. A crash at any moment therefore leaves one complete run, and
`recover` puts it back into its place when training starts there again:

runs/dcgan-fashion-mnist/
  .earlier.part/   some files of the earlier run, which were being moved there or back
  .earlier/        all files of the earlier run; those of the new run are beside it
  .fresh           empty; a new run has started and has no checkpoint yet
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gancli.errors import FileError
from gancli.files import write_file
from gancli.reporting import Say
from gancli.training.folder import RunFolder


@contextmanager
def replaced_by(folder: RunFolder, plan: dict[str, Any]) -> Iterator[None]:
    """Around a block that writes the first checkpoint of a run, which has this plan.

    Raises FileError if the files of the earlier run cannot be moved.
    """
    try:
        _move_out(folder)
    except OSError as error:
        raise FileError(
            f"Could not move the earlier run in {folder} aside: {error.strerror}.",
            hint="--out with another folder",
        ) from None
    folder.write_plan(plan)
    yield
    _forget(folder)


def announce(folder: RunFolder) -> None:
    """Note that a new run has started here, for a restart of its process to start it again."""
    write_file(_mark(folder), b"")


def is_announced(folder: RunFolder) -> bool:
    """Whether a new run has started here that has no checkpoint yet."""
    return _mark(folder).exists()


def forget_announced(folder: RunFolder) -> None:
    """Remove what an interrupted new run has left beside the earlier run."""
    _mark(folder).unlink(missing_ok=True)
    folder.fresh_samples.unlink(missing_ok=True)


def recover(folder: RunFolder, say: Say) -> None:
    """Complete or undo the replacement of an earlier run, if a crash has interrupted it.

    Raises UsageError if another process is training in the folder.
    """
    if not (_is_folder(folder.earlier) or _is_folder(folder.earlier_part)):
        return
    folder.claim()
    try:
        if _is_folder(folder.earlier):
            if folder.training.exists():  # complete: files are renamed into place when written
                _forget(folder)
                return
            folder.clear()
            folder.earlier.rename(folder.earlier_part)
        _move_back(folder)
        say(f"--fresh was interrupted before its first checkpoint: restored the run in {folder}.")
    finally:
        folder.release()


def _move_out(folder: RunFolder) -> None:
    for file in folder.own_files():
        if file.exists() and file != folder.fresh_samples:
            _move(file, folder.earlier_part / file.relative_to(folder.path))
    if folder.earlier_part.exists():
        folder.earlier_part.rename(folder.earlier)


def _move_back(folder: RunFolder) -> None:
    aside = RunFolder(folder.earlier_part)
    for file in aside.own_files():
        if file.exists():
            _move(file, folder.path / file.relative_to(aside.path))
    shutil.rmtree(aside.path)


def _move(file: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    file.replace(to)


def _forget(folder: RunFolder) -> None:
    forget_announced(folder)
    shutil.rmtree(folder.earlier, ignore_errors=True)


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _mark(folder: RunFolder) -> Path:
    return folder.path / ".fresh"
