"""The plan of a run, run.json: the resolved configuration that resuming relies on.

`gan train --config` reads those of other people, so nothing in them is trusted.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from gancli.config import MOST_THREADS, Precision, Preset, Training
from gancli.schema import MAX_JSON, from_json, is_text, parse
from gancli.shape import Direction, Shape
from gancli.weights import ModelFile, Name, TrainedOn

FILE = "run.json"


@dataclass(frozen=True, kw_only=True)
class StartedFrom:
    """The generator that a run started from: the name that was typed, and its file's digest."""

    name: str
    digest: str


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The parts of run.json that are used again; see `Prepared.plan`.

    Raises ValueError if a setting is neither text nor a number.
    """

    model: Name
    settings: Annotated[Mapping[str, Any], (0, 1000)]
    training: Training
    shape: Shape
    dataset: TrainedOn
    device: Name
    precision: Precision  # auto if --dry-run printed it before anything was measured
    direction: Direction | None = None
    threads: Annotated[int, (1, MOST_THREADS)] | None = None  # earlier versions have none
    preset: Preset = "default"
    start_from: StartedFrom | None = None
    model_file: ModelFile | None = None

    def __post_init__(self) -> None:
        for name, value in self.settings.items():
            if not (is_text(name) and _is_plain(value)):
                raise ValueError("a setting is neither text nor a number")


def read(path: Path) -> tuple[dict[str, Any], Plan]:
    """Read a plan as it stands in the file, and checked.

    Raises OSError if the file cannot be read, ValueError if it is not a plan.
    """
    with path.open("rb") as file:
        found = from_json(file.read(MAX_JSON + 1))
    plan = parse(Plan, found)
    return dict(found), plan


def _is_plain(value: Any) -> bool:
    if isinstance(value, str):
        return is_text(value)
    finite = isinstance(value, float) and math.isfinite(value)
    return value is None or type(value) in (bool, int) or finite
