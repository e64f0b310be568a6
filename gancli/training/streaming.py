"""A dataset that stays on disk: batches are read ahead of the step that needs them.

A step sees the same bits as with `ResidentDataset`; only the place that the bytes come from
differs. torch's DataLoader reads them, in processes of its own if there are `workers`. On CUDA each
batch goes from pinned memory to the device on a side stream, while the step before it runs.
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
from gancli.training.resident import Augmentation, IndexAt, make_batch

STOP_GRACE = 20  # seconds that a training process needs to save after it was told to stop
PREFETCH = 4  # batches that each worker reads ahead
DEFAULT_WORKERS = {"cuda": 2}  # none elsewhere: reading takes a negligible part of a step


class StreamingDataset:
    """The images in `rows` and their labels (N,) int64, for steps on `device`.

    If rows hold pairs, `target` is the half to generate, 0 for A or 1 for B, and the other half is
    its source. Labels take few bytes and stay on the device. With 0 `workers`, the default on a
    CPU, the training process itself reads.
    """

    share = Share()  # set by the trainer

    def __init__(
        self,
        rows: Rows,
        labels: Tensor | None,
        classes: int,
        device: torch.device,
        *,
        augmentation: Augmentation,
        target: int = 0,
        workers: int | None = None,
        start_method: str | None = None,
    ) -> None:
        self.rows, self.augmentation, self.device = rows, augmentation, device
        self.workers = DEFAULT_WORKERS.get(device.type, 0) if workers is None else workers
        self.labels = None if labels is None else labels.to(device)
        self.waited = 0.0  # seconds that steps have waited for their images
        self._target, self._has_pairs = target, rows.shape[1] == 2
        # Row k is the one-hot of class k. F.one_hot would check the labels on the host.
        self._one_hot = torch.eye(classes, device=device)
        self._start_method = start_method if self.workers else None
        self._next: tuple[int, int] | None = None  # start and size of the batch that comes next
        self._batches: Iterator[Tensor] = iter(())
        self._current = torch.empty(0, dtype=torch.uint8, device=device)  # (B, P, H, W, C)

    def __len__(self) -> int:
        return len(self.rows)

    def fetch(self, start: int, size: int, index_at: IndexAt) -> None:
        """Load the images of the step at position `start` of `order`, for `batch` to use.

        A step covers `size` positions, over all processes; `index_at` gives the indices of the
        images in this process. Consecutive calls read ahead. A call that does not start where the
        last one ended restarts reading from its own position.

        Raises DataError if the images can no longer be read.
        """
        if self._next != (start, size):
            self._batches = self._batches_from(start, size, index_at)
        began = time.perf_counter()
        self._current = next(self._batches)
        self.waited += time.perf_counter() - began
        self._next = start + size, size

    def close(self) -> None:
        """Stop reading ahead and end the workers; the next `fetch` starts new ones."""
        self._batches, self._next = iter(()), None

    def batch(self, index: Tensor) -> Batch:
        """The batch fetched last: (B, C, H, W) in [-1, 1].

        `index` (B,) holds the indices of its images, which the labels are looked up by.
        """
        image, label = self._current[:, self._target], None
        source = self._current[:, 1 - self._target] if self._has_pairs else None
        if self.labels is not None:
            label = self._one_hot.index_select(0, self.labels.index_select(0, index))
        return make_batch(image, label, source, self.augmentation, self.share)

    def _batches_from(self, start: int, size: int, index_at: IndexAt) -> Iterator[Tensor]:
        """An endless iterator over the batches from position `start` on, on the device."""
        # torch warns of more workers than cores, but workers that wait for a disk need no core.
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="This DataLoader will create")
            loader = DataLoader(
                _RowsDataset(self.rows),
                batch_size=None,  # the sampler yields the indices of a complete batch
                sampler=_batch_indices(start, size, index_at),
                num_workers=self.workers,
                prefetch_factor=PREFETCH if self.workers else None,
                pin_memory=self.device.type == "cuda",
                worker_init_fn=_defer_stop_signals,
                multiprocessing_context=self._start_method,
                # The loader draws a seed for its workers, which need none. With a generator of its
                # own it leaves torch's default one, which the training noise comes from, alone.
                generator=torch.Generator(),
            )
            with _restored_sigchld_handler():
                batches = _checked(self.rows.path, iter(loader))
        if self.device.type != "cuda":
            return (rows.to(self.device) for rows in batches)
        shape = (len(index_at(start)), *self.rows.shape[1:])
        if self._current.shape != shape:
            self._current = torch.empty(shape, dtype=torch.uint8, device=self.device)
        return _prefetched_to_gpu(batches, self._current)


class _RowsDataset(Dataset[Any]):
    """Batches of rows by their indices: uint8 (B, P, H, W, C), or an error message."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows

    def __getitem__(self, index: list[int]) -> Tensor | str:
        try:
            return torch.from_numpy(self.rows.read(index))
        except DataError as error:  # raised in a worker, it would reach the user with a traceback
            return error.message


