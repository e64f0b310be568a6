"""Whether a folder holds the run that a command describes, and what to type to resume it."""

import json
from typing import Any

from gancli.config import as_typed
from gancli.errors import UsageError
from gancli.reporting import Say
from gancli.training.folder import START_OVER, RunFolder

PARTS = ("model", "dataset", "direction", "shape", "settings", "training", "precision")
LONGEST = 60  # characters of a value
OPTIONS = {"direction": "--direction", "size": "--image-size", "precision": "--precision"}


def check_same_run(saved: dict[str, Any], current: dict[str, Any], folder: RunFolder) -> None:
    """Raise UsageError unless the plans agree in everything but the number of epochs.

    The message lists every difference, and the hint has the options that resume the saved run.
    """
    current = json.loads(json.dumps(current))  # as JSON stores it: tuples become lists
    found = [d for part in PARTS for d in _differences(part, saved.get(part), current[part])]
    if not found:
        return
    listed = ", its ".join(f"{key} is {_cut(old)}, not {new}" for _, key, old, new in found)
    options = [_option(part, key, old) for part, key, old, _ in found]
    resume = "" if None in options else f"{' '.join(map(str, options))} to resume it, "
    raise UsageError(
        f"{folder} holds a different run: its {listed}.",
        hint=f"{resume}--out {folder}-2 to keep both runs, or {START_OVER}",
    )


def _cut(value: Any) -> str:
    """Show a value of run.json, which may come from a stranger, in at most LONGEST characters."""
    shown = str(value)
    return shown if len(shown) <= LONGEST else f"{shown[:LONGEST]} ..."


def announce_edits(saved: dict[str, Any], current: dict[str, Any], say: Say) -> None:
    """Tell if the file of the model was edited since the run was saved.

    The run goes on: a new comment changes the file too, and weights that no longer fit the networks
    are refused when they are loaded. A change of the losses cannot be noticed.
    """
    before, now = saved.get("model_file") or {}, current["model_file"] or {}
    if before != now:
        say(
            f"{(now or before)['name']} was edited after this run started. The run continues with "
            f"the new code; {START_OVER}."
        )


def _differences(part: str, old: Any, new: Any) -> list[tuple[str, str, Any, Any]]:
    """Return the part, key, old and new value of everything in which a part differs."""
    if not isinstance(new, dict) or not isinstance(old, dict):
        old, new = {part: old}, {part: new}
    different = (k for k in new if k not in ("epochs", "source") and old.get(k) != new[k])
    return [(part, key, old.get(key), new[key]) for key in different]


def _option(part: str, key: str, old: Any) -> str | None:
    """Return the option that gives a setting its old value; None if none does."""
    if old is None or len(str(old)) > LONGEST:
        return None
    if part in ("settings", "training"):
        return as_typed(key, old)
    return f"{OPTIONS[key]} {old}" if key in OPTIONS else None
