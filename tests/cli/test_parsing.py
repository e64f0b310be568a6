"""Parsing of what was typed."""

import pytest

from gancli.cli import parsing
from gancli.errors import UsageError


def test_settings_are_split_at_the_first_equals_sign() -> None:
    assert parsing.settings(["width=3", "noise=a=b"]) == {"width": "3", "noise": "a=b"}
    for item in ("width", "=3"):
        with pytest.raises(UsageError, match=f"'{item}'") as raised:
            parsing.settings([item])
        assert raised.value.hint == "--set width=32"
