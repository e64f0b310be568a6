"""`--config`: the configuration of another run, as the defaults of the options of `gan train`."""

import json
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from gancli import plans
from gancli.cli import console
from gancli.cli.options import is_typed, refuse
from gancli.errors import FileError, UsageError
from gancli.plans import Plan
from gancli.plugins import is_file
from gancli.sampling.find import RUNS


def take_defaults(ctx: typer.Context, word: str | None) -> str | None:
    """Let the options that are not typed be those of the plan that `word` names.

    The callback of --config, which is read before all other options. The folder of the run is not
    taken over: a file by somebody else never decides where files are written.
    """
    if word is None or ctx.resilient_parsing:
        return word
    plan = load(word)
    model = f"./{Path(plan.model_file.name).name}" if plan.model_file else plan.model
    defaults = {
        "model": model,
        "dataset": plan.dataset.source or plan.dataset.name,
        "direction": plan.direction,
        "preset": plan.preset,
        "start_from": plan.start_from and plan.start_from.name,
        "image_size": plan.shape.size,
    }
    if _is_available(plan.device):  # else, its number format may be slow here
        defaults |= {"device": plan.device, "precision": plan.precision, "threads": plan.threads}
    ctx.default_map = {name: value for name, value in defaults.items() if value is not None}
    return word


def options(ctx: typer.Context, word: str) -> dict[str, Any]:
    """Return the training options of the plan that `word` names, with the settings of its model.

    The settings are left out if the user has typed another model. Raises UsageError if the plan
    names a .py file that the user has not named, and for --preset.
    """
    plan, typed = load(word), ctx.params
    for name in ("model", "dataset"):
        if is_file(typed[name]) and not is_typed(ctx, name):
            line = (
                f"gan train {shlex.quote(typed['model'])} --dataset {shlex.quote(typed['dataset'])}"
            )
            raise UsageError(
                f"{word} names {typed[name]} as its {name}. gan runs such a file only if you name "
                "it.",
                hint=f"{line} --config {shlex.quote(word)}",
            )
    refuse(ctx, ("preset",), "does not apply with --config, which has its settings")
    same_model = typed["model"] == plan.model or is_file(typed["model"])
    found = {**(plan.settings if same_model else {}), **asdict(plan.training)}
    if typed["minutes"] is not None:
        del found["epochs"]
    return {name: value for name, value in found.items() if value is not None}


def load(word: str) -> Plan:
    """Return the plan in the file, the folder of a run or the run in runs/ that `word` names.

    Raises UsageError if there is none, FileError if it is not a plan.
    """
    path = Path(word).expanduser()
    places = (path, path / plans.FILE, RUNS / word / plans.FILE)
    file = next((place for place in places if place.is_file()), None)
    if file is None:
        raise UsageError(
            f"{word} is neither a {plans.FILE} nor the folder or the name of a run.",
            hint="gan runs",
        )
    try:
        return plans.read(file)[1]
    except OSError as error:
        raise FileError(f"Cannot read {file}: {error.strerror}.") from None
    except ValueError as wrong:
        coded = isinstance(wrong, json.JSONDecodeError | UnicodeDecodeError)
        why = "it is not JSON" if coded else wrong
        raise FileError(f"{file} is not the {plans.FILE} of a run: {why}.", "gan runs") from None


def _is_available(device: str) -> bool:
    """Return whether this machine has a device; if not, tell that another is used."""
    if device == "cpu":
        return True
    from gancli import hardware

    try:
        return hardware.device(device).type == device
    except UsageError:
        console.say(f"The other run was trained on {device}, which is not available here.")
        return False
