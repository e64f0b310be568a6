"""The folder of a run: its files, the lock on it, and whether the run in it can be resumed.

runs/dcgan-fashion-mnist/
  generator.safetensors      averaged weights, with a header that describes the model
  best.safetensors           those of the best epoch, if a measure tells which one is best
  discriminator.safetensors
  training.safetensors       the checkpoint: everything else that resuming needs
  epoch.safetensors          the checkpoint at the start of the epoch, after a stop in mid-epoch
  run.json                   the plan: the resolved configuration
  metrics.jsonl              one line per epoch
  samples/epoch-0001.png ... one sample grid per epoch, always of the same seeds
  progress.gif, losses.png
  .claim                     empty; locked by the process that trains here
"""

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from gancli import weights
from gancli.errors import FileError
from gancli.files import claim, write_file
from gancli.training.precision import FORMATS

START_OVER = "--fresh to start over"


class RunFolder:
    """The files of the run in `path`; creating this object touches none of them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.generator = path / weights.GENERATOR
        self.best = path / weights.BEST
        self.discriminator = path / "discriminator.safetensors"
        self.training = path / "training.safetensors"
        self.epoch_start = path / "epoch.safetensors"
        self.plan = path / "run.json"
        self.metrics = path / "metrics.jsonl"
        self.progress = path / "progress.gif"
        self.losses = path / "losses.png"

    def __str__(self) -> str:
        return str(self.path)

    def samples(self, epoch: int) -> Path:
        """The path of the sample grid of an epoch."""
        return self.path / "samples" / f"epoch-{epoch:04d}.png"

    def all_samples(self) -> list[Path]:
        """The sample grids that exist, in the order of their epochs."""
        return sorted(self.path.glob("samples/epoch-*.png"))

    def claim(self) -> None:
        """Create the folder and lock it for this process.

        Raises UsageError if another process has locked it, FileError if it cannot be written.
        """
        claim(self.path)

    # -- what can be resumed ------------------------------------------------------------------

    def saved_plan(self) -> dict[str, Any] | None:
        """The plan of the run that can be resumed here, or None if the folder has none.

        Raises FileError if a part of the run is missing or damaged.
        """
        if not any(file.exists() for file in (self.training, self.generator, self.best)):
            return None
        plan = self._read_plan()
        if self.training.exists():
            return plan
        in_first_epoch = not (self.losses.exists() or self.samples(2).exists())
        if in_first_epoch and self.generator.exists():
            return None  # a crash while the files of the first epoch were written: start over
        raise FileError(
            f"{self} holds a model but no {self.training.name}, so the run cannot be resumed.",
            hint=self._keep_hint,
        )

    def _read_plan(self) -> dict[str, Any]:
        try:
            plan = json.loads(self.plan.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise FileError(
                f"{self} holds a model but no run.json, so the run cannot be resumed.",
                hint=self._keep_hint,
            ) from None
        except (OSError, ValueError):
            plan = None
        if not _is_plan(plan):
            raise FileError(f"{self.plan} is damaged.", hint=START_OVER)
        return dict(plan)

    @property
    def _keep_hint(self) -> str:
        return f"--out {self}-2 to keep the model, or {START_OVER}"

    def last_epoch_state(self) -> Path:
        """The checkpoint from the end of the last complete epoch."""
        return self.epoch_start if self.epoch_start.exists() else self.training

    def keep_epoch_start(self) -> None:
        """Copy the checkpoint of the last epoch's end, before a stop in mid-epoch overwrites it."""
        if not self.epoch_start.exists():
            write_file(self.epoch_start, self.training.read_bytes(), durable=True)

    def drop_stale_epoch_start(self, epoch: int, images: int) -> None:
        """Delete `epoch_start` if it is damaged or not the checkpoint at the start of `epoch`.

        A crash may leave such a file. `images` is the number of images in an epoch.
        """
        try:
            images_seen = int(weights.load(self.epoch_start)["clock"])
        except (FileError, KeyError):
            images_seen = -1
        if images_seen // images != epoch:
            self.epoch_start.unlink(missing_ok=True)

    # -- writing ------------------------------------------------------------------------------

    def write_plan(self, plan: dict[str, Any]) -> None:
        """Write run.json."""
        write_file(self.plan, json.dumps(plan, indent=2).encode(), durable=True)

    def set_aside_damaged_best(self) -> Path | None:
        """Rename the best weights if they cannot be read, so that training can save others.

        Returns the new path, or None if there was nothing to rename.
        """
        if not self.best.exists():
            return None
        try:
            weights.read_generator(self.best)
            weights.load(self.best)  # the header alone does not show that the file is truncated
        except FileError:
            return self.best.rename(self.best.with_stem("best.damaged"))
        return None

    def clear(self) -> None:
        """Remove the files of an earlier run, and no others.

        Raises FileError if a file cannot be removed.
        """
        networks = self.generator, self.best, self.discriminator
        if not any(file.exists() for file in (self.plan, self.training, *networks)):
            return
        others = self.epoch_start, self.metrics, self.progress, self.losses
        try:
            for file in (*networks, self.training, *others, self.plan, *self.all_samples()):
                file.unlink(missing_ok=True)
        except OSError as e:
            raise FileError(
                f"Could not delete the earlier run in {self}: {e.strerror}.",
                hint="--out with another folder",
            ) from None

    def append(self, record: dict[str, Any]) -> None:
        """Add a line to metrics.jsonl and sync it to disk: it must precede its checkpoint.

        Raises FileError if the file cannot be written.
        """
        try:
            with self.metrics.open("a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as e:
            raise FileError(
                f"Could not write {self.metrics}: {e.strerror}.", hint="--out with another folder"
            ) from None

    def records(self) -> list[dict[str, Any]]:
        """The lines of metrics.jsonl, without damaged ones; empty if the file does not exist."""
        if not self.metrics.exists():
            return []
        found = []
        for line in self.metrics.read_text(encoding="utf-8", errors="replace").splitlines():
            with suppress(ValueError, RecursionError):
                found.append(json.loads(line))
        return [record for record in found if isinstance(record, dict)]

    def trim(self, images_seen: int) -> None:
        """Drop the lines of epochs beyond `images_seen`: those epochs will run again."""
        done = range(images_seen + 1)
        kept = [line for line in self.records() if line.get("images_seen") in done]
        write_file(self.metrics, "".join(json.dumps(line) + "\n" for line in kept).encode())


def _is_plan(found: object) -> bool:
    """Whether `found` is a plan, at least in the parts that resuming relies on."""
    if not isinstance(found, dict) or not isinstance(found.get("training"), dict):
        return False
    return isinstance(found.get("device"), str) and found.get("precision") in FORMATS
