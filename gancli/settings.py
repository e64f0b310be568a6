"""Describe the settings of a model: help, bounds, and the default of each preset."""

import ast
import dataclasses
import inspect
import io
import textwrap
import tokenize
import typing
from dataclasses import dataclass
from typing import Any

from gancli import registry
from gancli.config import PRESETS, Training, option
from gancli.shape import Direction, Shape

# Presets may depend on the pictures and on the direction; these cases show how.
SHAPES = {"28 pixels": Shape(channels=1, size=28), "64 pixels": Shape(channels=3, size=64)}


@dataclass(frozen=True)
class Setting:
    """One setting: how to type it, its help, what it may be, and each preset's default.

    `defaults` maps a preset to its value, or to one value for each case in which they differ
    ("28 pixels", "A2B", ...).
    """

    name: str
    option: str
    help: str
    allowed: str
    defaults: dict[str, Any]


def of(model: str) -> list[Setting]:
    """Return the settings of `model`, then those of training. Imports the model, and so torch.

    Raises UsageError if there is no such model.
    """
    module = registry.load("models", model)
    cases = _cases(model)
    return [
        Setting(
            name=field.name,
            option=option(field.name),
            help=helps.get(field.name, ""),
            allowed=_allowed(hints[field.name]),
            defaults={p: _default(module.preset, p, cases, field) for p in PRESETS},
        )
        for cls in (module.Settings, Training)
        for hints, helps in [(typing.get_type_hints(cls, include_extras=True), comments(cls))]
        for field in dataclasses.fields(cls)
    ]


def comments(cls: type) -> dict[str, str]:
    """Return the comment on the lines of each field of a class: these are the settings' help."""
    source = textwrap.dedent(inspect.getsource(cls))
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    on_line = {t.start[0]: t.string.lstrip("# ") for t in tokens if t.type == tokenize.COMMENT}
    (tree,) = ast.parse(source).body
    assert isinstance(tree, ast.ClassDef)
    found = {}
    for node in tree.body:
        if isinstance(node, ast.AnnAssign):
            lines = range(node.lineno, (node.end_lineno or node.lineno) + 1)
            found[ast.unparse(node.target)] = " ".join(on_line[n] for n in lines if n in on_line)
    return found


def _cases(model: str) -> dict[str, tuple[Shape | None, Direction | None]]:
    if registry.declared("models", model, "PAIRS"):
        return {str(direction): (None, direction) for direction in Direction}
    return {name: (shape, None) for name, shape in SHAPES.items()}


def _default(preset: Any, name: str, cases: Any, field: Any) -> Any:
    """The default of a field in preset `name`, or a dictionary of case -> default."""
    values = {case: preset(name, *at).get(field.name, field.default) for case, at in cases.items()}
    first, *others = values.values()
    return values if any(value != first for value in others) else first


def _allowed(hint: Any) -> str:
    """What values a field of this type may have, such as `1 to 4096` or `normal, uniform`."""
    for bounds in getattr(hint, "__metadata__", ()):
        low, high = (f"{b:,}" if isinstance(b, int) else f"{b:.7g}" for b in bounds)
        return f"{low} to {high}"
    return ", ".join(map(str, typing.get_args(hint))) or ("true, false" if hint is bool else "any")
