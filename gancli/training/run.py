"""A training run: resumes from its folder, trains, and keeps the folder up to date.

Nothing here prints. Messages for the user go to `say`. `Run.train` yields reports, so the caller
can draw the progress.
"""

import json
import math
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import torch

from gancli import weights
from gancli.errors import FileError, GanError, UsageError
from gancli.reporting import Say
from gancli.training import distributed, epoch
from gancli.training.dataset import training_dataset
from gancli.training.folder import START_OVER, RunFolder
from gancli.training.precision import FORMATS
from gancli.training.prepare import Prepared, saved_plan
from gancli.training.trainer import Report, Trainer

MAX_ROLLBACKS = 3  # times that a diverging run is rolled back before it ends with an error


class Stopped(KeyboardInterrupt):
    """Training was stopped by a signal, after the run saved its state."""


class Run:
    """A run, resumed from its folder or started in an empty one.

    Creating it loads the data to the device and locks the folder. Raises UsageError if the folder
    holds a different run, FileError if the folder cannot be used.
    """

    def __init__(self, prepared: Prepared, say: Say) -> None:
        self.prepared, self.folder, self._say = prepared, RunFolder(prepared.job.folder), say
        model = prepared.model.to(prepared.device).to(memory_format=torch.channels_last)
        self.trainer = Trainer(
            model,
            training_dataset(prepared, say),
            prepared.training,
            precision=FORMATS[prepared.precision],
            capture=prepared.job.capture,
            compile=prepared.job.compile,
        )
        initial = self.trainer.state()
        if distributed.is_rank_zero():
            self.folder.claim()
        self._resume()
        if prepared.job.compile:
            say("Compiling the networks: the first step takes a minute or two.")
        # The state to roll back to during the first epoch. Later ones are in the folder.
        in_first_epoch = self.trainer.images_seen < len(self.trainer.data)
        self._initial: dict[str, torch.Tensor] | None = initial if in_first_epoch else None

    def train(self) -> Iterator[Report]:
        """Train to the last epoch.

        Each epoch leaves a checkpoint, a sample grid and a line of metrics in the folder. Ctrl-C or
        SIGTERM saves the state of the run and raises Stopped. Raises GanError if training diverges
        more than MAX_ROLLBACKS times; the last good checkpoint stays in the folder.
        """
        with closing(self.trainer), _deferred_stop() as stop_requested:
            for report in self._reports_with_rollback():
                if report.epoch_ended:
                    if distributed.is_rank_zero():
                        report = epoch.save_epoch(
                            report, self.prepared, self.trainer, self.folder, self._say
                        )
                    self._initial = None
                yield report
                if distributed.any_rank(stop_requested() or distributed.orphaned()):
                    self._stop()
        if distributed.is_rank_zero():
            epoch.draw_summary(self.folder, self._say)

    # -- resuming -----------------------------------------------------------------------------

    def _resume(self) -> None:
        """Load the checkpoint of the run in the folder, or clear the folder for a new run."""
        plan = saved_plan(self.prepared.job)
        if plan is not None:
            _check_same_run(plan, self.prepared.plan(), self.folder)
            self._load(plan)
        elif distributed.is_rank_zero():
            self.folder.clear()
        if not distributed.is_rank_zero():
            return
        if moved := self.folder.set_aside_damaged_best():
            self._say(f"{self.folder.best} is damaged. It was renamed to {moved.name}.")
        if self.trainer.images_seen < self.trainer.total:
            self.folder.write_plan(self.prepared.plan())

    def _load(self, plan: dict[str, Any]) -> None:
        try:
            self.trainer.load(self._read_state(self.folder.training))
        except FileError as damaged:
            raise FileError(damaged.message, hint=START_OVER) from None
        except (KeyError, RuntimeError):
            message = f"{self.folder.training} does not match this model."
            raise FileError(message, hint=START_OVER) from None
        if distributed.is_rank_zero():
            seen, images = self.trainer.images_seen, len(self.trainer.data)
            self.folder.drop_stale_epoch_start(seen // images, images)
            self.folder.trim(seen)
            self._announce_resume(seen / images, plan["training"])

    def _read_state(self, path: Path) -> dict[str, torch.Tensor]:
        """The tensors of a checkpoint. Rank 0 reads it for all: other machines may not have it."""
        if distributed.world_size() == 1:
            return weights.load(path)
        data = path.read_bytes() if distributed.is_rank_zero() else b""
        return weights.unpack(distributed.broadcast_bytes(data), path)

    def _announce_resume(self, epochs_done: float, saved: dict[str, Any]) -> None:
        """Tell where the run stands, and how a new `--epochs` changes its learning rate."""
        if self.trainer.images_seen >= self.trainer.total:
            self._say(
                f"{self.folder} is already trained ({epochs_done:.1f} epochs). "
                f"Use --epochs {int(epochs_done) + 25} to train longer, or {START_OVER}."
            )
            return
        self._say(f"Resuming {self.folder} after {epochs_done:.1f} epochs.")
        epochs = self.prepared.training.epochs
        saved_epochs = saved.get("epochs", epochs)
        if self.prepared.training.lr_decay and epochs != saved_epochs:
            self._say(
                f"The learning rate now reaches 0 after {epochs} epochs instead of {saved_epochs}. "
                f"It continues from {self.trainer.learning_rate:.2g}."
            )

    # -- stopping and rolling back ------------------------------------------------------------

    def _stop(self) -> None:
        """Save the state of the run and raise Stopped. All processes wait for the save."""
        if distributed.is_rank_zero():
            self._save_mid_epoch()
        distributed.barrier()
        raise Stopped

    def _save_mid_epoch(self) -> None:
        """Save the state of the run, unless it has just diverged.

        In that case the earlier checkpoint stays, and the resumed run diverges again and is then
        rolled back. The state at the start of the epoch is kept as well, so that a rollback later
        in this epoch leads to the same place as in a run that was never stopped.
        """
        if not self.trainer.is_finite():
            return
        if self._initial is None:
            self.folder.keep_epoch_start()
        epoch.save_networks(self.prepared, self.trainer, self.folder)
        epoch.save_training(self.prepared, self.trainer, self.folder)

    def _reports_with_rollback(self) -> Iterator[Report]:
        """The trainer's reports. When training diverges, roll back and continue from there."""
        while True:
            for report in self.trainer.run():
                if distributed.any_rank(not self._is_finite(report)):
                    self._roll_back(report)
                    break
                yield report
            else:
                return

    def _is_finite(self, report: Report) -> bool:
        """Whether all losses are finite; at the end of an epoch, before saving, the weights too."""
        losses = all(math.isfinite(v) for v in report.metrics.values())
        return losses and (not report.epoch_ended or self.trainer.is_finite())

    def _roll_back(self, report: Report) -> None:
        """Return to the end of the last epoch, with half the learning rate.

        The result depends on the run alone. If the run is stopped and resumed, it repeats the steps
        since then, diverges in the same place and is rolled back the same way.

        Raises GanError if the run was rolled back MAX_ROLLBACKS times already.
        """
        number = report.epoch + (not report.epoch_ended)
        diverged = f"Training diverged in epoch {number}: a loss or a weight is NaN or infinite."
        lr = self.prepared.training.lr
        if self.trainer.schedule.rollbacks == MAX_ROLLBACKS:
            kept = f" The last good checkpoint is in {self.folder}."
            raise GanError(
                f"{diverged} The run was already rolled back {MAX_ROLLBACKS} times."
                f"{'' if self._initial else kept}",
                hint=f"--lr {lr / 2 ** (MAX_ROLLBACKS + 1):g} --fresh",
            )
        self.trainer.roll_back(self._initial or self._read_state(self.folder.last_epoch_state()))
        if distributed.is_rank_zero():
            self.folder.trim(self.trainer.images_seen)
        rate = lr / 2**self.trainer.schedule.rollbacks
        self._say(
            f"{diverged} Rolling back to the start of the epoch, at half the learning rate "
            f"({rate:g})."
        )


def _check_same_run(saved: dict[str, Any], current: dict[str, Any], folder: RunFolder) -> None:
    """Raise UsageError unless the plans agree in everything but the number of epochs."""
    current = json.loads(json.dumps(current))  # as JSON stores it: tuples become lists
    for part in ("model", "dataset", "direction", "shape", "settings", "training", "precision"):
        old, new = saved.get(part), current[part]
        if not isinstance(new, dict) or not isinstance(old, dict):
            old, new = {part: old}, {part: new}
        differing = [k for k in new if k not in ("epochs", "source") and old.get(k) != new[k]]
        if differing:
            key = differing[0]
            raise UsageError(
                f"{folder} holds a different run: its {key} is {old.get(key)}, not {new[key]}.",
                hint=f"--out {folder}-2 to keep both runs, or {START_OVER}",
            )


@contextmanager
def _deferred_stop() -> Iterator[Callable[[], bool]]:
    """Yield a function that tells whether Ctrl-C or SIGTERM has asked training to stop.

    The first signal lets the current step finish. A second one interrupts at once.
    """
    requested = threading.Event()

    def request(number: int, frame: Any) -> None:
        if requested.is_set():
            raise KeyboardInterrupt
        requested.set()

    if threading.current_thread() is not threading.main_thread():  # Python allows no handlers here
        yield requested.is_set
        return
    before = {s: signal.signal(s, request) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield requested.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
