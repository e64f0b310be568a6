"""Recipes: the command that is stored in a picture's file, and running it again.

A recipe holds the command (only the options that affect the picture), the name of the model, the
digest of the generator's file and the version of gan.
"""

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

# parameters that are not part of a recipe: they do not change the picture, or REF stands for them
LEFT_OUT = ("ref", "out", "device", "like", "direction", "force", "variations")


def recipe(
    ctx: typer.Context, generator: "Generator", leave_out: Iterable[str] = (), **resolved: Any
) -> dict[str, str]:
    """Return the recipe with which `gan sample --like` can make a picture again.

    The command is the one that was parsed into `ctx`. Values in `resolved`, by parameter name,
    replace what was typed; parameters in `leave_out` are dropped.
    """
    values = {**ctx.params, **resolved}
    words = ["gan", str(ctx.info_name), "REF"]
    for parameter in ctx.command.params:
        if parameter.name not in (*LEFT_OUT, *leave_out):
            words += _words(parameter, values.get(str(parameter.name)))
    return {
        "command": shlex.join(words),
        "model": generator.header.model,
        "sha256": generator.digest,
        "version": gancli.__version__,
    }


def _words(parameter: Any, value: Any) -> list[str]:
    """Return `parameter` and its `value` as typed; nothing for None or a flag that is off."""
    if value is None or value is False:
        return []
    if parameter.param_type_name == "argument":
        return [str(word) for word in value]
    name = parameter.opts[0]
    if value is True:
        return [name]
    return [name, f"{value:g}" if isinstance(value, float) else str(value)]


def rerun(
    ctx: typer.Context, picture: Path, ref: str | None, out: Path | None, device: str
) -> None:
    """Run the command in the recipe of `picture` with the generator that made it.

    Without `ref`, the generator is looked for among the runs by its digest. Raises UsageError if
    the file carries no recipe of `gan sample`, `sweep` or `interpolate`.
    """
    if not picture.is_file():
        raise UsageError(f"{picture} does not exist.", hint="gan sample --help")
    found = read_recipe(picture) or {}
    try:
        arguments = shlex.split(found.get("command", ""))
    except ValueError:
        arguments = []
    if arguments[1:3] == ["translate", "REF"]:
        raise UsageError(
            f"{picture} was translated from another picture: --like cannot make it again.",
            hint="gan translate --help",
        )
    # a recipe with --like, which gan never writes, could run itself for ever
    complete = "sha256" in found and not any(word.startswith("--like") for word in arguments)
    known = arguments[1:2] in (["sample"], ["sweep"], ["interpolate"])
    if not (complete and known and arguments[2:3] == ["REF"]):
        raise UsageError(
            f"{picture} does not store the gan command that made it.", hint="gan sample --help"
        )
    file = find(ref) if ref else find_digest(found["sha256"])
    if digest(file) != found["sha256"]:
        console.say(f"{file} did not make {picture}, so the result will differ.")
    target = out or picture.with_stem(f"{picture.stem}-again")
    options = [*arguments[3:], "--out", str(target), "--device", device]
    gan: Any = ctx.find_root().command
    gan([arguments[1], str(file), *options], prog_name="gan", standalone_mode=False)
