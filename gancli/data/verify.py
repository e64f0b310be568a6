"""Whether a file holds what it should: the SHA-256 of its contents, and why it does not.

Contents are hashed decompressed, since mirrors compress anew.
"""

import hashlib
import html
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from urllib.error import URLError

from gancli.errors import DataError

BLOCK = 1 << 16


@dataclass(frozen=True, kw_only=True)
class File:
    """A file to have: its `name`, and the SHA-256 and bytes of its decompressed contents."""

    name: str
    sha256: str
    size: int


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
        raise DataError(f"{path.name} cannot be read ({reason(error)})") from error


def fault(path: Path, file: File) -> str:
    """Why `path` is not `file`, or nothing where it is."""
    try:
        for _ in verified(path, file):
            pass
    except DataError as error:
        return error.message
    return ""


def title_of_page(data: bytes) -> str:
    """The title of a web page that came instead of a file, or `` where `data` is no page."""
    start = data[:2048].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not start.startswith((b"<!doctype html", b"<html", b"<head", b"<?xml", b"<!--")):
        return ""
    found = re.search(rb"<(?:title|code)[^>]*>(.*?)<", data[:65536], re.IGNORECASE | re.DOTALL)
    title = found.group(1).decode("utf-8", "replace") if found else ""
    return " ".join(html.unescape(title).split())[:80] or "no title"


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


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a folder that may not be looked into
        return False


def reason(error: Exception) -> str:
    """What an exception says, without its number."""
    cause = error.reason if isinstance(error, URLError) else error
    text = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    return text[:1].lower() + text[1:]
