"""Whether a folder holds the run that a command describes, and what to type to resume it."""

import json
from typing import Any

from gancli.config import as_typed
from gancli.errors import UsageError
from gancli.reporting import Say
from gancli.training.folder import START_OVER, RunFolder
from gancli.training.trainer import Trainer

# The parts of a plan that must agree. Those of a later group follow from those of an earlier one,
# so a message lists the differences of the first group that has any.
GROUPS = (("model", "dataset", "direction"), ("shape",), ("settings", "training", "precision"))
DATA = ("pictures", "digest")  # of the dataset: these may change if the user accepts that
LONGEST = 60  # characters of a value
OPTIONS = {"direction": "--direction", "size": "--image-size", "precision": "--precision"}
WORDS = {  # for keys whose name says little to the user
    "name": "dataset",
    "size": "image size",
    "channels": "number of colour channels",
    "source": "number of input channels",
    "classes": "number of classes",
    "palette": "list of label colours",
    "precision": "number format",
}


def check_same_run(
    saved: dict[str, Any],
    current: dict[str, Any],
    folder: RunFolder,
    say: Say,
    accept_new_data: bool = False,
) -> None:
    """Raise UsageError unless the plans agree in everything but the number of epochs.

    The message lists the differences, and the hint has the options that resume the saved run. With
    `accept_new_data` the pictures may differ, which `say` is told.
    """
    current = json.loads(json.dumps(current))  # as JSON stores it: tuples become lists
    for parts in GROUPS:
        found = [d for part in parts for d in _differences(part, saved.get(part), current[part])]
        if found:
            raise _different_run(found, folder)
    if news := _news_of_pictures(saved, current, folder):
        if not accept_new_data:
            raise UsageError(f"{news} {_alternatives(folder)}", hint="--accept-new-data")
        say(f"{news} The run continues with the current pictures.")


def _different_run(found: list[tuple[str, str, Any, Any]], folder: RunFolder) -> UsageError:
    listed = ", its ".join(
        f"{WORDS.get(key, key)} is {_cut(old)}, not {_cut(new)}" for _, key, old, new in found
    )
    options = [_option(part, key, old) for part, key, old, _ in found]
    resume = "" if None in options else " ".join(map(str, options))
    return UsageError(
        f"{folder} holds a different run: its {listed}. {_alternatives(folder)}",
        hint=resume or f"--out {folder}-2",
    )


def _alternatives(folder: RunFolder) -> str:
    return f"To keep that run and train another: --out {folder}-2. To start over: --fresh."


def _news_of_pictures(
    saved: dict[str, Any], current: dict[str, Any], folder: RunFolder
) -> str | None:
    """Say in a sentence how the pictures have changed; None if they have not."""
    before, now = saved["dataset"], current["dataset"]
    if all(before.get(key) == now[key] for key in DATA):
        return None
    data = now["source"] or now["name"]
    noun = "pair" if current["direction"] else "picture"
    if more := now["pictures"] - before.get("pictures", 0):
        counted = f"{abs(more):,} {'more' if more > 0 else 'fewer'} {noun}{'s' * (abs(more) > 1)}"
        return f"{data} has {counted} than when {folder} was last trained."
    return f"The {noun}s of {data} have changed since {folder} was last trained."


def _cut(value: Any) -> str:
    """Show a value of run.json, which may come from a stranger, in at most LONGEST characters."""
    shown = str(value)
    return shown if len(shown) <= LONGEST else f"{shown[:LONGEST]} ..."


def announce_resume(trainer: Trainer, folder: RunFolder, saved: dict[str, Any], say: Say) -> None:
    """Tell where the run stands, and how a new length changes its learning rate.

    `saved` are the training options in its plan.
    """
    done, epochs = trainer.epochs_done, trainer.config.epochs
    if trainer.images_seen >= trainer.total:
        say(
            f"{folder} is already trained ({done:.1f} epochs). "
            f"Use --epochs {int(done) + 25} to train longer, or {START_OVER}."
        )
        return
    say(f"Resuming {folder} after {done:.1f} epochs.")
    before = saved.get("epochs", epochs)
    if trainer.config.lr_decay and epochs != before:
        say(
            f"The learning rate now reaches 0 after {epochs:g} epochs instead of "
            f"{before:g}. It continues from {trainer.learning_rate:.2g}."
        )


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
    free = ("epochs",) if part == "training" else ("source", *DATA) if part == "dataset" else ()
    different = (k for k in new if k not in free and old.get(k) != new[k])
    return [(part, key, old.get(key), new[key]) for key in different]


def _option(part: str, key: str, old: Any) -> str | None:
    """Return the option that gives a setting its old value; None if none does."""
    if old is None or len(str(old)) > LONGEST:
        return None
    if part in ("settings", "training"):
        return as_typed(key, old)
    return f"{OPTIONS[key]} {old}" if key in OPTIONS else None
