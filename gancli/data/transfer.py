"""One URL to one file: resumed where it broke off, and given up where it comes too slowly."""

import queue
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import BinaryIO
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from gancli import __version__
from gancli.data.verify import BLOCK, reason, title_of_page
from gancli.errors import DataError, FileError
from gancli.reporting import Progress, silent

ANSWER_SECONDS = 5.0  # a mirror that has not answered by then is passed over
STALL_SECONDS = 10.0  # one that brings less than STALL_BYTES in that time, too
STALL_BYTES = 10_000


class OutOfReach(DataError):
    """A source that does not answer, or breaks off: no use in asking it for another file.

    What there is of a download stays as `.part` and is resumed, here or from another mirror.
    """


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
        with writing(part), part.open("r+b" if offset else "wb") as out:
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
        raise OutOfReach(f"the transfer broke off ({reason(error)})") from error


def _answer(url: str, offset: int) -> HTTPResponse | None:
    """The response to a request for `url` from byte `offset` on; None where nothing is left."""
    headers = {"User-Agent": f"gancli/{__version__}"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
    answer = _asked(Request(url, headers=headers))
    if isinstance(answer, HTTPResponse):
        return answer
    if isinstance(answer, HTTPError):
        answer.close()
        if answer.code == 416 and offset:  # what was resumed is as long as the file, or longer
            return None
        raise DataError(f"the server answers {answer.code} {answer.reason}") from answer
    raise OutOfReach(f"not reachable ({reason(answer)})") from answer


def _asked(request: Request) -> HTTPResponse | Exception:
    """What comes of a request. Raises OutOfReach where nothing does within ANSWER_SECONDS.

    A thread asks, and is left alone then: neither looking up a name nor trying one address after
    another is bounded by a socket's timeout.
    """
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

    threading.Thread(target=ask, daemon=True, name=f"ask {request.full_url}").start()
    try:
        return answers.get(timeout=ANSWER_SECONDS)
    except queue.Empty:
        late.set()
        raise OutOfReach(f"no answer within {ANSWER_SECONDS:g} seconds") from None


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Say in one sentence why `path` cannot be written, and how to choose another place."""
    hint = "Choose another folder with --data-dir, or make room there."
    try:
        yield
    except OSError as error:
        raise FileError(f"Cannot write {path}: {reason(error)}.", hint=hint) from error
    except FileError as error:
        raise FileError(error.message, hint=hint) from error
