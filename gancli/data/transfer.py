"""Download one URL to one file: resume a partial download, and give up on a slow server."""

import queue
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any, BinaryIO
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from gancli import __version__
from gancli.data.verify import BLOCK, reason, web_page_title
from gancli.errors import DataError, FileError
from gancli.files import open_in_place
from gancli.reporting import Progress, silent

RESPONSE_SECONDS = 5.0  # give up on a server that does not respond within this time
STALL_SECONDS = 10.0  # and on one that sends fewer than STALL_BYTES in this time
STALL_BYTES = 10_000


class SourceUnavailable(DataError):
    """A source is unreachable, too slow or broke the connection. Ask it for no more files.

    The partial download stays as `.part`. It is resumed later, from this source or another mirror.
    """


def download(url: str, part: Path, progress: Progress = silent, limit: int | None = None) -> None:
    """Download `url` to the file `part`. If `part` exists, resume it with an HTTP range request.

    Raises SourceUnavailable if the server is unreachable, too slow or breaks the connection,
    DataError if it sends an error, a web page or more than `limit` bytes, and FileError if `part`
    cannot be written.
    """
    offset = part.stat().st_size if part.exists() else 0
    response = _open_url(url, offset)
    if response is None:
        return
    with response:
        block = _read(response)
        if page := web_page_title(block):
            raise DataError(f"the server sent a web page ({page!r}) instead of the file")
        offset = offset if response.status == 206 else 0  # 200: the server ignored the range
        length = response.headers.get("Content-Length", "")
        total = offset + int(length) if length.isdigit() else None
        state = DownloadState(part.name.removesuffix(".part"), offset, total, limit)
        with explain_write_errors(part), open_in_place(part, "r+b") as out:
            out.truncate(offset)
            out.seek(offset)
            _copy(response, block, out, state, progress)


@dataclass
class DownloadState:
    """The progress of one download, in bytes."""

    name: str
    done: int
    total: int | None  # None if the server did not send a length
    limit: int | None  # more than this is an error


def _copy(
    response: HTTPResponse, block: bytes, out: BinaryIO, state: DownloadState, progress: Progress
) -> None:
    """Write `block`, the first of the response, and all that follow."""
    mark, marked = time.monotonic(), state.done
    while block:
        out.write(block)
        state.done += len(block)
        progress(state.name, state.done, state.total)
        if state.limit and state.done > state.limit:
            out.truncate(0)
            raise DataError(f"{state.name} is larger than expected")
        if time.monotonic() - mark > STALL_SECONDS:
            if state.done - marked < STALL_BYTES:
                raise SourceUnavailable(f"the download of {state.name} is too slow")
            mark, marked = time.monotonic(), state.done
        block = _read(response)
    if state.total is not None and state.done < state.total:
        raise SourceUnavailable(
            f"the download of {state.name} stopped after {state.done:,} of {state.total:,} bytes"
        )


def _read(response: HTTPResponse) -> bytes:
    """Read the next block, b"" at the end. Raises SourceUnavailable if the connection fails."""
    try:
        return response.read1(BLOCK)
    except TimeoutError as error:
        raise SourceUnavailable("the download stalled") from error
    except (OSError, HTTPException) as error:
        raise SourceUnavailable(f"the connection was lost ({reason(error)})") from error


def _open_url(url: str, offset: int) -> HTTPResponse | None:
    """Request `url` from byte `offset` on. Returns None if `offset` is at or past the end."""
    headers = {"User-Agent": f"gancli/{__version__}"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
    result = _request(Request(url, headers=headers))
    if isinstance(result, HTTPResponse):
        return result
    if isinstance(result, HTTPError):
        result.close()
        if result.code == 416 and offset:  # range not satisfiable: `part` has all bytes, or more
            return None
        raise DataError(f"the server responded {result.code} {result.reason}") from result
    raise SourceUnavailable(f"could not connect ({reason(result)})") from result


def _request(request: Request) -> HTTPResponse | Exception:
    """Send a request, which stays on https; return the response or the exception it raised.

    Raises SourceUnavailable if neither comes within RESPONSE_SECONDS. The request runs in a thread
    that we can abandon, because a socket timeout does not cover DNS lookups and starts again for
    each address that is tried.
    """
    results: queue.SimpleQueue[HTTPResponse | Exception] = queue.SimpleQueue()
    late = threading.Event()

    def send() -> None:
        try:
            response = build_opener(_StayEncrypted).open(request, timeout=STALL_SECONDS)
            results.put(response)
            if late.is_set():  # no one waits for the response any more
                response.close()
        except Exception as error:
            results.put(error)

    threading.Thread(target=send, daemon=True, name=f"request {request.full_url}").start()
    try:
        return results.get(timeout=RESPONSE_SECONDS)
    except queue.Empty:
        late.set()
        raise SourceUnavailable(f"no response within {RESPONSE_SECONDS:g} seconds") from None


class _StayEncrypted(HTTPRedirectHandler):
    """Refuse to be redirected from https to anything else, which others could read and change."""

    def redirect_request(
        self, req: Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> Request | None:
        if req.type == "https" and urlsplit(newurl).scheme != "https":
            raise HTTPError(newurl, code, "with an address that is not https", headers, fp)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


@contextmanager
def explain_write_errors(path: Path) -> Iterator[None]:
    """Turn errors from writing `path` into a FileError whose hint offers another folder."""
    hint = "choose another folder with --data-dir, or free some space"
    try:
        yield
    except OSError as error:
        raise FileError(f"Cannot write {path}: {reason(error)}.", hint=hint) from error
    except FileError as error:
        raise FileError(error.message, hint=hint) from error
