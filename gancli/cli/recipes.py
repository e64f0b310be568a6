"""Recipes: the command line that a picture carries, and running it again."""

import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

import gancli
from gancli.cli import console
from gancli.errors import UsageError
from gancli.formats import read_recipe
from gancli.sampling.find import find, find_digest
from gancli.weights import digest

if TYPE_CHECKING:
    from gancli.sampling.generator import Generator

ELSEWHERE = ("ref", "out", "device", "like", "direction", "force", "variations")  # not in recipes


def recipe(
    ctx: typer.Context, generator: "Generator", leave_out: Iterable[str] = (), **resolved: Any
) -> dict[str, str]:
    """What a picture carries, so that `gan sample --like` can make it again.

    The command is the one that was parsed into `ctx`, with what was `resolved` since, by the names
    of its parameters, and without those to `leave_out`.
    """
    values = {**ctx.params, **resolved}
    words = ["gan", str(ctx.info_name), "REF"]
    for parameter in ctx.command.params:
        if parameter.name not in (*ELSEWHERE, *leave_out):
            words += _words(parameter, values.get(str(parameter.name)))
    return {
        "command": shlex.join(words),
        "model": generator.header.model,
        "sha256": generator.digest,
        "version": gancli.__version__,
    }


def _words(parameter: Any, value: Any) -> list[str]:
    """How `value` is typed; nothing where it is None or a flag that is off."""
    if value is None or value is False:
        return []
    if parameter.param_type_name == "argument":
        return [str(word) for word in value]
    name = parameter.opts[0]
    if value is True:
        return [name]
    return [name, f"{value:g}" if isinstance(value, float) else str(value)]


def again(
    ctx: typer.Context, picture: Path, ref: str | None, out: Path | None, device: str
) -> None:
    """Run the command in a picture's recipe with the generator that it was made by."""
    if not picture.is_file():
        raise UsageError(f"There is no picture {picture}.", hint="gan sample --help")
    found = read_recipe(picture) or {}
    try:
        arguments = shlex.split(found.get("command", ""))
    except ValueError:
        arguments = []
    if arguments[1:3] == ["translate", "REF"]:
        raise UsageError(f"{picture} was made of another picture.", hint="gan translate --help")
    whole = "sha256" in found and not any(word.startswith("--like") for word in arguments)
    drawn = arguments[1:2] in (["sample"], ["sweep"], ["interpolate"])
    if not (whole and drawn and arguments[2:3] == ["REF"]):
        raise UsageError(f"{picture} carries no recipe of gan.", hint="gan sample --help")
    file = find(ref) if ref else find_digest(found["sha256"])
    if digest(file) != found["sha256"]:
        console.say(f"{file} is not the generator that made {picture}: the result will differ.")
    target = out or picture.with_stem(f"{picture.stem}-again")
    asked = [*arguments[3:], "--out", str(target), "--device", device]
    gan: Any = ctx.find_root().command
    gan([arguments[1], str(file), *asked], prog_name="gan", standalone_mode=False)
