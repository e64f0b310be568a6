"""Recipes: the command that made a picture, as it is stored in the picture's file.

A recipe holds the command (only the options that affect the picture), the name of the model, the
digest of the generator's file and the version of gan. `gan sample --like` runs it again.
"""

import shlex
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import gancli

if TYPE_CHECKING:
    from gancli.sampling.generator import Generator


def recipe(
    generator: "Generator",
    command: str,
    options: Mapping[str, Any],
    arguments: Iterable[str] = (),
) -> dict[str, str]:
    """Return the recipe of `gan COMMAND REF ARGUMENTS OPTIONS`.

    `options` has values by the name that is typed, such as `--seeds`. Those that are None, and
    flags that are False, are left out.
    """
    words = ["gan", command, "REF", *arguments]
    for name, value in options.items():
        words += _words(name, value)
    return {
        "command": shlex.join(words),
        "model": generator.header.model,
        "sha256": generator.digest,
        "version": gancli.__version__,
    }


def with_scale(recipe: Mapping[str, str] | None, scale: int) -> Mapping[str, str] | None:
    """Return `recipe` with the scale that was chosen for a picture, and was not typed."""
    return recipe and {**recipe, "command": f"{recipe['command']} --scale {scale}"}


def _words(name: str, value: Any) -> list[str]:
    """Return an option as typed; nothing for None or a flag that is off."""
    if value is None or value is False:
        return []
    if value is True:
        return [name]
    return [name, f"{value:g}" if isinstance(value, float) else str(value)]
