"""Files from several sources, tried in order until one holds the right contents.

A file is known by the SHA-256 of its decompressed contents, since mirrors compress anew. Sources
are folders, HTTPS mirrors, and a Debian package unpacked without root; each either serves a file or
says why not. Nothing takes its final name before it was verified.
"""

import hashlib
import html
import queue
import re
import tempfile
import threading
import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from gancli import __version__
from gancli.data import apt
from gancli.errors import DataError, FileError
from gancli.reporting import Progress, Say, silent

ANSWER_SECONDS = 5.0  # a mirror that has not answered by then is passed over
STALL_SECONDS = 10.0  # one that brings less than STALL_BYTES in that time, too
STALL_BYTES = 10_000
BLOCK = 1 << 16


@dataclass(frozen=True, kw_only=True)
class File:
    """A file to have: its `name`, and the SHA-256 and bytes of its decompressed contents."""

    name: str
    sha256: str
    size: int


@dataclass(frozen=True, kw_only=True)
class Served:
    """What one source gave: verified files by name, and a reason for each that it did not give."""

    files: dict[str, Path]
    refused: tuple[str, ...] = ()


class OutOfReach(DataError):
    """A source that does not answer, or breaks off: no use in asking it for another file.

    What there is of a download stays as `.part` and is resumed, here or from another mirror.
    """


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
            if reason := _fault(path, file):
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
            got = self._try(file, into, progress)
            if isinstance(got, Path):
                found[file.name] = got
                continue
            refused.append(got.message)
            if isinstance(got, OutOfReach):
                break
        return Served(files=found, refused=tuple(refused))

    def _try(self, file: File, into: Path, progress: Progress) -> Path | DataError:
        try:
            return self._get(file, into, progress)
        except DataError as error:
            return error

    def _get(self, file: File, into: Path, progress: Progress) -> Path:
        """Download, verify, rename. A resumed file may have begun at another mirror: then anew."""
        part = into / f"{file.name}.part"
        resumed = part.exists()
        # Compressed, a file is never noticeably larger than its contents.
        url = self.url if self.whole else f"{self.url}/{file.name}"
        download(url, part, progress, limit=file.size * 11 // 10 + BLOCK)
        if reason := _fault(part, file):
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
        with _writing(into), tempfile.TemporaryDirectory(dir=into, prefix=".package-") as room:
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


def find(file: File, folders: Sequence[Path]) -> bytes | None:
    """The contents of `file` from the first copy in `folders` that verifies, or None."""
    for path in candidates(file, folders):
        with suppress(DataError):
            return contents(path, file)
    return None


def candidates(file: File, folders: Sequence[Path]) -> list[Path]:
    """The files in `folders` that may be `file`: under its name, or that name without `.gz`."""
    names = dict.fromkeys((file.name, file.name.removesuffix(".gz")))
    return [path for folder in folders for name in names if _is_file(path := folder / name)]


def contents(path: Path, file: File) -> bytes:
    """The decompressed bytes of `path`, gzip or plain. DataError says why it is not `file`."""
    return b"".join(verified(path, file))


def verified(path: Path, file: File) -> Iterator[bytes]:
    """The same block by block: that it is `file` is known when the last one has come."""
    total, length = hashlib.sha256(), 0
    for block in _blocks(path):
        length += len(block)
        if length > file.size:
            break
        total.update(block)
        yield block
    if length < file.size:
        raise DataError(f"{path.name} is cut short ({length:,} of {file.size:,} bytes)")
    if length > file.size or total.hexdigest() != file.sha256:
        raise DataError(f"{path.name} does not hold what it should")


def _blocks(path: Path) -> Iterator[bytes]:
    """What `path` holds, decompressed where it is gzip. DataError for a page or a damaged file."""
    try:
        with path.open("rb") as source:
            block = source.read(BLOCK)
            if page := title_of_page(block):
                raise DataError(f"{path.name} is a web page ({page!r}), not the file")
            packed = block[:2] == b"\x1f\x8b"
            rest = chain([block], iter(lambda: source.read(BLOCK), b""))
            yield from _gunzip(rest, path.name) if packed else rest
    except OSError as error:
        raise DataError(f"{path.name} cannot be read ({_reason(error)})") from error


def title_of_page(data: bytes) -> str:
    """The title of a web page that came instead of a file, or `` where `data` is no page."""
    start = data[:2048].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not start.startswith((b"<!doctype html", b"<html", b"<head", b"<?xml", b"<!--")):
        return ""
    found = re.search(rb"<(?:title|code)[^>]*>(.*?)<", data[:65536], re.IGNORECASE | re.DOTALL)
    title = found.group(1).decode("utf-8", "replace") if found else ""
    return " ".join(html.unescape(title).split())[:80] or "no title"


def download(url: str, part: Path, progress: Progress = silent, limit: int | None = None) -> None:
    """Complete the file `part` from `url`, resuming what is there by an HTTP range.

    Raises OutOfReach (nobody there, too slow, cut off), DataError (an answer that is no file, or
    one of more than `limit` bytes), and FileError where `part` cannot be written.
    """
    offset = part.stat().st_size if part.exists() else 0
    response = _answer(url, offset)
    if response is None:
        return
    with response:
        block = _read(response)
        if page := title_of_page(block):
            raise DataError(f"a web page came ({page!r}) instead of the file")
        offset = offset if response.status == 206 else 0
        length = response.headers.get("Content-Length", "")
        total = offset + int(length) if length.isdigit() else None
        amount = Amount(part.name.removesuffix(".part"), offset, total, limit)
        with _writing(part), part.open("r+b" if offset else "wb") as out:
            out.seek(offset)
            _copy(response, block, out, amount, progress)


@dataclass
class Amount:
    """How much of a download is there (`done`), of how much, and how much would be too much."""

    name: str
    done: int
    total: int | None
    limit: int | None


def _copy(
    response: HTTPResponse, block: bytes, out: BinaryIO, amount: Amount, progress: Progress
) -> None:
    """Write `block` and all that follows it."""
    mark, marked = time.monotonic(), amount.done
    while block:
        out.write(block)
        amount.done += len(block)
        progress(amount.name, amount.done, amount.total)
        if amount.limit and amount.done > amount.limit:
            out.truncate(0)
            raise DataError(f"{amount.name} is longer than it should be")
        if time.monotonic() - mark > STALL_SECONDS:
            if amount.done - marked < STALL_BYTES:
                raise OutOfReach(f"{amount.name} came too slowly")
            mark, marked = time.monotonic(), amount.done
        block = _read(response)
    if amount.total is not None and amount.done < amount.total:
        raise OutOfReach(f"{amount.name} broke off after {amount.done:,} of {amount.total:,} bytes")


def _read(response: HTTPResponse) -> bytes:
    try:
        return response.read1(BLOCK)
    except TimeoutError as error:
        raise OutOfReach("the transfer stalled") from error
    except (OSError, HTTPException) as error:
        raise OutOfReach(f"the transfer broke off ({_reason(error)})") from error


def _answer(url: str, offset: int) -> HTTPResponse | None:
    """The response to a request for `url` from byte `offset` on; None: there is nothing after it.

    A thread asks, since neither looking up a name nor trying one address after another is bounded
    by a socket's timeout; after ANSWER_SECONDS it is left alone.
    """
    headers = {"User-Agent": f"gancli/{__version__}"} | (
        {"Range": f"bytes={offset}-"} if offset else {}
    )
    request = Request(url, headers=headers)
    answers: queue.SimpleQueue[HTTPResponse | Exception] = queue.SimpleQueue()
    late = threading.Event()

    def ask() -> None:
        try:
            response = urlopen(request, timeout=STALL_SECONDS)
            answers.put(response)
            if late.is_set():
                response.close()
        except Exception as error:
            answers.put(error)

    threading.Thread(target=ask, daemon=True, name=f"ask {url}").start()
    try:
        answer = answers.get(timeout=ANSWER_SECONDS)
    except queue.Empty:
        late.set()
        raise OutOfReach(f"no answer within {ANSWER_SECONDS:g} seconds") from None
    if isinstance(answer, HTTPResponse):
        return answer
    if isinstance(answer, HTTPError):
        answer.close()
        if answer.code == 416 and offset:  # what was resumed is as long as the file, or longer
            return None
        raise DataError(f"the server answers {answer.code} {answer.reason}") from answer
    raise OutOfReach(f"not reachable ({_reason(answer)})") from answer


def _fault(path: Path, file: File) -> str:
    """Why `path` is not `file`, or nothing where it is."""
    try:
        for _ in verified(path, file):
            pass
    except DataError as error:
        return error.message
    return ""


def _gunzip(blocks: Iterable[bytes], name: str) -> Iterator[bytes]:
    """Decompressed in small pieces, so that no file can fill the memory."""
    stream = zlib.decompressobj(wbits=31)
    try:
        for block in blocks:
            while block and not stream.eof:
                yield stream.decompress(block, BLOCK)
                block = stream.unconsumed_tail
    except zlib.error as error:
        raise DataError(f"{name} is a damaged gzip file") from error


def _rename(path: Path, target: Path) -> Path:
    with _writing(target):
        path.replace(target)
    return target


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Say in one sentence why `path` cannot be written."""
    try:
        yield
    except OSError as error:
        raise FileError(
            f"Cannot write {path}: {_reason(error)}.",
            hint="Choose another folder with --data-dir, or make room there.",
        ) from error


@contextmanager
def _alone(folder: Path, title: str, say: Say) -> Iterator[bool]:
    """Let one process at a time fetch into `folder`; whether this one had to wait for another."""
    with _writing(folder):
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


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a folder that may not be looked into
        return False


def _reason(error: Exception) -> str:
    """What an exception says, without its number."""
    cause = error.reason if isinstance(error, URLError) else error
    text = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    return text[:1].lower() + text[1:]
