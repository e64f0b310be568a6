"""Files from several sources, tried in order until one holds the right contents.

Sources are folders, HTTPS mirrors, and a Debian package unpacked without root; each either serves a
file or says why not. Nothing takes its final name before it was verified.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from gancli.data import apt
from gancli.data.transfer import OutOfReach, download, writing
from gancli.data.verify import BLOCK, File, candidates, fault
from gancli.errors import DataError
from gancli.reporting import Progress, Say, silent


@dataclass(frozen=True, kw_only=True)
class Served:
    """What one source gave: verified files by name, and a reason for each that it did not give."""

    files: dict[str, Path]
    refused: tuple[str, ...] = ()


class Source(Protocol):
    """Somewhere files come from; `str()` is what the user calls it."""

    def serve(self, files: Sequence[File], into: Path, progress: Progress) -> Served:
        """Give as many of `files` as there are here, new ones written to the folder `into`."""


@dataclass(frozen=True)
class Folder:
    """Files that are on this machine; used where they lie."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    def serve(self, files: Sequence[File], into: Path, progress: Progress) -> Served:
        found: dict[str, Path] = {}
        refused = []
        for file, path in ((f, p) for f in files for p in candidates(f, (self.path,))):
            if reason := fault(path, file):
                refused.append(reason)
            else:
                found.setdefault(file.name, path)
        return Served(files=found, refused=tuple(refused))


@dataclass(frozen=True)
class Mirror:
    """A web folder: `url` plus "/" plus a file's name; or one file, at `url` as it stands."""

    url: str
    whole: bool = False

    def __str__(self) -> str:
        return urlsplit(self.url).netloc

    def serve(self, files: Sequence[File], into: Path, progress: Progress) -> Served:
        found, refused = {}, []
        for file in files:
            try:
                found[file.name] = self._get(file, into, progress)
            except DataError as error:
                refused.append(error.message)
                if isinstance(error, OutOfReach):
                    break
        return Served(files=found, refused=tuple(refused))

    def _get(self, file: File, into: Path, progress: Progress) -> Path:
        """Download, verify, rename. A resumed file may have begun at another mirror: then anew."""
        part = into / f"{file.name}.part"
        resumed = part.exists()
        # Compressed, a file is never noticeably larger than its contents.
        url = self.url if self.whole else f"{self.url}/{file.name}"
        download(url, part, progress, limit=file.size * 11 // 10 + BLOCK)
        if reason := fault(part, file):
            part.unlink()
            if not resumed:
                raise DataError(reason.replace(part.name, file.name))
            return self._get(file, into, progress)
        return _rename(part, into / file.name)


@dataclass(frozen=True)
class DebianPackage:
    """A package of the system's own, fetched and unpacked by apt, which needs no root for that."""

    package: str
    folder: str  # inside the package, without the leading slash

    def __str__(self) -> str:
        return f"the system's package {self.package}"

    def serve(self, files: Sequence[File], into: Path, progress: Progress) -> Served:
        with writing(into), tempfile.TemporaryDirectory(dir=into, prefix=".package-") as room:
            try:
                unpacked = apt.unpack(self.package, Path(room), progress) / self.folder
            except DataError as error:
                return Served(files={}, refused=(error.message,))
            served = Folder(unpacked).serve(files, into, progress)
            kept = {name: _rename(path, into / name) for name, path in served.files.items()}
        return Served(files=kept, refused=served.refused)


def fetch(
    title: str,
    files: Sequence[File],
    sources: Sequence[Source],
    into: Path,
    say: Say = silent,
    progress: Progress = silent,
) -> dict[str, Path]:
    """The verified path of each of `files`, by name; what is fetched is written to `into`.

    Raises DataError, listing everything that was tried, where a file is to be had from no source,
    and FileError where `into` cannot be written.
    """
    here = [source for source in sources if isinstance(source, Folder)]
    found, tried = _ask(title, files, here, into, say, progress)
    if missing := [f for f in files if f.name not in found]:
        with _alone(into, title, say) as waited:
            others = sources if waited else [s for s in sources if s not in here]
            more, reasons = _ask(title, missing, others, into, say, progress)
        found |= more
        tried += reasons
    if missing := [f for f in files if f.name not in found]:
        raise DataError(*_nowhere(title, missing, tried, into))
    return found


def _ask(
    title: str,
    files: Sequence[File],
    sources: Sequence[Source],
    into: Path,
    say: Say,
    progress: Progress,
) -> tuple[dict[str, Path], list[str]]:
    """What `sources` have of `files`, each asked for what those before it lack; and its reasons."""
    found: dict[str, Path] = {}
    tried: list[str] = []
    for source in sources:
        missing = [f for f in files if f.name not in found]
        if not missing:
            break
        served = source.serve(missing, into, progress)
        found |= served.files
        for reason in served.refused:
            say(f"{title}: {source}: {reason}.")
        if served.files:
            say(f"{title}: {_counted(served.files)} from {source}.")
        tried += [f"{source}: {reason}" for reason in served.refused or ("not there",)]
    return found, tried


def _rename(path: Path, target: Path) -> Path:
    with writing(target):
        path.replace(target)
    return target


@contextmanager
def _alone(folder: Path, title: str, say: Say) -> Iterator[bool]:
    """Let one process at a time fetch into `folder`; whether this one had to wait for another."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("wb")
    waited = False
    with lock:
        # Windows has no fcntl, and some file systems no locks: every file is verified all the same.
        with suppress(ImportError, OSError):
            import fcntl

            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waited = True
                say(f"{title}: waiting for another process that is fetching it.")
                fcntl.flock(lock, fcntl.LOCK_EX)
        yield waited


def _nowhere(
    title: str, missing: Sequence[File], tried: Sequence[str], into: Path
) -> tuple[str, str]:
    names = ", ".join(f.name for f in missing)
    listed = "".join(f"\n  {line}" for line in tried)
    return (
        f"No source serves {title} ({names}). Tried:{listed}",
        f"--dataset glyphs needs no network; or put the files into {into}.",
    )


def _counted(files: dict[str, Path]) -> str:
    return f"{len(files)} files" if len(files) > 1 else next(iter(files))
