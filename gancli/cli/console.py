"""All talk: the conversation on stderr, results on stdout, progress where a person looks on.

rich is imported inside functions: `gan --help` does not wait for what it does not need.
"""

import re
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gancli.errors import GanError
from gancli.evaluation import metrics

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

    from gancli.training.trainer import Report, Trainer


WATCHED = ("convergence", "k")  # shown beside the losses, where there are any


@cache
def _stderr() -> "Console":
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


STEERING = re.compile("[\0-\t\v-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

_hushed = False


def hush() -> None:
    """From now on nothing is said or shown but failures: another process speaks for all."""
    global _hushed
    _hushed = True


def say(line: str) -> None:
    """One line of conversation, on stderr."""
    if not _hushed:
        _stderr().print(_harmless(line), markup=False)


def _harmless(text: str) -> str:
    """Without what would steer the terminal: a stranger's file may say anything of itself."""
    return STEERING.sub("\ufffd", text)


def result(line: str) -> None:
    """A result, on stdout: what a script would read."""
    if not _hushed:
        print(line, flush=True)


def fail(error: GanError) -> None:
    """A failure: its sentence and, below, what to type next."""
    console = _stderr()
    console.print(_harmless(f"gan: {error.message}"), style="bold red", markup=False)
    if error.hint:
        console.print(_harmless(f"     Next: {error.hint}"), markup=False)


def table(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    """A table on stdout; tab-separated lines where nobody looks on."""
    if sys.stdout is None or not sys.stdout.isatty():  # None: it was closed
        for row in rows:
            result("\t".join(row))
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    drawn = Table(*map(escape, columns), box=None, header_style="bold", pad_edge=False)
    for row in rows:
        drawn.add_row(*map(escape, row))  # names of files are no markup
    Console(highlight=False).print(drawn)


def show_picture(path: Path) -> None:
    """Draw a picture's file on the terminal's stderr, as large as fits."""
    if _hushed:
        return
    from gancli.cli.preview import half_blocks
    from gancli.images import load_png

    picture, console = load_png(path), _stderr()
    room = min(console.width, 2 * (console.height - 4), picture.shape[1])  # two pixels a line
    console.print(half_blocks(picture, max(8, room)))


@contextmanager
def progress() -> Iterator[Any]:
    """A function of (what, done, total or None): a bar on a terminal, silence elsewhere."""
    if _hushed or not _stderr().is_terminal:
        yield lambda *_: None
        return
    with _bar() as bar:
        tasks: dict[str, Any] = {}

        def show(what: str, done: int, total: int | None) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total, detail="")
            bar.update(tasks[what], completed=done, total=total)

        yield show


@contextmanager
def training(trainer: "Trainer") -> Iterator[Any]:
    """A function of a Report: a live bar on a terminal, else a line for each epoch."""
    epochs = trainer.config.epochs
    if _hushed or not _stderr().is_terminal:
        yield _line(epochs)
        return
    with _bar() as bar:
        task = bar.add_task("", total=trainer.total, completed=trainer.images_seen, detail="")

        def show(report: "Report") -> None:
            epoch = min(epochs, report.epoch + (not report.epoch_ended))
            detail = f"{report.images_per_second:,.0f} images/s  {_losses(report)}"
            label = f"epoch {epoch}/{epochs}"
            bar.update(task, completed=report.images_seen, description=label, detail=detail)

        yield show


def _bar() -> "Progress":
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
        TextColumn("{task.fields[detail]}"),
        console=_stderr(),
        speed_estimate_period=120,
    )


def _line(epochs: int) -> Any:
    began = time.perf_counter()

    def show(report: "Report") -> None:
        if report.epoch_ended:
            minutes, seconds = divmod(round(time.perf_counter() - began), 60)
            speed = f"{report.images_per_second:,.0f} images/s"
            say(
                f"epoch {report.epoch}/{epochs}  {minutes}:{seconds:02}  {speed}  {_losses(report)}"
            )

    return show


def _losses(report: "Report") -> str:
    watched = (*WATCHED, metrics.tells_best(report.metrics))
    shown = (k for k in report.metrics if k.endswith("_loss") or k in watched)
    return "  ".join(f"{k} {report.metrics[k]:.3f}" for k in shown)
