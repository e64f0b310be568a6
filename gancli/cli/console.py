"""Everything that is printed: messages and progress bars on stderr, results on stdout.

Progress bars and pictures are drawn only in a terminal. rich is imported inside functions, so that
`gan --help` does not wait for it.
"""

import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

LONGEST = 900  # characters of a line in a message


@cache
def _stderr() -> "Console":
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)


# Control characters except the newline, characters that change the direction of text, surrogates.
CONTROL = re.compile("[\0-\t\v-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

_muted = False


def mute() -> None:
    """Print nothing but failures from now on; in distributed training, only rank 0 prints."""
    global _muted
    _muted = True


def say(line: str) -> None:
    """Print a message on stderr."""
    if not _muted:
        _print(line)


def _print(text: str, style: str | None = None) -> None:
    """Print on stderr. Work goes on if that fails: the disk of a log file may be full."""
    try:
        shown = "\n".join(map(_shortened, _without_control(text).split("\n")))
        console = _stderr()
        # A terminal would break a line in the middle of a word. Commands are left to it, so that
        # they can be copied as one line.
        wrapped = console.is_terminal and "Next: " not in shown
        console.print(
            shown, style=style, markup=False, soft_wrap=not wrapped, overflow="ignore", crop=False
        )
    except BrokenPipeError:  # the reader has ended, as in `2>&1 | head`: end, too
        raise
    except OSError:
        pass


def _shortened(line: str) -> str:
    """Cut the middle out of a line that would flood the terminal: a name of 100,000 letters."""
    return line if len(line) <= LONGEST else f"{line[: LONGEST // 2]} ... {line[-LONGEST // 3 :]}"


def _without_control(text: str) -> str:
    """Replace control characters: names in a downloaded file could carry escape sequences."""
    return CONTROL.sub("\ufffd", text)


def result(line: str) -> None:
    """Print a line of the command's result on stdout, for scripts to read.

    A name in a line may carry escape sequences. In a terminal they are replaced; a script gets the
    line as it is, because it could not find the file by another name.
    """
    if not _muted:
        print(_cell(line) if _is_terminal() else line, flush=True)


def fail(message: str, hint: str | None) -> None:
    """Print an error on stderr: its message and, below, the command to type next."""
    _print(f"gan: {message}", style="bold red")
    if hint:
        _print(f"     Next: {hint}")


def table(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    """Print a table on stdout; outside a terminal, tab-separated lines without the header."""
    if not _is_terminal():
        for row in rows:
            result("\t".join(map(_cell, row)))
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    def cells(row: tuple[str, ...]) -> Iterator[str]:
        return (escape(_cell(text)) for text in row)  # a name may look like rich's markup

    drawn = Table(*cells(columns), box=None, header_style="bold", pad_edge=False)
    for row in rows:
        drawn.add_row(*cells(row))
    Console(highlight=False, emoji=False).print(drawn)


def _cell(text: str) -> str:
    """Return `text` on one line without tabs and other control characters."""
    return _without_control(text).replace("\n", "\ufffd")


def _is_terminal() -> bool:
    return sys.stdout is not None and sys.stdout.isatty()  # None if it was closed


def terminal() -> "Console | None":
    """Return the console on stderr if it is a terminal, to draw there; otherwise None."""
    return _stderr() if _stderr().is_terminal and not _muted else None


@contextmanager
def progress() -> Iterator[Any]:
    """Yield a function of (what, done, total or None) that updates a progress bar.

    Outside a terminal it shows nothing.
    """
    if _muted or not _stderr().is_terminal:
        yield lambda *_: None
        return
    with _bar() as bar:
        tasks: dict[str, Any] = {}

        def show(what: str, done: int, total: int | None) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total)
            bar.update(tasks[what], completed=done, total=total)

        yield show


def _bar() -> "Progress":
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn()
    return Progress(*columns, console=_stderr(), transient=True)  # results stay, not bars
