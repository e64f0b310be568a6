"""Turn JSON into dataclasses, with a type check for every field.

Headers and run files may come from other programs or other versions, so nothing is trusted.
"""

import dataclasses
import enum
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

T = TypeVar("T")


def parse(cls: type[T], value: object) -> T:
    """Build the dataclass `cls` from `value`, a dictionary as `json.loads` returns it.

    Fields may be bool, int, float, str, an enum, another dataclass, `X | None`, `tuple[X, ...]`,
    `tuple[X, Y]` or a Mapping, whose contents are not checked. Keys that `cls` does not have are
    ignored. Raises ValueError if a field is missing or has the wrong type.
    """
    if not isinstance(value, dict):
        raise ValueError(f"{cls.__name__} is not an object")
    hints = typing.get_type_hints(cls)
    fields: tuple[dataclasses.Field[Any], ...] = dataclasses.fields(cls)  # type: ignore[arg-type]
    values = {f.name: _value(hints[f.name], value[f.name]) for f in fields if f.name in value}
    try:
        return cls(**values)
    except TypeError as error:  # a field without a default is missing
        raise ValueError(str(error)) from None


def _value(hint: Any, value: Any) -> Any:
    if dataclasses.is_dataclass(hint):
        return parse(typing.cast(type, hint), value)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        (hint,) = (k for k in arguments if k is not types.NoneType)  # X | None only
        return None if value is None else _value(hint, value)
    if origin is tuple:
        return _tuple(arguments, value)
    if origin is not None and issubclass(origin, Mapping):
        return _checked(dict, value)
    if issubclass(hint, enum.Enum):
        return hint(value)
    if hint is float and type(value) is int:  # JSON may write 1.0 as 1
        return float(value)
    return _checked(hint, value)


def _tuple(arguments: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
    items = _checked(list, value)
    hints = [arguments[0]] * len(items) if arguments[-1] is Ellipsis else list(arguments)
    return tuple(_value(hint, item) for hint, item in zip(hints, items, strict=True))


def _checked(cls: type, value: Any) -> Any:
    if type(value) is not cls:  # not isinstance: True must not pass as 1
        raise ValueError(f"{value!r} is not {cls.__name__}")
    return value
