"""Values that the shell can complete: names of models, datasets, runs and settings.

Nothing here imports torch: the shell waits for the answer.
"""

import dataclasses
from collections.abc import Iterator

import typer

from gancli import registry
from gancli.config import Training
from gancli.sampling import find


def entries(kind: str, incomplete: str) -> Iterator[tuple[str, str]]:
    """Yield the names in the registry `kind` that start with `incomplete`, with their summaries.

    The shell adds files and folders itself.
    """
    for name in registry.names(kind):
        if name.startswith(incomplete.lower()):
            yield name, registry.summary(kind, name)


def runs(incomplete: str) -> list[str]:
    """Return the names of trained generators that start with `incomplete`."""
    return [name for name in find.names() if name.startswith(incomplete.lower())]


def settings(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the settings of the model on the line that start with `incomplete`, with a `=`."""
    typed = (ctx.params.get("model"), *ctx.args)  # in args if the line cannot be parsed yet
    words = [registry.canonical("models", word) for word in typed if word]
    model = next((word for word in words if word in registry.names("models")), None)
    own = registry.fields("models", model, "Settings") if model else []
    names = [*own, *(field.name for field in dataclasses.fields(Training))]
    return [f"{name}=" for name in names if name.startswith(incomplete)]
