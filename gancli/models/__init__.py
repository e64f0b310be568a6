"""The models, one paper per file. To add one, define what `gancli.gan` lists.

Users and other packages define the same in a file of their own. It is checked here, and every
message says what to write next. This module does not import torch.
"""

import dataclasses
import typing
from types import ModuleType
from typing import TYPE_CHECKING, Any

from gancli import registry
from gancli.errors import UsageError

if TYPE_CHECKING:
    from gancli.gan import GAN
    from gancli.shape import Shape


# The functions of a model, and the least that they can be.
FUNCTIONS = {
    "preset": "def preset(name, shape, direction): return {}",
    "build": "def build(settings, shape): return MyGAN(settings, shape)",
}


def load(word: str) -> ModuleType:
    """Import a model by name or by the path of its file, as `registry.load` does.

    Raises UsageError, with the code to write next, if `Settings`, `preset` or `build` is missing or
    wrong.
    """
    module = registry.load("models", word)
    if registry.is_outside("models", word):
        check_definitions(module, word)
    return module


def check_definitions(module: ModuleType, word: str) -> None:
    """Raise UsageError, with the code to write next, if a model's module lacks a definition."""
    _check_settings(getattr(module, "Settings", None), word)
    for name, code in FUNCTIONS.items():
        if not callable(getattr(module, name, None)):
            raise UsageError(f"{word} does not define the function {name}.", hint=code)


def build(word: str, settings: Any, shape: "Shape") -> "GAN":
    """Build a model by name or by the path of its file; `settings` is a `Settings` of its module.

    Raises UsageError, with the code to write next, if the result is not a GAN with two networks.
    """
    from torch import nn

    from gancli.gan import GAN

    model = load(word).build(settings, shape)
    if not isinstance(model, GAN):
        raise UsageError(
            f"build in {word} returns {type(model).__name__}, which is not a GAN.",
            hint="class MyGAN(gancli.gan.GAN), and in build: return MyGAN(settings, shape)",
        )
    for name in ("generator", "discriminator"):
        if not isinstance(getattr(model, name, None), nn.Module):
            raise UsageError(
                f"The model in {word} has no {name}.",
                hint=f"in __init__, after super().__init__(shape, z_dim): self.{name} = ...",
            )
    return model


def _check_settings(found: Any, word: str) -> None:
    """Raise UsageError unless `found` is a dataclass whose fields can be typed with --set."""
    if not isinstance(found, type) or not dataclasses.is_dataclass(found):
        raise UsageError(
            f"{word} does not define Settings, a dataclass with the sizes of the networks.",
            hint="@dataclass(frozen=True, kw_only=True) class Settings: z_dim: int = 100",
        )
    hints = typing.get_type_hints(found)
    for field in dataclasses.fields(found):
        kind = hints[field.name]
        called = getattr(kind, "__name__", kind)
        if field.default is dataclasses.MISSING:
            raise UsageError(
                f"Settings.{field.name} in {word} has no default.",
                hint=f"{field.name}: {called} = ...",
            )
        if kind not in (bool, int, float, str) and typing.get_origin(kind) is not typing.Literal:
            raise UsageError(
                f"Settings.{field.name} in {word} is {called}, which cannot be typed with --set.",
                hint=f"make {field.name} a bool, int, float, str or Literal",
            )
