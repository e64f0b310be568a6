"""Recipes of the command that was typed, and running the recipe of a picture again."""

import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from gancli import formats
from gancli.cli import console, outputs
from gancli.errors import UsageError
from gancli.formats import read_recipe
from gancli.sampling import recipes
from gancli.sampling.find import find, find_digest
from gancli.weights import digest

if TYPE_CHECKING:
    from gancli.sampling.generator import Generator

# parameters that are not part of a recipe: they do not change the picture, or REF stands for them
LEFT_OUT = (
    *("ref", "out", "device", "like", "direction", "force", "variations", "model_file"),
    *("show", "open_", "json_"),
)
# options that gan never writes: a recipe with --like could run itself for ever, and one with
# --model-file could run a file that the user has not named
FORBIDDEN = ("--like", "--model-file", "--open")


def recipe(
    ctx: typer.Context, generator: "Generator", leave_out: Iterable[str] = (), **resolved: Any
) -> dict[str, str]:
    """Return the recipe with which `gan sample --like` can make a picture again.

    The command is the one that was parsed into `ctx`. Values in `resolved`, by parameter name,
    replace what was typed; parameters in `leave_out` are dropped.
    """
    values = {**ctx.params, **resolved}
    options, arguments = dict[str, Any](), list[str]()
    for parameter in ctx.command.params:
        value = values.get(str(parameter.name))
        if parameter.name in (*LEFT_OUT, *leave_out):
            continue
        if parameter.param_type_name == "argument":
            arguments += map(str, value or ())
        else:
            options[parameter.opts[0]] = value
    return recipes.recipe(generator, str(ctx.info_name), options, arguments)


def rerun(ctx: typer.Context, picture: Path, ref: str | None, out: Path | None) -> None:
    """Run the command in the recipe of `picture` with the generator that made it.

    Options that do not change the picture, such as --device, are passed on.

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
    complete = "sha256" in found and not any(word.startswith(FORBIDDEN) for word in arguments)
    known = arguments[1:2] in (["sample"], ["sweep"], ["interpolate"])
    if not (complete and known and arguments[2:3] == ["REF"]):
        raise UsageError(
            f"{picture} does not store the gan command that made it.", hint="gan sample --help"
        )
    file = find(ref) if ref else find_digest(found["sha256"])
    if digest(file) != found["sha256"]:
        console.say(f"{file} did not make {picture}, so the result will differ.")
    target = out or outputs.unused(f"{picture.stem}-again{picture.suffix}", picture.parent)
    options = [*arguments[3:], "--out", str(target), *_passed_on(ctx)]
    if formats.is_still(target) and not any(word.startswith("--scale") for word in arguments):
        options += ["--scale", "1"]  # earlier versions did not enlarge grids and strips
    gan: Any = ctx.find_root().command
    gan([arguments[1], str(file), *options], prog_name="gan", standalone_mode=False)


def _passed_on(ctx: typer.Context) -> list[str]:
    """The options of this command that do not change the picture, as typed."""
    values = ctx.params
    options = ["--device", values["device"]]
    options += ["--model-file", values["model_file"]] if values["model_file"] else []
    return options + [f"--{name.strip('_')}" for name in ("show", "open_", "json_") if values[name]]
