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
  samples/latest.png         the newest sample grid, also drawn within an epoch
  samples/fresh.png          the same, until the first checkpoint of a run that replaces another
  progress.gif, losses.png
  .earlier/, .fresh          see `earlier`
  .claim                     empty; locked by the process that trains here
"""

import json
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Annotated, Any

from gancli import plans, weights
from gancli.errors import FileError
from gancli.files import CLAIM, Claim, open_in_place, write_file
from gancli.schema import from_json, is_text, parse
from gancli.training.state import read_clock
from gancli.weights import Count

FRESH = "--fresh"
START_OVER = f"{FRESH} to start over"
MAX_METRIC = 1e30  # larger numbers were not measured, and no chart could show them
EPOCH_DIGITS = 4  # of the fraction of an epoch in metrics.jsonl
MAX_NAME = 100  # characters of a metric's name


@dataclass(frozen=True, kw_only=True)
class Record:
    """The parts of a line of metrics.jsonl that every epoch has; its metrics are beside them."""

    epoch: Annotated[float, (0, 1e9)]  # a fraction if the run ended within an epoch
    images_seen: Count


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
        self.latest_samples = path / "samples" / "latest.png"
        self.fresh_samples = path / "samples" / "fresh.png"
        self.progress = path / "progress.gif"
        self.losses = path / "losses.png"
        self.earlier, self.earlier_part = path / ".earlier", path / ".earlier.part"
        self._claim: Claim | None = None

    def __str__(self) -> str:
        return str(self.path)

    def __fspath__(self) -> str:
        return str(self.path)

    def samples(self, epoch: int) -> Path:
        """The path of the sample grid of an epoch."""
        return self.path / "samples" / f"epoch-{epoch:04d}.png"

    def all_samples(self) -> list[Path]:
        """The sample grids that exist, in the order of their epochs."""
        return sorted(self.path.glob("samples/epoch-*.png"))

    def claim(self) -> None:
        """Create the folder and lock it until `release`.

        Raises UsageError if another run has locked it, FileError if it cannot be written.
        """
        self._claim = Claim(self.path)

    def release(self) -> None:
        """Unlock the folder, if it is locked."""
        if self._claim is not None:
            self._claim.release()

    def is_lost(self) -> bool:
        """Whether the folder was deleted or moved since `claim`."""
        return self._claim is not None and not self._claim.is_in_place()

    def recreated(self) -> "RunFolder":
        """Claim a new folder in place of this one, which is lost.

        It has the same path, or a number after it if another run has started there meanwhile.
        """
        path, numbers = self.path, count(2)
        while (path / CLAIM).exists():
            path = self.path.with_name(f"{self.path.name}-{next(numbers)}")
        self.release()
        folder = RunFolder(path)
        folder.claim()
        return folder

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
        raise self._lacks(self.training)

    def _lacks(self, file: Path) -> FileError:
        return FileError(
            f"{self} holds a model but no {file.name}, so the run cannot be resumed. To replace "
            f"that model, add {FRESH}.",
            hint=f"--out {self}-2",
        )

    def _read_plan(self) -> dict[str, Any]:
        try:
            found, _ = plans.read(self.plan)
        except FileNotFoundError:
            raise self._lacks(self.plan) from None
        except (OSError, ValueError):
            raise FileError(f"{self.plan} is damaged.", hint=FRESH) from None
        return found

    def last_epoch_state(self) -> Path:
        """The checkpoint from the end of the last complete epoch."""
        return self.epoch_start if self.epoch_start.exists() else self.training

    def keep_epoch_start(self) -> None:
        """Copy the checkpoint of the last epoch's end, before a stop in mid-epoch overwrites it."""
        if not self.epoch_start.exists():
            write_file(self.epoch_start, self.training.read_bytes(), durable=True)

    def drop_stale_epoch_start(self, seen: int, images: int) -> None:
        """Delete `epoch_start` unless it is an earlier checkpoint, at the start of this epoch.

        A crash may leave a stale or damaged one, or one that equals the checkpoint. The run has
        seen `seen` images; `images` is the number of images in an epoch.
        """
        try:
            images_seen = read_clock(weights.load(self.epoch_start), images)
        except (FileError, KeyError, ValueError):
            images_seen = seen
        if images_seen == seen or images_seen // images != seen // images:
            self.epoch_start.unlink(missing_ok=True)

    # -- writing ------------------------------------------------------------------------------

    def write_plan(self, plan: dict[str, Any]) -> None:
        """Write run.json."""
        write_file(self.plan, json.dumps(plan, indent=2).encode(), durable=True)

    def best_epoch(self) -> weights.Best | None:
        """What the best weights say about their epoch; None if there are none."""
        with suppress(FileError):
            return weights.read_generator(self.best).best
        return None

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
        try:
            for file in self.own_files():
                file.unlink(missing_ok=True)
        except OSError as e:
            raise FileError(
                f"Could not delete the earlier run in {self}: {e.strerror}.",
                hint="--out with another folder",
            ) from None

    def holds_weights(self) -> bool:
        """Whether the folder has weights of a run, complete or not."""
        files = self.training, self.generator, self.best, self.discriminator
        return any(file.exists() for file in files)

    def own_files(self) -> list[Path]:
        """The files of a run here, whether they exist or not."""
        networks = self.generator, self.best, self.discriminator
        state = self.training, self.epoch_start, self.metrics, self.plan
        grids = self.latest_samples, self.fresh_samples, *self.all_samples()
        return [*networks, *state, *grids, self.progress, self.losses]

    def remove(self) -> bool:
        """Remove the run and its folder; return False if files of others keep the folder alive.

        Raises FileError if a file cannot be removed.
        """
        self.clear()
        for folder in (self.earlier, self.earlier_part):
            shutil.rmtree(folder, ignore_errors=True)
        (self.path / CLAIM).unlink(missing_ok=True)
        with suppress(OSError):  # not empty
            (self.path / "samples").rmdir()
        with suppress(OSError):
            self.path.rmdir()
        return not self.path.exists()

    def append(self, record: dict[str, Any]) -> None:
        """Add a line to metrics.jsonl and sync it to disk: it must precede its checkpoint.

        Raises FileError if the file cannot be written.
        """
        try:
            with open_in_place(self.metrics, "ab") as file:
                file.write(json.dumps(record).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as e:
            raise FileError(
                f"Could not write {self.metrics}: {e.strerror}.", hint="--out with another folder"
            ) from None

    def records(self) -> list[dict[str, Any]]:
        """The lines of metrics.jsonl, as `_lines` reads them, with no values but finite numbers."""
        return [{k: v for k, v in line.items() if _is_metric(k, v)} for line in self._lines()]

    def _lines(self) -> list[dict[str, Any]]:
        """The lines of metrics.jsonl, without damaged ones; empty if the file does not exist."""
        if not self.metrics.exists():
            return []
        found = []
        for line in self.metrics.read_text(encoding="utf-8", errors="replace").splitlines():
            with suppress(ValueError):
                record = from_json(line)
                parse(Record, record)
                found.append(record)
        return found

    def trim(self, epochs: float) -> None:
        """Drop the lines of epochs beyond `epochs`: those epochs will run again."""
        kept = [line for line in self._lines() if line["epoch"] <= round(epochs, EPOCH_DIGITS)]
        write_file(self.metrics, "".join(json.dumps(line) + "\n" for line in kept).encode())


def _is_metric(name: str, value: Any) -> bool:
    return type(value) in (int, float) and abs(value) <= MAX_METRIC and is_text(name, MAX_NAME)
