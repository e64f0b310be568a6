"""How long a run is: a number of epochs, from `--epochs`, `--minutes`, or what makes sense."""

import math
import time
from typing import Any

from gancli.config import Training
from gancli.reporting import Say
from gancli.training.prepare import Prepared
from gancli.training.speed import images_per_second
from gancli.training.trainer import Trainer

FEW_STEPS = 3000  # a run without --epochs has at least as many steps
TOO_FEW_STEPS = 500  # a run with --epochs and fewer steps hardly learns anything


def epochs(prepared: Prepared, trainer: Trainer, plan: dict[str, Any] | None, say: Say) -> float:
    """Return the number of epochs of a run, complete ones and the fraction of a last one.

    `plan` is that of the run to resume. `--minutes` is measured once: when the same command resumes
    a run before its end, that end stays. A run resumed without `--epochs` keeps its end, too.
    """
    job, seen, count = prepared.job, trainer.images_seen, len(trainer.data)
    saved: float | None = plan["training"].get("epochs") if plan else None
    if job.minutes is not None:
        same = plan is not None and plan.get("minutes") == job.minutes
        if saved and same and seen < saved * count:
            return saved
        return _in_seconds(job.minutes * 60, prepared, trainer, say)
    if "epochs" in job.typed:
        _warn_if_short(prepared.training, count, say)
        return prepared.training.epochs
    return saved or _enough(prepared.training, count, say)


def _in_seconds(seconds: float, prepared: Prepared, trainer: Trainer, say: Say) -> float:
    """The number of epochs that are done `seconds` after the job was created."""
    option = f"--minutes {seconds / 60:g}"
    say(f"Measuring the speed of training, for {option}.")
    speed = images_per_second(trainer)
    left = seconds - (time.monotonic() - prepared.job.created)
    images = max(trainer.config.batch_size, speed * left)
    found = round((trainer.images_seen + images) / len(trainer.data), 4)
    say(f"At {speed:,.0f} images/s, {option} ends after {found:.3g} epochs.")
    return found


def _enough(training: Training, count: int, say: Say) -> float:
    """The preset's number of epochs, or more if there are so few pictures that it is too short."""
    needed = _epochs_for(FEW_STEPS, training, count)
    if needed <= training.epochs:
        return training.epochs
    say(
        f"{count:,} pictures are only {_steps(training, count):,} steps per epoch, so this run has "
        f"{needed:,} epochs. To set another number: --epochs"
    )
    return float(needed)


def _warn_if_short(training: Training, count: int, say: Say) -> None:
    steps = math.ceil(training.epochs * count / training.batch_size)
    if steps < TOO_FEW_STEPS:
        say(
            f"{training.epochs:g} epochs of {count:,} pictures are only {steps:,} steps, which is "
            f"too short to learn much: try --epochs {_epochs_for(FEW_STEPS, training, count):,}"
        )


def _steps(training: Training, count: int) -> int:
    return math.ceil(count / training.batch_size)


def _epochs_for(steps: int, training: Training, count: int) -> int:
    return math.ceil(steps * training.batch_size / count)
