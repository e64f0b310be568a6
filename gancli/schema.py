"""Read JSON from files that anybody may have made, and turn it into checked dataclasses.

Headers and run files may come from strangers, from other programs or other versions. So nothing in
them is trusted: each field has a type, and Annotated gives it bounds.
"""

import dataclasses
import enum
import json
import math
import re
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

T = TypeVar("T")

MAX_JSON = 1_000_000  # characters of a document; parsing takes up to 25 times as much memory
MAX_TEXT = 4096  # characters of a string without bounds of its own: the longest path
# Control characters, characters that change the direction of text, surrogates. No name needs them.
CONTROL = re.compile("[\0-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def from_json(text: str | bytes) -> Any:
    """Parse JSON. Raises ValueError if it is not JSON, too long or nested too deeply."""
    if len(text) > MAX_JSON:
        raise ValueError("it is too long")
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def parse(cls: type[T], value: object, name: str = "") -> T:
    """Build the dataclass `cls` from `value`, a dictionary as `json.loads` returns it.

    Fields may be bool, int, float, str, an enum, a Literal, another dataclass, `X | None`,
    `tuple[X, ...]`, `tuple[X, Y]` or a Mapping, whose contents are not checked. `Annotated[X,
    (low, high)]` limits a number to low..high, and anything else to that many characters or items.
    `Annotated[int, range]` limits a number to that range, a frozenset to its items.

    Floats must be finite, and strings without control characters. Keys that `cls` does not have are
    ignored. Raises ValueError if a field is missing, of the wrong type or out of bounds; it says
    which, as in "shape.size is missing or has a wrong value", with the `name` of `value` in front.
    """
    _check(isinstance(value, dict), value, name or "it")
    assert isinstance(value, dict)
    hints = typing.get_type_hints(cls, include_extras=True)
    fields: tuple[dataclasses.Field[Any], ...] = dataclasses.fields(cls)  # type: ignore[arg-type]
    names = {f.name: f"{name}.{f.name}".lstrip(".") for f in fields}
    for field in fields:
        _check(field.name in value or not _is_required(field), value, names[field.name])
    found = {f: _value(hints[f], value[f], names[f]) for f in names if f in value}
    return cls(**found)


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _value(hint: Any, value: Any, name: str) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        value = _value(arguments[0], value, name)
        fits = value is None or all(_is_within(value, bounds) for bounds in arguments[1:])
        return _check(fits, value, name)
    if dataclasses.is_dataclass(hint):
        return parse(typing.cast(type, hint), value, name=name)
    if origin in (types.UnionType, typing.Union):
        (hint,) = (k for k in arguments if k is not types.NoneType)  # X | None only
        return None if value is None else _value(hint, value, name)
    if origin is typing.Literal:
        return _check(any(_is(type(k), value) and value == k for k in arguments), value, name)
    if origin is tuple:
        return _tuple(arguments, value, name)
    if origin is not None and issubclass(origin, Mapping):
        return _check(_is(dict, value), value, name)
    if issubclass(hint, enum.Enum):
        return hint(_check(value in [k.value for k in hint], value, name))
    return _scalar(hint, value, name)


def _scalar(hint: Any, value: Any, name: str) -> Any:
    if hint is float and _is(int, value):  # JSON may write 1.0 as 1
        value = float(_check(abs(value) < 2**53, value, name))
    _check(_is(hint, value), value, name)
    if hint is float:
        _check(math.isfinite(value), value, name)
    if hint is str:
        _check(is_text(value), value, name)
    return value


def is_text(text: str, longest: int = MAX_TEXT) -> bool:
    """Whether `text` is safe to print: not longer than that, and without control characters."""
    return len(text) <= longest and not CONTROL.search(text)


def _tuple(arguments: tuple[Any, ...], value: Any, name: str) -> tuple[Any, ...]:
    _check(_is(list, value), value, name)
    hints = [arguments[0]] * len(value) if arguments[-1] is Ellipsis else list(arguments)
    _check(len(hints) == len(value), value, name)
    return tuple(_value(hint, item, name) for hint, item in zip(hints, value, strict=True))


def _is(cls: type, value: Any) -> bool:
    return type(value) is cls  # not isinstance: True must not pass as 1


def _is_within(value: Any, bounds: tuple[float, float] | range | frozenset[int]) -> bool:
    if isinstance(bounds, range | frozenset):
        return value in bounds
    low, high = bounds
    return low <= (value if isinstance(value, int | float) else len(value)) <= high


def _check(condition: bool, value: Any, name: str) -> Any:
    if not condition:
        raise ValueError(f"{name} is missing or has a wrong value")
    return value
