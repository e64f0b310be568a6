"""Verify downloaded files by size and SHA-256, and say what is wrong with a bad one.

The hash is of the decompressed contents, because mirrors compress the same file differently.
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

BLOCK = 1 << 16  # bytes read at a time


@dataclass(frozen=True, kw_only=True)
class File:
    """An expected file. SHA-256 and size (in bytes) are of its decompressed contents."""

    name: str
    sha256: str
    size: int


def find(file: File, folders: Sequence[Path]) -> bytes | None:
    """Return the contents of the first valid copy of `file` in `folders`, or None."""
    for path in candidates(file, folders):
        with suppress(DataError):
            return contents(path, file)
    return None


def candidates(file: File, folders: Sequence[Path]) -> list[Path]:
    """Return the files in `folders` with the name of `file`, with or without `.gz`."""
    names = dict.fromkeys((file.name, file.name.removesuffix(".gz")))
    return [path for folder in folders for name in names if _is_file(path := folder / name)]


def contents(path: Path, file: File) -> bytes:
    """Return the decompressed bytes of `path`. Raises DataError if it is not `file`."""
    return b"".join(read_verified(path, file))


def read_verified(path: Path, file: File) -> Iterator[bytes]:
    """Yield the decompressed blocks of `path`. Raises DataError at the end if it is not `file`.

    Do not use the blocks before the iteration has ended.
    """
    total, length = hashlib.sha256(), 0
    for block in _blocks(path):
        length += len(block)
        if length > file.size:
            break
        total.update(block)
        yield block
    if length < file.size:
        raise DataError(f"{path.name} is truncated ({length:,} of {file.size:,} bytes)")
    if length > file.size or total.hexdigest() != file.sha256:
        raise DataError(f"{path.name} has the wrong contents (its SHA-256 does not match)")


def _blocks(path: Path) -> Iterator[bytes]:
    """Yield the contents of `path`, decompressed if it is gzip.

    Raises DataError for a web page, damaged gzip data or an unreadable file.
    """
    try:
        with path.open("rb") as source:
            block = source.read(BLOCK)
            if page := web_page_title(block):
                raise DataError(f"{path.name} is a web page ({page!r}), not the file")
            packed = block[:2] == b"\x1f\x8b"  # gzip's magic number
            rest = chain([block], iter(lambda: source.read(BLOCK), b""))
            yield from _gunzip(rest, path.name) if packed else rest
    except OSError as error:
        raise DataError(f"{path.name} cannot be read ({reason(error)})") from error


def problem_with(path: Path, file: File) -> str:
    """Return why `path` is not a valid copy of `file`, or "" if it is."""
    try:
        for _ in read_verified(path, file):
            pass
    except DataError as error:
        return error.message
    return ""


def web_page_title(data: bytes) -> str:
    """Return the title of `data` if it is an HTML or XML page, else "".

    Servers often send an error page (quota exceeded, access denied) instead of a file.
    """
    start = data[:2048].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not start.startswith((b"<!doctype html", b"<html", b"<head", b"<?xml", b"<!--")):
        return ""
    found = re.search(rb"<(?:title|code)[^>]*>(.*?)<", data[:65536], re.IGNORECASE | re.DOTALL)
    title = found.group(1).decode("utf-8", "replace") if found else ""
    return " ".join(html.unescape(title).split())[:80] or "no title"


def _gunzip(blocks: Iterable[bytes], name: str) -> Iterator[bytes]:
    """Decompress in pieces of at most BLOCK bytes, so that a gzip bomb cannot fill the memory."""
    stream = zlib.decompressobj(wbits=31)
    try:
        for block in blocks:
            while block and not stream.eof:
                yield stream.decompress(block, BLOCK)
                block = stream.unconsumed_tail
    except zlib.error as error:
        raise DataError(f"{name} is a damaged gzip file") from error


def _is_file(path: Path) -> bool:
    """Return whether `path` is a file that we may look at."""
    try:
        return path.is_file()
    except OSError:  # no permission to look into the folder
        return False


def reason(error: Exception) -> str:
    """Return the message of an exception without its errno, starting in lower case."""
    cause = error.reason if isinstance(error, URLError) else error
    text = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    return text[:1].lower() + text[1:]
