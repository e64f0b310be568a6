"""Everything that is printed: messages and progress bars on stderr, results on stdout.

Progress bars and pictures are drawn only in a terminal. rich is imported inside functions, so that
`gan --help` does not wait for it.
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


ALSO_SHOWN = ("convergence", "k")  # metrics of BEGAN, shown beside the losses


@cache
def _stderr() -> "Console":
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


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
        _stderr().print(_without_control(line), markup=False)


def _without_control(text: str) -> str:
    """Replace control characters: names in a downloaded file could carry escape sequences."""
    return CONTROL.sub("\ufffd", text)


def result(line: str) -> None:
    """Print a line of the command's result on stdout, for scripts to read."""
    if not _muted:
        print(line, flush=True)


def fail(error: GanError) -> None:
    """Print an error on stderr: its message and, below, the command to type next."""
    console = _stderr()
    console.print(_without_control(f"gan: {error.message}"), style="bold red", markup=False)
    if error.hint:
        console.print(_without_control(f"     Next: {error.hint}"), markup=False)


def table(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    """Print a table on stdout; outside a terminal, tab-separated lines without the header."""
    if sys.stdout is None or not sys.stdout.isatty():  # None if it was closed
        for row in rows:
            result("\t".join(row))
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    drawn = Table(*map(escape, columns), box=None, header_style="bold", pad_edge=False)
    for row in rows:
        drawn.add_row(*map(escape, row))  # a file name may look like rich's markup
    Console(highlight=False).print(drawn)


def show_picture(path: Path) -> None:
    """Draw the picture in the PNG file `path` on stderr, as large as fits in the terminal."""
    if _muted:
        return
    from gancli.cli.preview import half_blocks
    from gancli.images import load_png

    picture, console = load_png(path), _stderr()
    # a line of text shows two rows of pixels; four lines stay free for the progress bar
    width = min(console.width, 2 * (console.height - 4), picture.shape[1])
    console.print(half_blocks(picture, max(8, width)))


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
                tasks[what] = bar.add_task(what, total=total, detail="")
            bar.update(tasks[what], completed=done, total=total)

        yield show


@contextmanager
def training(trainer: "Trainer") -> Iterator[Any]:
    """Yield a function of a Report that updates a progress bar.

    Outside a terminal it prints one line per epoch instead.
    """
    epochs = trainer.config.epochs
    if _muted or not _stderr().is_terminal:
        yield _epoch_line(epochs)
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


def _epoch_line(epochs: int) -> Any:
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
    others = (*ALSO_SHOWN, metrics.best_epoch_metric(report.metrics))
    shown = (k for k in report.metrics if k.endswith("_loss") or k in others)
    return "  ".join(f"{k} {report.metrics[k]:.3f}" for k in shown)
