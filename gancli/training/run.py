"""A training run: trains on from where its folder stands, and keeps the folder up to date.

Nothing here prints. What a reader should hear goes to `say`; `Run.train` yields reports, so that
whoever iterates it draws the progress.
"""

import json
import math
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import torch

from gancli import weights
from gancli.errors import FileError, GanError, UsageError
from gancli.reporting import Say
from gancli.training import distributed, epoch
from gancli.training.folder import START_OVER, RunFolder
from gancli.training.precision import FORMATS
from gancli.training.prepare import Prepared, begun
from gancli.training.source import source
from gancli.training.trainer import Report, Trainer

ROLLBACKS = 3  # times that a run which diverged goes back before it gives up


class Stopped(KeyboardInterrupt):
    """Training was asked to stop, and has saved where it is."""


class Run:
    """A run that goes on from what an earlier process left in its folder, or begins in a clear one.

    Building it puts the data on the device and locks the folder. Raises UsageError when the folder
    holds another run, FileError when it cannot be used.
    """

    def __init__(self, prepared: Prepared, say: Say) -> None:
        self.prepared, self.folder, self._say = prepared, RunFolder(prepared.job.folder), say
        model = prepared.model.to(prepared.device).to(memory_format=torch.channels_last)
        self.trainer = Trainer(
            model,
            source(prepared, say),
            prepared.training,
            precision=FORMATS[prepared.precision],
            capture=prepared.job.capture,
            compile=prepared.job.compile,
        )
        start = self.trainer.state()
        if distributed.first():
            self.folder.claim()
        self._resume()
        if prepared.job.compile:
            say("Compiling the networks: the first step takes a minute or two.")
        # Where to go back to until an epoch was closed; after that it is in the folder.
        begins = self.trainer.images_seen < len(self.trainer.data)
        self._start: dict[str, torch.Tensor] | None = start if begins else None

    def train(self) -> Iterator[Report]:
        """Train to the last epoch.

        After each epoch the folder holds a checkpoint, a grid and a line of metrics. Ctrl-C (or
        SIGTERM) saves where the run is and raises Stopped. Raises GanError when numbers
        cease to be finite once more than ROLLBACKS times, leaving the last good checkpoint.
        """
        with closing(self.trainer), _deferred_stop() as stopped:
            for report in self._finite_reports():
                if report.epoch_ended:
                    if distributed.first():
                        report = epoch.close(
                            report, self.prepared, self.trainer, self.folder, self._say
                        )
                    self._start = None
                yield report
                if distributed.any_of_us(stopped() or distributed.orphaned()):
                    self._stop()
        if distributed.first():
            epoch.finish(self.folder, self._say)

    # -- going on -----------------------------------------------------------------------------

    def _resume(self) -> None:
        before = begun(self.prepared.job)
        if before is not None:
            _check_same(before, self.prepared.plan(), self.folder)
            self._load(before)
        elif distributed.first():
            self.folder.clear()
        if distributed.first() and self.trainer.images_seen < self.trainer.total:
            self.folder.write_plan(self.prepared.plan())

    def _load(self, before: dict[str, Any]) -> None:
        try:
            self.trainer.load(self._state(self.folder.training))
        except FileError as damaged:
            raise FileError(damaged.message, hint=START_OVER) from None
        except (KeyError, RuntimeError):
            sentence = f"{self.folder.training} does not fit this model."
            raise FileError(sentence, hint=START_OVER) from None
        if distributed.first():
            seen, images = self.trainer.images_seen, len(self.trainer.data)
            self.folder.drop_stale_epoch_start(seen // images, images)
            self.folder.trim(seen)
            self._tell(seen / images, before["training"])

    def _state(self, path: Any) -> dict[str, torch.Tensor]:
        """The tensors of a checkpoint, which lies on the machine of rank 0 if nowhere else."""
        if distributed.world() == 1:
            return weights.load(path)
        data = path.read_bytes() if distributed.first() else b""
        return weights.unpack(distributed.from_first(data), path)

    def _tell(self, done: float, before: dict[str, Any]) -> None:
        """Say where the run stands, and what more epochs do to its rate."""
        if self.trainer.images_seen >= self.trainer.total:
            self._say(
                f"{self.folder} is trained already ({done:.1f} epochs): "
                f"--epochs {int(done) + 25} goes on, --fresh starts over."
            )
            return
        self._say(f"Going on with {self.folder} after {done:.1f} epochs.")
        now = self.prepared.training.epochs
        then = before.get("epochs", now)
        if self.prepared.training.lr_decay and now != then:
            self._say(
                f"The learning rate reaches 0 after {now} epochs, no longer after {then}: "
                f"it goes on from {self.trainer.rate:.2g}."
            )

    # -- stopping, and going back --------------------------------------------------------------

    def _stop(self) -> None:
        """Save where the run is; no process leaves before that is done."""
        if distributed.first():
            self._save_midway()
        distributed.wait()
        raise Stopped

    def _save_midway(self) -> None:
        """Save where the run is, unless it has just diverged: then going on repeats that.

        What the epoch began with is kept, so that going back from a later divergence leads there,
        stopped or not.
        """
        if not self.trainer.is_finite():
            return
        if self._start is None:
            self.folder.keep_epoch_start()
        epoch.save_networks(self.prepared, self.trainer, self.folder)
        epoch.save_training(self.prepared, self.trainer, self.folder)

    def _finite_reports(self) -> Iterator[Report]:
        """The trainer's reports. Where it diverges, it goes back and on at half the rate."""
        while True:
            for report in self.trainer.run():
                if distributed.any_of_us(not self._is_finite(report)):
                    self._go_back(report)
                    break
                yield report
            else:
                return

    def _is_finite(self, report: Report) -> bool:
        """Whether losses are numbers and, where it is to be saved, all that is trained, too."""
        losses = all(math.isfinite(v) for v in report.metrics.values())
        return losses and (not report.epoch_ended or self.trainer.is_finite())

    def _go_back(self, report: Report) -> None:
        """To the end of the last epoch, as a restart would find it; the rate is halved there.

        That depends on the run alone: what happened between is repeated the same after a restart,
        and leads here again.
        """
        number = report.epoch + (not report.epoch_ended)
        diverged = f"Training diverged in epoch {number}: a loss is no longer a number."
        lr = self.prepared.training.lr
        if self.trainer.schedule.rollbacks == ROLLBACKS:
            kept = f" The last good checkpoint is kept in {self.folder}."
            raise GanError(
                f"{diverged} It went back {ROLLBACKS} times already.{'' if self._start else kept}",
                hint=f"--lr {lr / 2 ** (ROLLBACKS + 1):g} --fresh",
            )
        self.trainer.go_back(self._start or self._state(self.folder.last_epoch()))
        if distributed.first():
            self.folder.trim(self.trainer.images_seen)
        rate = lr / 2**self.trainer.schedule.rollbacks
        self._say(
            f"{diverged} Going back to the start of it, at half the learning rate ({rate:g})."
        )


def _check_same(before: dict[str, Any], now: dict[str, Any], folder: RunFolder) -> None:
    """Raise UsageError unless `now` goes on with `before`: alike but for the number of epochs."""
    now = json.loads(json.dumps(now))  # as it was written
    for part in ("model", "dataset", "direction", "shape", "settings", "training", "precision"):
        old, new = before.get(part), now[part]
        if not isinstance(new, dict) or not isinstance(old, dict):
            old, new = {part: old}, {part: new}
        differing = [k for k in new if k not in ("epochs", "source") and old.get(k) != new[k]]
        if differing:
            key = differing[0]
            raise UsageError(
                f"{folder} holds another run: its {key} is {old.get(key)}, not {new[key]}.",
                hint=f"--out {folder}-2 keeps both, --fresh starts this one over",
            )


@contextmanager
def _deferred_stop() -> Iterator[Callable[[], bool]]:
    """Meanwhile the first Ctrl-C or SIGTERM asks to stop, between steps; a second insists."""
    asked = threading.Event()

    def ask(number: int, frame: Any) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return
    before = {s: signal.signal(s, ask) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
