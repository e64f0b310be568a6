"""Every promise in examples/promises.md names tests, and those exist."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[1] / "examples" / "promises.md"
PROMISES = re.findall(r"^- (.*?)(?=^- |^## |\Z)", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("promise", PROMISES)
def test_a_promise_names_tests_that_exist(promise: str) -> None:
    named = re.findall(r"\[(test_\w+)\]\((\S+?)\)", promise)
    assert named
    for test, file in named:
        source = (PAGE.parent / file).read_text("utf-8")
        assert re.search(rf"^def {test}\(", source, re.MULTILINE), f"{test} is not in {file}"


def test_the_page_was_read() -> None:
    assert len(PROMISES) >= 20
