"""`gan check-model`: tell what is missing in a model of the user's own."""

from typing import Annotated

import typer

from gancli import registry
from gancli.cli import console


def check_model(
    model: Annotated[
        str, typer.Argument(metavar="FILE", help="The .py file of the model, or a model's name.")
    ],
) -> None:
    """Check that a model of your own keeps the contract, or say what to write next.

    Example: gan check-model ./my_gan.py
    """
    registry.name_of("models", model)
    from gancli import models
    from gancli.training.check_model import check_model as check

    for promise, broken in check(models.load(model)):
        if broken:
            raise broken
        console.say(f"ok: {promise}")
    console.result(f"{model} keeps the contract: gan train {model} --dataset glyphs")
