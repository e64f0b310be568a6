"""Dataclasses from JSON: each kind of field takes its own values and refuses others."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest

from gancli.schema import from_json, parse
from gancli.shape import Direction


@dataclass(frozen=True, kw_only=True)
class Inner:
    size: Annotated[int, range(4, 17, 4)] = 8


@dataclass(frozen=True, kw_only=True)
class Outer:
    count: Annotated[int, (0, 5)]
    share: float = 0.5
    name: Annotated[str, (1, 3)] = "abc"
    text: str = ""
    kind: Literal["a", 1] = "a"
    turn: Direction | None = None
    words: Annotated[tuple[str, ...], (0, 2)] = ()
    span: tuple[int, int] = (0, 1)
    flag: bool = False
    inner: Inner = Inner()
    rest: Mapping[str, Any] | None = None


GOOD: list[dict[str, Any]] = [
    {"share": 1},
    {"name": "x", "text": "y" * 4096},
    {"kind": 1},
    {"turn": "A2B", "words": ["a", "b"], "span": [-1, 1]},
    {"turn": None, "inner": {"size": 4, "unknown": []}},
    {"rest": {"x": [1, "\n"]}, "unknown": 5},
]
BAD: list[tuple[str, dict[str, Any]]] = [
    ("count", {"count": 6}),
    ("count", {"count": -1}),
    ("count", {"count": True}),
    ("count", {"count": 1.0}),
    ("share", {"share": float("inf")}),
    ("share", {"share": 10**400}),
    ("share", {"share": "1"}),
    ("name", {"name": ""}),
    ("name", {"name": "abcd"}),
    ("text", {"text": "y" * 4097}),
    ("text", {"text": "\x1b[31m"}),
    ("text", {"text": "\ud800"}),
    ("text", {"text": "\u202e"}),
    ("kind", {"kind": True}),
    ("kind", {"kind": "b"}),
    ("turn", {"turn": "../x"}),
    ("turn", {"turn": []}),
    ("words", {"words": ["a"] * 3}),
    ("words", {"words": [1]}),
    ("words", {"words": "ab"}),
    ("span", {"span": [0]}),
    ("flag", {"flag": 1}),
    ("inner", {"inner": []}),
    ("inner.size", {"inner": {"size": 6}}),
    ("rest", {"rest": []}),
]


@pytest.mark.parametrize("found", GOOD)
def test_good_values_pass(found: dict[str, Any]) -> None:
    assert parse(Outer, {"count": 5, **found}).count == 5


def test_values_get_the_types_of_their_fields() -> None:
    parsed = parse(Outer, {"count": 0, "share": 1, "turn": "B2A", "words": ["a"], "inner": {}})
    assert parsed == Outer(count=0, share=1.0, turn=Direction.B2A, words=("a",))
    assert type(parsed.share) is float


@pytest.mark.parametrize(("field", "found"), BAD)
def test_a_wrong_value_is_refused_by_the_name_of_its_field(
    field: str, found: dict[str, Any]
) -> None:
    with pytest.raises(ValueError) as raised:
        parse(Outer, {"count": 5, **found})
    assert str(raised.value).split()[0] == field


@pytest.mark.parametrize("found", [{}, [], None, "count"])
def test_a_missing_field_is_refused(found: object) -> None:
    with pytest.raises(ValueError):
        parse(Outer, found)


@pytest.mark.parametrize("text", ["", "{", "[" * 200_000, "9" * 5000, " " * 1_000_001, b"\xff"])
def test_json_that_is_damaged_too_deep_or_too_long_is_a_value_error(text: str | bytes) -> None:
    with pytest.raises(ValueError):
        from_json(text)
