"""A data set that stays on disk: batches of it are read ahead and wait on the device.

What a step is shown is to the bit what `Resident` would show it; only where the bytes come from
differs. torch's DataLoader reads, in processes of its own if there are `workers`. On CUDA a batch
goes from pinned memory to the device on a side stream while the step before it runs.
"""

import itertools
import signal
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from gancli.data.rows import Rows
from gancli.errors import DataError
from gancli.gan import Batch, Share
from gancli.training.resident import IndexAt, Vary, shown

GRACE = 20  # seconds in which a process that trains, asked to stop, has saved what it has
AHEAD = 4  # batches that each worker has ready
WORKERS = {"cuda": 2}  # where nobody says; elsewhere none: reading takes next to nothing of a step


class Streaming:
    """The pictures in `rows` and their labels (N,) int64, for a step on `device`.

    In rows of pairs `made` says which are the pictures to be made, 0 for A or 1 for B; the others
    are their sources. Labels are few bytes and lie on the device. Without `workers` (0), and by
    default on a CPU, the training process reads by itself.
    """

    share = Share()  # set by the trainer

    def __init__(
        self,
        rows: Rows,
        labels: Tensor | None,
        classes: int,
        device: torch.device,
        *,
        vary: Vary,
        made: int = 0,
        workers: int | None = None,
        start_method: str | None = None,
    ) -> None:
        self.rows, self.vary, self.device = rows, vary, device
        self.workers = WORKERS.get(device.type, 0) if workers is None else workers
        self.labels = None if labels is None else labels.to(device)
        self.waited = 0.0  # seconds for which a step had to wait for its pictures
        self._made, self._pairs = made, rows.shape[1] == 2
        self._one_hot = torch.eye(classes, device=device)
        self._start_method = start_method if self.workers else None
        self._next: tuple[int, int] | None = None  # start and size of the batch that comes next
        self._batches: Iterator[Tensor] = iter(())
        self._here = torch.empty(0, dtype=torch.uint8, device=device)  # (B, P, H, W, C)

    def __len__(self) -> int:
        return len(self.rows)

    def fetch(self, start: int, size: int, index_at: IndexAt) -> None:
        """Put the pictures of the step at position `start` of the order where `batch` looks.

        A step goes `size` on in the order; `index_at` tells which pictures of it are shown here.

        Each call starts where the one before ended, or reading starts anew from there.
        Raises DataError where the pictures can no longer be read.
        """
        if self._next != (start, size):
            self._batches = self._read_on(start, size, index_at)
        began = time.perf_counter()
        self._here = next(self._batches)
        self.waited += time.perf_counter() - began
        self._next = start + size, size

    def close(self) -> None:
        """Let the workers go; the next `fetch` starts others."""
        self._batches, self._next = iter(()), None

    def batch(self, index: Tensor) -> Batch:
        """The pictures fetched last, which are those at `index` (B,): (B, C, H, W) in [-1, 1]."""
        image, label = self._here[:, self._made], None
        source = self._here[:, 1 - self._made] if self._pairs else None
        if self.labels is not None:
            label = self._one_hot.index_select(0, self.labels.index_select(0, index))
        return shown(image, label, source, self.vary, self.share)

    def _read_on(self, start: int, size: int, index_at: IndexAt) -> Iterator[Tensor]:
        """Batches from position `start` of the order on, endlessly, on the device."""
        with warnings.catch_warnings():  # more workers than cores may well pay: they wait for disks
            warnings.filterwarnings("ignore", message="This DataLoader will create")
            loader = DataLoader(
                _Reader(self.rows),
                batch_size=None,  # it is batches that are asked for, not pictures
                sampler=_upcoming(start, size, index_at),
                num_workers=self.workers,
                prefetch_factor=AHEAD if self.workers else None,
                pin_memory=self.device.type == "cuda",
                worker_init_fn=_leave_stopping,
                multiprocessing_context=self._start_method,
                generator=torch.Generator(),  # of seeds nobody uses: the noise goes on as it was
            )
            with _children_unheard():
                batches = _good(self.rows.path, iter(loader))
        if self.device.type != "cuda":
            return (rows.to(self.device) for rows in batches)
        shape = (len(index_at(start)), *self.rows.shape[1:])
        if self._here.shape != shape:
            self._here = torch.empty(shape, dtype=torch.uint8, device=self.device)
        return _sent_ahead(batches, self._here)


class _Reader(Dataset[Any]):
    """Rows by lists of their numbers: uint8 (B, P, H, W, C), or in words why there are none."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows

    def __getitem__(self, index: list[int]) -> Tensor | str:
        try:
            return torch.from_numpy(self.rows.read(index))
        except DataError as error:  # a worker would send a traceback
            return error.message


def _upcoming(start: int, size: int, index_at: IndexAt) -> Iterator[list[int]]:
    """The numbers of the pictures of every step from position `start` on."""
    for step in itertools.count():
        yield index_at(start + step * size).tolist()


def _good(path: Path, batches: Iterator[Tensor | str]) -> Iterator[Tensor]:
    """The batches, as long as there are any. Raises DataError where there are none any more."""
    while True:
        try:
            rows = next(batches)
        except (RuntimeError, OSError) as error:  # so a DataLoader says that a worker died
            why = (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
            raise DataError(f"{path} is read no more: {why}.", hint="--workers 0") from error
        if isinstance(rows, str):
            raise DataError(rows, hint="the same command goes on from the last epoch")
        yield rows


def _sent_ahead(batches: Iterator[Tensor], here: Tensor) -> Iterator[Tensor]:
    """The batches, pinned on the host, each in turn in `here` on a CUDA device.

    One waits beside it, sent on a side stream while the device works on the one before: only a copy
    within the device, a few microseconds, is in the way of a step. `here` stays in place, as a
    captured step reads it there.
    """
    stream = torch.cuda.Stream(here.device)  # type: ignore[no-untyped-call]
    sent, taken = torch.cuda.Event(), torch.cuda.Event()  # type: ignore[no-untyped-call]
    waiting = torch.empty_like(here)
    waiting.record_stream(stream)
    stream.wait_stream(torch.cuda.current_stream(here.device))  # its memory may have been in use

    def send(rows: Tensor) -> None:
        with torch.cuda.stream(stream):
            stream.wait_event(taken)  # not before the device has copied the one before
            waiting.copy_(rows, non_blocking=True)
            sent.record(stream)

    send(next(batches))
    while True:
        current = torch.cuda.current_stream(here.device)
        current.wait_event(sent)
        here.copy_(waiting)  # after the step before, which runs on the same stream
        taken.record(current)
        send(next(batches))
        yield here


def _leave_stopping(worker: int) -> None:
    """Ctrl-C reaches every process of a terminal, and SIGTERM every one of a job: the one that
    trains says when to stop. If it never does, this one ends by itself."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "alarm"):
        signal.signal(signal.SIGTERM, lambda *_: signal.alarm(GRACE))


@contextmanager
def _children_unheard() -> Iterator[None]:
    """Undo what a DataLoader sets up meanwhile: an error wherever training is when a worker dies.

    It is raised all the same where the worker's next batch is waited for.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "SIGCHLD"):
        yield
        return
    before = signal.getsignal(signal.SIGCHLD)
    try:
        yield
    finally:
        signal.signal(signal.SIGCHLD, before)
