"""The folder of a run: every file in it, who may write there, and what can be resumed.

runs/dcgan-fashion-mnist/
  generator.safetensors      averaged weights, and a header that tells what they are
  best.safetensors           those of the best epoch, where a measure tells which that is
  discriminator.safetensors
  training.safetensors       everything else that going on needs
  epoch.safetensors          the same as the epoch began, beside a stop in its middle
  run.json                   what was asked for
  metrics.jsonl              a line an epoch
  samples/epoch-0001.png ... a grid an epoch, of the same seeds
  progress.gif, losses.png
  .claim                     empty; held by the process that trains there
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

START_OVER = "--fresh starts the run over"


class RunFolder:
    """The files of the run in `path`; building this touches none of them."""

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
        """The grid of an epoch."""
        return self.path / "samples" / f"epoch-{epoch:04d}.png"

    def all_samples(self) -> list[Path]:
        """The grids there are, by epoch."""
        return sorted(self.path.glob("samples/epoch-*.png"))

    def claim(self) -> None:
        """Create the folder and lock it for this process.

        Raises UsageError where another process holds it, FileError where it cannot be written.
        """
        claim(self.path)

    # -- what can be resumed ------------------------------------------------------------------

    def begun(self) -> dict[str, Any] | None:
        """The plan of the run that can be gone on with here, or None where there is none.

        Raises FileError where there is a run of which a part is missing or damaged.
        """
        if not any(file.exists() for file in (self.training, self.generator, self.best)):
            return None
        found = self._plan()
        if self.training.exists():
            return found
        first = not (self.losses.exists() or self.samples(2).exists())
        if first and self.generator.exists():
            return None  # a crash while the first epoch was closed
        raise FileError(
            f"{self} holds a model, but no {self.training.name} to go on from.", hint=self._keep
        )

    def _plan(self) -> dict[str, Any]:
        try:
            found = json.loads(self.plan.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise FileError(f"{self} holds a model, but no run.json.", hint=self._keep) from None
        except (OSError, ValueError):
            found = None
        if not _is_plan(found):
            raise FileError(f"{self.plan} is damaged.", hint=START_OVER)
        return dict(found)

    @property
    def _keep(self) -> str:
        return f"--out {self}-2 keeps it, {START_OVER}"

    def last_epoch(self) -> Path:
        """The state that the run had when its last epoch was closed."""
        return self.epoch_start if self.epoch_start.exists() else self.training

    def keep_epoch_start(self) -> None:
        """Keep the state of the last epoch's end, which a stop in mid-epoch writes over."""
        if not self.epoch_start.exists():
            write_file(self.epoch_start, self.training.read_bytes(), durable=True)

    def drop_stale_epoch_start(self, epoch: int, images: int) -> None:
        """Remove the start of another epoch than `epoch`, or half of one, that a crash left.

        `images` are those of an epoch.
        """
        try:
            began = int(weights.load(self.epoch_start)["clock"])
        except (FileError, KeyError):
            began = -1
        if began // images != epoch:
            self.epoch_start.unlink(missing_ok=True)

    # -- writing ------------------------------------------------------------------------------

    def write_plan(self, plan: dict[str, Any]) -> None:
        """Write run.json."""
        write_file(self.plan, json.dumps(plan, indent=2).encode(), durable=True)

    def clear(self) -> None:
        """Remove the files of an earlier run, and nothing else."""
        networks = self.generator, self.best, self.discriminator
        if not any(file.exists() for file in (self.plan, self.training, *networks)):
            return
        others = self.epoch_start, self.metrics, self.progress, self.losses
        try:
            for file in (*networks, self.training, *others, self.plan, *self.all_samples()):
                file.unlink(missing_ok=True)
        except OSError as e:
            raise FileError(f"{self} cannot be cleared: {e.strerror}.", hint="--out") from None

    def append(self, record: dict[str, Any]) -> None:
        """Add a line of metrics, durably: it precedes the checkpoint that it belongs to."""
        try:
            with self.metrics.open("a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as e:
            raise FileError(
                f"{self.metrics} cannot be written: {e.strerror}.", hint="--out"
            ) from None

    def records(self) -> list[dict[str, Any]]:
        """The lines of metrics, but for torn ones; none where there is no file."""
        if not self.metrics.exists():
            return []
        found = []
        for line in self.metrics.read_text(encoding="utf-8", errors="replace").splitlines():
            with suppress(ValueError, RecursionError):
                found.append(json.loads(line))
        return [record for record in found if isinstance(record, dict)]

    def trim(self, images_seen: int) -> None:
        """Drop the lines of epochs that lie ahead of `images_seen`: they are run again."""
        done = range(images_seen + 1)
        kept = [line for line in self.records() if line.get("images_seen") in done]
        write_file(self.metrics, "".join(json.dumps(line) + "\n" for line in kept).encode())


def _is_plan(found: object) -> bool:
    """Whether that is what a run wrote, as far as going on relies on it."""
    if not isinstance(found, dict) or not isinstance(found.get("training"), dict):
        return False
    return isinstance(found.get("device"), str) and found.get("precision") in FORMATS
