"""What is known about runs and pretrained generators: name, model, data, progress, best epoch.

Imports no torch. A run that was stopped before its first checkpoint has no generator and is not
listed.
"""

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gancli import pretrained
from gancli.errors import FileError
from gancli.sampling.find import RUNS, newest_first
from gancli.weights import BEST, Best, Header, read_generator


@dataclass(frozen=True, kw_only=True)
class RunSummary:
    """One run: its folder's name, its generator's header, and what its files say.

    `epochs` are those planned, None if run.json cannot be read. `size` is in bytes, `modified` in
    local time. A pretrained generator has no best epoch and no planned epochs.
    """

    name: str
    header: Header
    best: Best | None
    epochs: float | None
    size: int
    modified: datetime
    pretrained: bool = False

    @property
    def epochs_done(self) -> float:
        """Complete passes over the training pictures."""
        return self.header.images_seen / max(1, self.header.dataset.pictures)


def summaries(runs: Path = RUNS) -> list[RunSummary]:
    """Return the runs in the folder `runs`, the newest first; damaged ones are left out."""
    found = []
    for file in newest_first(runs):
        with suppress(FileError):
            found.append(_summary(file))
    return found


def pretrained_summaries() -> list[RunSummary]:
    """Return the generators that come with gan."""
    found = []
    for file in pretrained.files():
        with suppress(FileError):
            header, about = read_generator(file), file.stat()
            date = header.card and datetime.fromisoformat(header.card.date)
            found.append(
                RunSummary(
                    name=file.stem,
                    header=header,
                    best=None,
                    epochs=None,
                    size=about.st_size,
                    modified=date or datetime.fromtimestamp(about.st_mtime),
                    pretrained=True,
                )
            )
    return found


def _summary(file: Path) -> RunSummary:
    folder = file.parent
    files = [f.lstat() for f in folder.rglob("*") if f.is_file()]
    return RunSummary(
        name=folder.name,
        header=read_generator(file),
        best=_best(folder / BEST),
        epochs=_planned_epochs(folder),
        size=sum(f.st_size for f in files),
        modified=datetime.fromtimestamp(file.stat().st_mtime),
    )


def _best(file: Path) -> Best | None:
    with suppress(FileError):  # it is missing or damaged
        return read_generator(file).best
    return None


def _planned_epochs(folder: Path) -> float | None:
    with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
        plan = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        return float(plan["training"]["epochs"])
    return None
