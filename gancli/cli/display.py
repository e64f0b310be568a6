"""What `gan train` shows while it trains: a progress bar with samples, or one line per epoch."""

import os
import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gancli.cli import console
from gancli.config import Job
from gancli.evaluation import metrics
from gancli.metric import Metric
from gancli.plugins import is_file
from gancli.sampling.find import RUNS
from gancli.weights import Header

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress
    from rich.text import Text

    from gancli.hardware import OtherPrograms
    from gancli.training.reports import Report
    from gancli.training.run import Run
    from gancli.training.trainer import Trainer

Show = Callable[["Report"], None]

LONG = 3600.0  # seconds: if more are left, the user is told how to shorten the run
MIN_LINES = 20  # of a terminal that samples are drawn in
SETTLED = 20.0  # seconds of training after which the time that is left can be told


@contextmanager
def training(trainer: "Trainer", preview: bool) -> Iterator[Show]:
    """Yield a function that shows a report of `trainer`.

    In a terminal it updates a progress bar, with samples above it if `preview` is set and the
    terminal can show them. Elsewhere it prints one line per epoch.
    """
    notes, terminal = _notes(trainer), console.terminal()
    if terminal is None:
        yield _all([notes, _epoch_lines(trainer)])
        return
    bar, above = _bar(terminal)
    shown = [notes, _progress(bar, trainer)]
    if preview and _can_draw(terminal):
        shown.append(_samples(above, trainer, terminal))
    with bar:
        yield _all(shown)


def ended(run: "Run") -> None:
    """Say what a complete run has made, how good it got, and what to type next."""
    folder, header = run.folder, run.prepared.header(run.trainer.images_seen)
    epochs = run.trainer.images_seen / len(run.trainer.data)
    console.say(f"Done: {header.model} after {epochs:.4g} epochs of {header.dataset.name}.")
    if best := folder.best_epoch():
        console.say(
            f"Best epoch: {best.epoch} ({best.measure} {best.value:.4g}), kept in {folder.best}"
        )
    console.say(f"Pictures: {folder.latest_samples}, {folder.progress.name}, {folder.losses.name}")
    first, *others = _next_commands(header, folder.path, run.prepared.job)
    console.say("\n      ".join([f"Next: {first}", *others]))


def _next_commands(header: Header, folder: Path, job: Job) -> list[str]:
    """What to try with a new generator. Files of the user's own must be named each time."""
    ref = shlex.quote(folder.name if folder.parent == RUNS else str(folder))
    own = f" --model-file {shlex.quote(job.model)}" if is_file(job.model) else ""
    data = f" --dataset {shlex.quote(job.dataset)}" if is_file(job.dataset) else ""
    evaluate = f"gan evaluate {ref}{own}{data}"
    if header.direction:
        return [f"gan translate {ref} in.jpg{own}", evaluate]
    if header.shape.points:
        return [f"gan sample {ref}{own}", f"gan sample {ref}{own} --out points.csv"]
    plays = ["sample", "sweep", "interpolate"] if header.labelled else ["sample", "interpolate"]
    return [*(f"gan {command} {ref}{own}" for command in plays), evaluate]


def _all(parts: list[Show]) -> Show:
    def show(report: "Report") -> None:
        for part in parts:
            part(report)

    return show


def _notes(trainer: "Trainer") -> Show:
    """Name the first samples, and say once if the run takes long or has to share the processor."""
    from gancli import hardware

    began, seen = time.monotonic(), trainer.images_seen
    due, named = {"time"}, Path()
    others = hardware.OtherPrograms()

    def show(report: "Report") -> None:
        passed = time.monotonic() - began
        nonlocal named
        if report.samples and not named.is_file():  # with --fresh, the first picture gets renamed
            named = report.samples
            console.say(f"Samples: {named}")
        if passed > SETTLED and "time" in due:
            due.remove("time")
            if advice := _threads_advice(trainer, others):
                console.say(advice)
            left = passed * (trainer.total - report.images_seen) / (report.images_seen - seen)
            if left > LONG:
                gpu = " or on a GPU" if trainer.device.type == "cpu" else ""
                console.say(
                    f"This will take about {_hours(left)}. To finish sooner, stop it and add "
                    f"--minutes 20, or start over with --set width=16{gpu}."
                )

    return show


