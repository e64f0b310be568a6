"""A training run: resumes from its folder, trains, and keeps the folder up to date.

Nothing here prints. Messages for the user go to `say`. `Run.train` yields reports, so the caller
can draw the progress.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from gancli import weights
from gancli.errors import FileError, GanError
from gancli.reporting import Say
from gancli.training import distributed, earlier, epoch, length, resuming
from gancli.training.dataset import training_dataset
from gancli.training.folder import FRESH, RunFolder
from gancli.training.memory_errors import memory_errors
from gancli.training.precision import FORMATS
from gancli.training.prepare import Prepared
from gancli.training.reports import Report
from gancli.training.same_run import announce_edits, announce_resume, check_same_run
from gancli.training.signals import deferred_stop
from gancli.training.timetable import Timetable
from gancli.training.trainer import Trainer

SAMPLE_TIMES = (10, 30, 60)  # seconds after which the first samples are drawn within an epoch,
SAMPLE_EVERY = 180  # and seconds between later ones
MAX_ROLLBACKS = 3  # times that a diverging run is rolled back before it ends with an error


class Stopped(KeyboardInterrupt):
    """Training was stopped by a signal, after the run saved its state."""


class Run:
    """A run, resumed from its folder or started in an empty one.

    Creating it loads the data to the device and locks the folder, until `train` or `close`. Raises
    UsageError if the folder holds a different run, FileError if the folder cannot be used.
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
        self.replacing = False  # an earlier run, which is still in the folder
        initial = self.trainer.state()
        if distributed.is_rank_zero():
            self.folder.claim()
            earlier.forget_announced(self.folder)
        try:
            self._resume()
        except BaseException:
            self.close()
            raise
        if prepared.job.compile:
            say("Compiling the networks: the first step takes a minute or two.")
        self._samples = Timetable(SAMPLE_EVERY, SAMPLE_TIMES)
        self._checkpoints = Timetable(prepared.job.save_every)
        # The state to roll back to during the first epoch. Later ones are in the folder.
        in_first_epoch = self.trainer.images_seen < len(self.trainer.data)
        self._initial: dict[str, torch.Tensor] | None = initial if in_first_epoch else None

    def train(self) -> Iterator[Report]:
        """Train to the last epoch.

        Each epoch leaves a checkpoint, a sample grid and a line of metrics in the folder. Within an
        epoch, samples and checkpoints follow the clock, without an effect on the result. Ctrl-C,
        SIGTERM or SIGHUP (a closed terminal) saves the state of the run and raises Stopped. Raises
        GanError if training diverges more than MAX_ROLLBACKS times; the last good checkpoint stays
        in the folder. If the folder was deleted or moved, saves the run in a new one and raises
        FileError.
        """
        with closing(self):
            with (
                deferred_stop() as stop_requested,
                memory_errors(self.trainer, self.prepared, self.folder),
            ):
                for report in self._reports_with_rollback():
                    report = self._end_epoch(report) if report.epoch_ended else self._tick(report)
                    yield report
                    if distributed.any_rank(stop_requested() or distributed.orphaned()):
                        self._stop(saved=report.epoch_ended)
            if distributed.is_rank_zero():
                with self._saving():
                    epoch.draw_summary(self.folder, self._say)

    def close(self) -> None:
        """Stop reading data and unlock the folder. `train` does so at its end."""
        self.trainer.close()
        self.folder.release()

    def _end_epoch(self, report: Report) -> Report:
        """Write the files of the epoch that has ended."""
        if distributed.is_rank_zero():
            with self._saving_checkpoint():
                report = epoch.save_epoch(
                    report, self.prepared, self.trainer, self.folder, self._say
                )
            self._checkpoints.restart()
        self._initial = None
        return report

    def _tick(self, report: Report) -> Report:
        """Draw samples and save a checkpoint within an epoch, if their time has come."""
        if not distributed.is_rank_zero():
            return report
        if self._samples.due():
            with self._saving():
                path = self.folder.fresh_samples if self.replacing else self.folder.latest_samples
                drawn = epoch.draw_samples(self.prepared, self.trainer, path)
            report = replace(report, samples=drawn)
        if self._checkpoints.due():
            self._save_mid_epoch()
        return report

    # -- resuming -----------------------------------------------------------------------------

    def _resume(self) -> None:
        """Load the checkpoint of the run in the folder, or clear the folder for a new run."""
        job, now = self.prepared.job, self.prepared.plan()
        plan = resuming.saved_plan(job)
        if plan is not None:
            check_same_run(plan, now, self.folder, self._say, job.accept_new_data)
            self._load()
        elif distributed.is_rank_zero():
            self._make_way()
        self._set_length(plan)
        if plan is not None:
            announce_resume(self.trainer, self.folder, plan["training"], self._say)
            announce_edits(plan, now, self._say)
        if not distributed.is_rank_zero() or self.replacing:
            return
        if moved := self.folder.set_aside_damaged_best():
            self._say(f"{self.folder.best} is damaged. It was renamed to {moved.name}.")
        if self.trainer.images_seen < self.trainer.total:
            self.folder.write_plan(self.prepared.plan())

    def _make_way(self) -> None:
        """Clear the folder; but a run that --fresh replaces stays until the first checkpoint."""
        folder, fresh = self.folder, self.prepared.job.fresh
        self.replacing = fresh and folder.holds_weights()
        if self.replacing:
            earlier.announce(folder)
        elif folder.holds_weights() or folder.plan.exists():  # else, similar files are the user's
            folder.clear()

    def _set_length(self, plan: dict[str, Any] | None) -> None:
        epochs = length.epochs(self.prepared, self.trainer, plan, self._say)
        training = replace(self.prepared.training, epochs=epochs)
        self.prepared = replace(self.prepared, training=training)
        self.trainer.set_epochs(epochs)

    def _load(self) -> None:
        self._restore(self.folder.training, self.trainer.load)
        if distributed.is_rank_zero():
            seen, images = self.trainer.images_seen, len(self.trainer.data)
            self.folder.drop_stale_epoch_start(seen, images)
            self.folder.trim(self.trainer.epochs_done)

    def _restore(self, path: Path, load: Callable[[dict[str, torch.Tensor]], None]) -> None:
        """Pass the checkpoint `path` to `load`. Raises FileError if it is not one of this run."""
        try:
            load(self._read_state(path))
        except FileError as damaged:
            raise FileError(damaged.message, hint=FRESH) from None
        except (KeyError, RuntimeError, TypeError, ValueError):
            raise FileError(f"{path} does not match this model.", hint=FRESH) from None
        if not self.trainer.is_finite():
            message = f"{path} contains weights that are infinite or not a number."
            raise FileError(message, hint=FRESH)

    def _read_state(self, path: Path) -> dict[str, torch.Tensor]:
        """The tensors of a checkpoint. Rank 0 reads it for all: other machines may not have it."""
        if distributed.world_size() == 1:
            return weights.load(path)
        data = path.read_bytes() if distributed.is_rank_zero() else b""
        return weights.unpack(distributed.broadcast_bytes(data), path)

    # -- stopping and rolling back ------------------------------------------------------------

    def _stop(self, saved: bool) -> None:
        """Save the state of the run and raise Stopped. All processes wait for the save."""
        if distributed.is_rank_zero() and not saved:
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
        with self._saving_checkpoint():
            if self._initial is None:
                self.folder.keep_epoch_start()
            epoch.save_networks(self.prepared, self.trainer, self.folder)
            epoch.save_training(self.prepared, self.trainer, self.folder)

    @contextmanager
    def _saving(self) -> Iterator[None]:
        """Around a block that writes files: check that the folder is still in its place."""
        self._check_folder()
        try:
            yield
        finally:
            self._check_folder()

    @contextmanager
    def _saving_checkpoint(self) -> Iterator[None]:
        """As `_saving`, for a checkpoint: the first one replaces the earlier run in the folder."""
        with self._saving():
            if self.replacing:
                with earlier.replaced_by(self.folder, self.prepared.plan()):
                    yield
                self.replacing = False
            else:
                yield

    def _check_folder(self) -> None:
        """Raise FileError if the folder was deleted or moved, after saving the run in a new one."""
        if not self.folder.is_lost():
            return
        lost, self.folder = self.folder, self.folder.recreated()
        self.folder.write_plan(self.prepared.plan())
        epoch.save_networks(self.prepared, self.trainer, self.folder)
        epoch.save_training(self.prepared, self.trainer, self.folder)
        raise FileError(
            f"The folder {lost} was deleted or moved during the run. The run was saved in "
            f"{self.folder}, without its earlier samples and metrics.",
            hint=f"--out {self.folder} to resume it",
        )

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
        if self.trainer.schedule.rollbacks >= MAX_ROLLBACKS:
            kept = f" The last good checkpoint is in {self.folder}."
            raise GanError(
                f"{diverged} The run was already rolled back {MAX_ROLLBACKS} times."
                f"{'' if self._initial else kept}",
                hint=f"--lr {lr / 2 ** (MAX_ROLLBACKS + 1):g} --fresh",
            )
        if self.folder.is_lost() and not self._initial:
            raise FileError(
                f"{diverged} The checkpoint to return to is gone: {self.folder} was deleted or "
                "moved.",
                hint=FRESH,
            )
        if self._initial:
            self.trainer.roll_back(self._initial)
        else:
            self._restore(self.folder.last_epoch_state(), self.trainer.roll_back)
        if distributed.is_rank_zero() and not self.replacing:
            self.folder.trim(self.trainer.epochs_done)
        rate = lr / 2**self.trainer.schedule.rollbacks
        self._say(
            f"{diverged} Rolling back to the start of the epoch, at half the learning rate "
            f"({rate:g})."
        )
