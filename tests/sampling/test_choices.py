"""Words for seeds, classes, grids and ranges: how they are read, and how they are written."""

from typing import Any

import numpy as np
import pytest

from gancli.errors import UsageError
from gancli.sampling import choices
from gancli.shape import Shape
from gancli.weights import Header, TrainedOn


def header(model: str, labelled: bool, *classes: str) -> Header:
    """Return the header of a generator with these classes."""
    return Header(
        model=model,
        settings={},
        shape=Shape(channels=1, size=28, classes=len(classes)),
        dataset=TrainedOn(name="drawn"),
        images_seen=0,
        classes=classes,
        labelled=labelled,
    )


CLOTHES = header("acgan", True, "T-shirt/top", "Trouser", "Bag")
DIGITS = header("cgan", True, *"0123456789")


def test_numbers_and_ranges_are_listed_in_the_given_order() -> None:
    assert choices.numbers("0-3,7", "--seeds") == [0, 1, 2, 3, 7]
    assert choices.numbers(" 5 , 2-2", "--seeds") == [5, 2]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "3-1",
        "-3",
        "1,,2",
        "1-",
        "2.5",
        "4294967296",
        "9" * 5000,
        "0-4294967295",
        "1,0-999999",
    ],
)
def test_text_that_is_not_a_list_of_seeds_is_refused_with_a_valid_example(text: str) -> None:
    with pytest.raises(UsageError, match="--seeds") as raised:
        choices.numbers(text, "--seeds")
    assert choices.numbers(str(raised.value.hint).removeprefix("--seeds "), "--seeds")


def test_the_largest_seed_and_the_largest_number_of_seeds_are_accepted() -> None:
    assert choices.numbers("4294967295", "--seeds") == [2**32 - 1]
    assert len(choices.numbers("0-999999", "--seeds")) == 1_000_000


def test_labels_can_be_names_numbers_and_ranges() -> None:
    assert choices.labels(CLOTHES, "all", "--labels") == [0, 1, 2]
    assert choices.labels(CLOTHES, "bag,t-shirt/top", "--labels") == [2, 0]
    assert choices.labels(CLOTHES, "T-SHIRT/TOP", "--labels") == [0]
    assert choices.labels(CLOTHES, "0-1", "--labels") == [0, 1]
    assert choices.labels(DIGITS, "7,0-2", "--labels") == [7, 0, 1, 2]


@pytest.mark.parametrize("text", ["shoe", "3", "0-3", "bag,shoe"])
def test_an_unknown_class_is_refused_with_the_list_of_classes(text: str) -> None:
    with pytest.raises(UsageError, match="0 T-shirt/top, 1 Trouser, 2 Bag") as raised:
        choices.labels(CLOTHES, text, "--labels")
    assert raised.value.hint == "--labels 0-2"


def test_labels_are_refused_for_a_model_without_labels() -> None:
    plain = header("dcgan", False, *"01")
    with pytest.raises(UsageError, match="dcgan") as raised:
        choices.labels(plain, "0", "--labels", unlabelled_hint="gan interpolate x")
    assert raised.value.hint == "gan interpolate x"
    assert choices.walk_labels(plain, None) == []
    assert choices.walk_labels(DIGITS, None) == list(range(10))


def test_a_count_that_is_not_the_number_of_seeds_is_refused() -> None:
    assert choices.seeds(3, None, None, labelled=True) == ("0-2", [0, 1, 2])
    assert choices.seeds(None, None, None, labelled=False) == ("0-63", list(range(64)))
    assert choices.seeds(None, None, None, labelled=True) == ("0-9", list(range(10)))
    assert choices.seeds(None, 2, "7,9", labelled=True) == ("7,9", [7, 9])
    with pytest.raises(UsageError, match="--seeds 7,9") as raised:
        choices.seeds(3, None, "7,9", labelled=False)
    assert raised.value.hint == "leave out --count"


@pytest.mark.parametrize(
    ("items", "typed"),
    [
        (None, None),
        ("0-3,7", "0-3,7"),
        (5, "5"),
        (range(64), "0-63"),
        ([0, 1, 2, 7, 5, 6], "0-2,7,5-6"),
        ([3, 3, 2], "3,3,2"),
        (np.array([4, 5]), "4-5"),
        (["bag", "bag", 2, 3], "bag,bag,2-3"),
        ([], ""),
    ],
)
def test_values_become_the_words_that_one_would_type(items: Any, typed: str | None) -> None:
    assert choices.words(items) == typed


def test_grids_and_ranges_are_parsed_and_checked() -> None:
    assert choices.grid("10x3") == (10, 3)
    assert choices.grid("100X100") == (100, 100)
    assert choices.span("-1.5,2") == (-1.5, 2.0)
    for text in ("10", "0x3", "x", "3x-1", "101x100"):
        with pytest.raises(UsageError, match="--grid"):
            choices.grid(text)
    for text in ("1", "2,1", "a,b", "1,1", "nan,1", "0,inf", "0,1e308"):
        with pytest.raises(UsageError, match="--range"):
            choices.span(text)


def test_a_long_list_of_classes_is_cut() -> None:
    many = header("cgan", True, *(f"class-{i}" for i in range(1000)))
    with pytest.raises(UsageError, match=r"1 class-1, .* \.\.\.\.") as raised:
        choices.labels(many, "1000", "--labels")
    assert len(raised.value.message) < 600
