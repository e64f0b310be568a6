"""A model from outside the package, in a run: which file it is, and whether it can be trained.

It is checked before it trains, because a loss that is not a scalar, say, would otherwise fail
inside torch, without naming its cause.
"""

from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from gancli import models, plugins, registry
from gancli.gan import Shape
from gancli.training import check_model
from gancli.weights import ModelFile


def file_of(word: str) -> ModelFile | None:
    """The name and digest of a file that the user wrote; None for every other model."""
    if not plugins.is_file(word):
        return None
    return ModelFile(name=Path(word).name, digest=plugins.digest(word))


def check_losses(word: str, settings: Any, shape: Shape) -> None:
    """Check the networks, the fakes and the losses of a model as a run will train it.

    Does nothing for gan's own models, which its tests check. Changes the state of torch's default
    generator. Raises `check_model.Broken`, whose message says what to write.
    """
    if not registry.is_outside("models", word):
        return
    module = models.load(word)

    @dataclass(frozen=True)
    class Fixed:
        """No settings: the model is built with those of the run."""

    fixed = ModuleType(module.__name__)
    fixed.__dict__.update(Settings=Fixed, PAIRS=bool(shape.source))
    fixed.__dict__["build"] = lambda _, shape: module.build(settings, shape)
    for check in (
        check_model.builds_a_gan_with_two_networks,
        check_model.fakes_have_the_shape_of_real_images,
        check_model.losses_are_finite_scalars,
        check_model.each_loss_trains_its_own_network,
    ):
        check(fixed, shape)
