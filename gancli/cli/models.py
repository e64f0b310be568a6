"""`gan models`: the models that gan knows, and the settings of one."""

import json
from dataclasses import asdict
from typing import Annotated, Any

import typer

from gancli import registry
from gancli.cli import console
from gancli.cli.options import JsonOpt, name_of


def models(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="MODEL",
            help="Show the settings of this model.",
            show_default=False,
            **name_of("models"),
        ),
    ] = None,
    json_: JsonOpt = False,
) -> None:
    """List the models, or the settings of MODEL with their bounds and defaults.

    Example: gan models dcgan
    """
    if name is None:
        known = {n: registry.summary("models", n) for n in registry.names("models")}
        if json_:
            console.result(json.dumps(known, indent=2))
        else:
            console.table(("model", "what it learns"), list(known.items()))
        return
    from gancli import settings

    found = settings.of(name)
    if json_:
        console.result(json.dumps([asdict(setting) for setting in found], indent=2))
        return
    paper = registry.declared("models", name, "PAPER")
    if paper:
        console.say(f"The preset paper has {paper}")
    console.table(
        ("option", "default", "paper", "allowed", "meaning"),
        [(s.option, *map(_shown, s.defaults.values()), s.allowed, s.help) for s in found],
    )


def _shown(default: Any) -> str:
    """Show a default, or one for each case: `0.1 at 28 pixels, 0.25 at 64 pixels`."""
    if isinstance(default, dict):
        return ", ".join(f"{_shown(value)} at {case}" for case, value in default.items())
    if isinstance(default, bool):
        return str(default).lower()
    return f"{default:g}" if isinstance(default, float) else str(default)
