"""Fetch files from several sources, tried in order until one has a valid copy of each file.

A source is a local folder, an HTTPS mirror or a Debian package. It either serves a file or gives a
reason why not. A file gets its final name only after its SHA-256 was verified.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from gancli.data import apt
from gancli.data.transfer import SourceUnavailable, download, explain_write_errors
from gancli.data.verify import BLOCK, File, candidates, problem_with
from gancli.errors import DataError
from gancli.files import lock, open_in_place, temporary_folder
from gancli.reporting import Progress, Say, silent


@dataclass(frozen=True, kw_only=True)
class SourceResult:
    """What one source returned: verified files by name, and the reasons why others failed."""

    files: dict[str, Path]
    failures: tuple[str, ...] = ()


class Source(Protocol):
    """A place to get files from. Its `str()` is shown to the user."""

    def serve(self, files: Sequence[File], into: Path, progress: Progress) -> SourceResult:
        """Get as many of `files` as possible; downloads are written to the folder `into`."""


@dataclass(frozen=True)
class Folder:
    """A folder on this machine. Its files are used in place, not copied."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    def serve(self, files: Sequence[File], into: Path, progress: Progress) -> SourceResult:
        """Return the files of this folder that are valid."""
        found: dict[str, Path] = {}
        failures = []
        for file, path in ((f, p) for f in files for p in candidates(f, (self.path,))):
            if reason := problem_with(path, file):
                failures.append(reason)
            else:
                found.setdefault(file.name, path)
        return SourceResult(files=found, failures=tuple(failures))


@dataclass(frozen=True)
class Mirror:
    """A web server. A file is at `url`/NAME or, with `single_file`, at `url` itself."""

    url: str
    single_file: bool = False

    def __str__(self) -> str:
        return urlsplit(self.url).netloc

    def serve(self, files: Sequence[File], into: Path, progress: Progress) -> SourceResult:
        """Download the files one by one; stop if the server is unreachable."""
        found, failures = {}, []
        for file in files:
            try:
                found[file.name] = self._get(file, into, progress)
            except DataError as error:
                failures.append(error.message)
                if isinstance(error, SourceUnavailable):
                    break
        return SourceResult(files=found, failures=tuple(failures))

    def _get(self, file: File, into: Path, progress: Progress) -> Path:
        """Download, verify and rename one file. Raises DataError if it is not valid.

        A `.part` file may be from a mirror that compresses differently. If the resumed file is
        invalid, it is deleted and downloaded once more from the start.
        """
        part = into / f"{file.name}.part"
        resumed = part.exists()
        # A compressed file is never more than 10 % larger than its contents.
        url = self.url if self.single_file else f"{self.url}/{file.name}"
        download(url, part, progress, limit=file.size * 11 // 10 + BLOCK)
        if reason := problem_with(part, file):
            part.unlink()
            if not resumed:
                raise DataError(reason.replace(part.name, file.name))
            return self._get(file, into, progress)
        return _rename(part, into / file.name)


@dataclass(frozen=True)
class DebianPackage:
    """A Debian package, downloaded and unpacked by the system's apt. This needs no root."""

    package: str
    folder: str  # inside the package, without the leading slash

    def __str__(self) -> str:
        return f"Debian package {self.package}"

    def serve(self, files: Sequence[File], into: Path, progress: Progress) -> SourceResult:
        """Unpack the package into a temporary folder and move the valid files to `into`."""
        with explain_write_errors(into), temporary_folder(into) as workdir:
            try:
                unpacked = apt.unpack(self.package, workdir, progress) / self.folder
            except DataError as error:
                return SourceResult(files={}, failures=(error.message,))
            served = Folder(unpacked).serve(files, into, progress)
            kept = {name: _rename(path, into / name) for name, path in served.files.items()}
        return SourceResult(files=kept, failures=served.failures)


def fetch(
    title: str,
    files: Sequence[File],
    sources: Sequence[Source],
    into: Path,
    say: Say = silent,
    progress: Progress = silent,
) -> dict[str, Path]:
    """Return the path of a verified copy of each of `files`, by name. Downloads go to `into`.

    Local folders are tried first, without a lock. Raises DataError, listing all sources that were
    tried, if no source has a valid copy of some file, and FileError if `into` cannot be written.
    """
    here = [source for source in sources if isinstance(source, Folder)]
    found, tried = _try_sources(title, files, here, into, say, progress)
    if missing := [f for f in files if f.name not in found]:
        with _download_lock(into, title, say) as waited:
            # The process we waited for may have put the files into a folder: try those again.
            others = sources if waited else [s for s in sources if s not in here]
            more, reasons = _try_sources(title, missing, others, into, say, progress)
        found |= more
        tried += reasons
    if missing := [f for f in files if f.name not in found]:
        raise DataError(*_failure(title, missing, tried, into))
    return found


def _try_sources(
    title: str,
    files: Sequence[File],
    sources: Sequence[Source],
    into: Path,
    say: Say,
    progress: Progress,
) -> tuple[dict[str, Path], list[str]]:
    """Ask each source for the files still missing. Returns the files, and one line per failure."""
    found: dict[str, Path] = {}
    tried: list[str] = []
    for source in sources:
        missing = [f for f in files if f.name not in found]
        if not missing:
            break
        served = source.serve(missing, into, progress)
        found |= served.files
        for reason in served.failures:
            say(f"{title}: {source}: {reason}.")
        if served.files:
            say(f"{title}: {_files_text(served.files)} from {source}.")
        tried += [f"{source}: {reason}" for reason in served.failures or ("not found",)]
    return found, tried


def _rename(path: Path, target: Path) -> Path:
    """Move `path` to `target` and return that. Raises FileError if it cannot be written."""
    with explain_write_errors(target):
        path.replace(target)
    return target


@contextmanager
def _download_lock(folder: Path, title: str, say: Say) -> Iterator[bool]:
    """Create `folder` and lock it, so that one process at a time downloads into it.

    Yields whether this process had to wait for another one.
    """
    with explain_write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with explain_write_errors(folder / ".lock"):
        opened = open_in_place(folder / ".lock", "r+b")
    with opened as file:
        # Where nothing can be locked we go on without a lock: every file is verified anyway.
        waited = lock(file.fileno()) is False
        if waited:
            say(f"{title}: waiting for another process that is downloading it.")
            lock(file.fileno(), wait=True)
        yield waited


def _failure(
    title: str, missing: Sequence[File], tried: Sequence[str], into: Path
) -> tuple[str, str]:
    """Return the message and the hint for files that no source has."""
    names = ", ".join(f.name for f in missing)
    listed = "".join(f"\n  {line}" for line in tried)
    return (
        f"Could not download {title} ({names}): no source is reachable or has valid files. "
        f"Tried:{listed}",
        f"put the files into {into}, or use --dataset glyphs, which needs no download",
    )


def _files_text(files: dict[str, Path]) -> str:
    """Return the name of the only file, or the number of files."""
    return f"{len(files)} files" if len(files) > 1 else next(iter(files))
