"""Dataclasses from JSON that anyone may have written: every field is checked for its type."""

import dataclasses
import enum
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

T = TypeVar("T")


def parse(kind: type[T], found: object) -> T:
    """The dataclass `kind` from `found`, a dictionary as `json.loads` gives it.

    Fields may be bool, int, float, str, an enum, another dataclass, `X | None`, `tuple[X, ...]`,
    `tuple[X, Y]` or a Mapping, which is taken as it is. Keys that `kind` does not know are left
    out. Raises ValueError for a field that is missing, or of another type.
    """
    if not isinstance(found, dict):
        raise ValueError(f"{kind.__name__} is not an object")
    hints = typing.get_type_hints(kind)
    fields: tuple[dataclasses.Field[Any], ...] = dataclasses.fields(kind)  # type: ignore[arg-type]
    values = {f.name: _value(hints[f.name], found[f.name]) for f in fields if f.name in found}
    try:
        return kind(**values)
    except TypeError as error:  # a field without a default is missing
        raise ValueError(str(error)) from None


def _value(kind: Any, found: Any) -> Any:
    if dataclasses.is_dataclass(kind):
        return parse(typing.cast(type, kind), found)
    origin, of = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        (kind,) = (k for k in of if k is not types.NoneType)
        return None if found is None else _value(kind, found)
    if origin is tuple:
        return _tuple(of, found)
    if origin is not None and issubclass(origin, Mapping):
        return _plain(dict, found)
    if issubclass(kind, enum.Enum):
        return kind(found)
    if kind is float and type(found) is int:
        return float(found)
    return _plain(kind, found)


def _tuple(of: tuple[Any, ...], found: Any) -> tuple[Any, ...]:
    items = _plain(list, found)
    kinds = [of[0]] * len(items) if of[-1] is Ellipsis else list(of)
    return tuple(_value(kind, item) for kind, item in zip(kinds, items, strict=True))


def _plain(kind: type, found: Any) -> Any:
    if type(found) is not kind:  # True is not taken for 1
        raise ValueError(f"{found!r} is not {kind.__name__}")
    return found