def _threads_advice(trainer: "Trainer", others: "OtherPrograms") -> str | None:
    """Say if fewer threads would be faster; None on a GPU and for several processes."""
    import torch

    from gancli.training import threads

    if trainer.device.type != "cpu" or trainer.share.world_size > 1:
        return None
    return threads.advice(torch.get_num_threads(), others.cores(), os.cpu_count() or 1)


def _hours(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min"


def _epoch_lines(trainer: "Trainer") -> Show:
    """Print a line at the end of each epoch."""
    began, shown = time.perf_counter(), _shown(trainer)

    def show(report: "Report") -> None:
        if report.epoch_ended:
            minutes, seconds = divmod(round(time.perf_counter() - began), 60)
            took, speed = f"{minutes}:{seconds:02}", f"{report.images_per_second:,.0f} images/s"
            console.say(f"{_epoch(report, trainer)}  {took}  {speed}  {_values(report, shown)}")

    return show


def _progress(bar: "Progress", trainer: "Trainer") -> Show:
    """Update a progress bar."""
    task = bar.add_task("", total=trainer.total, completed=trainer.images_seen, detail="")
    shown = _shown(trainer)

    def show(report: "Report") -> None:
        detail = f"{report.images_per_second:,.0f} images/s  {_values(report, shown)}"
        label = _epoch(report, trainer)
        bar.update(task, completed=report.images_seen, description=label, detail=detail)

    return show


def _bar(terminal: "Console") -> tuple["Progress", list["Text"]]:
    """Return a progress bar, and a list whose contents are drawn above it."""
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    above: list[Text] = []

    class TrainingBar(Progress):
        def get_renderables(self) -> Any:
            return [*above, self.make_tasks_table(self.tasks)]

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
        TextColumn("{task.fields[detail]}"),
    )
    return TrainingBar(*columns, console=terminal, speed_estimate_period=120), above


def _samples(above: list["Text"], trainer: "Trainer", terminal: "Console") -> Show:
    """Draw new samples above the progress bar."""
    from gancli.cli import preview
    from gancli.gan import Feeds
    from gancli.images import load_png

    shape, labelled = trainer.gan.shape, Feeds.LABEL in trainer.gan.feeds

    def show(report: "Report") -> None:
        if report.samples:
            grid, space = load_png(report.samples), (terminal.width, terminal.height)
            above[:] = [
                preview.whole(grid, *space)
                if shape.points
                else preview.excerpt(grid, shape.size, labelled, *space)
            ]

    return show


def _can_draw(terminal: "Console") -> bool:
    """Whether a terminal has the colours, the characters and the lines for samples."""
    colours = terminal.color_system in ("truecolor", "256", "windows")
    return colours and terminal.encoding.startswith("utf") and terminal.height >= MIN_LINES


def _epoch(report: "Report", trainer: "Trainer") -> str:
    total = trainer.config.epochs
    if total != int(total):  # as after --minutes: the last epoch ends early
        return f"epoch {report.images_seen / len(trainer.data):.2f}/{total:.2f}"
    return f"epoch {report.epoch + (not report.epoch_ended)}/{total:g}"


def _shown(trainer: "Trainer") -> dict[str, Metric]:
    """The metrics beside the losses, by name: the model's, and those that choose the best epoch."""
    chosen = (m for m in metrics.of_validation() if m.best_epoch)
    return {m.name: m for m in (*chosen, *trainer.gan.shown)}


def _values(report: "Report", shown: dict[str, Metric]) -> str:
    metrics = {k: shown.get(k, Metric(k)) for k in report.metrics if k in shown or _is_loss(k)}
    return "  ".join(f"{k} {m.show(report.metrics[k])}" for k, m in metrics.items())


def _is_loss(name: str) -> bool:
    return name.endswith("_loss")