def _batch_indices(start: int, size: int, index_at: IndexAt) -> Iterator[list[int]]:
    """The image indices of every step from position `start` on, without end."""
    for step in itertools.count():
        yield index_at(start + step * size).tolist()


def _checked(path: Path, batches: Iterator[Tensor | str]) -> Iterator[Tensor]:
    """The batches, with error messages and dead workers turned into DataError."""
    while True:
        try:
            rows = next(batches)
        except (RuntimeError, OSError) as error:  # what a DataLoader raises if a worker died
            why = (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
            raise DataError(f"Reading {path} failed: {why}.", hint="--workers 0") from error
        if isinstance(rows, str):
            raise DataError(rows, hint="run the same command again to resume from the last epoch")
        yield rows


def _prefetched_to_gpu(batches: Iterator[Tensor], current: Tensor) -> Iterator[Tensor]:
    """Copy pinned batches to a CUDA device ahead of time, and yield each in `current`.

    While the device works on one batch, a side stream sends the next one to a second buffer. So
    only a copy within the device, a few microseconds, delays a step. `current` keeps its memory,
    because a captured step reads it there.
    """
    stream = torch.cuda.Stream(current.device)  # type: ignore[no-untyped-call]
    sent, taken = torch.cuda.Event(), torch.cuda.Event()  # type: ignore[no-untyped-call]
    ahead = torch.empty_like(current)
    ahead.record_stream(stream)
    # Work that is still queued on the current stream may use the memory that `ahead` was given.
    stream.wait_stream(torch.cuda.current_stream(current.device))

    def send(rows: Tensor) -> None:
        with torch.cuda.stream(stream):
            stream.wait_event(taken)  # until the device has copied the last batch out of `ahead`
            ahead.copy_(rows, non_blocking=True)
            sent.record(stream)

    send(next(batches))
    while True:
        main_stream = torch.cuda.current_stream(current.device)
        main_stream.wait_event(sent)
        current.copy_(ahead)  # runs after the last step, which is queued on the same stream
        taken.record(main_stream)
        send(next(batches))
        yield current


def _defer_stop_signals(worker: int) -> None:
    """Let a worker outlive Ctrl-C and SIGTERM, which reach it as well.

    Ctrl-C goes to every process of a terminal, and SIGTERM to every process of a job. The training
    process may need more batches before it has saved, and it ends its workers itself. If it never
    does, a worker ends STOP_GRACE seconds after SIGTERM.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "alarm"):
        signal.signal(signal.SIGTERM, lambda *_: signal.alarm(STOP_GRACE))


@contextmanager
def _restored_sigchld_handler() -> Iterator[None]:
    """Restore the SIGCHLD handler that creating a DataLoader replaces.

    The DataLoader's handler raises an error at any point of the training when a worker dies.
    Without it, the error is raised where the worker's next batch is awaited, in `_checked`.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "SIGCHLD"):
        yield
        return
    before = signal.getsignal(signal.SIGCHLD)
    try:
        yield
    finally:
        signal.signal(signal.SIGCHLD, before)
