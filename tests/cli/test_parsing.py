"""Parsing of what was typed."""

import pytest

from gancli.cli import parsing
from gancli.errors import UsageError
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
    assert parsing.numbers("0-3,7", "--seeds") == [0, 1, 2, 3, 7]
    assert parsing.numbers(" 5 , 2-2", "--seeds") == [5, 2]


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
        parsing.numbers(text, "--seeds")
    assert parsing.numbers(str(raised.value.hint).removeprefix("--seeds "), "--seeds")


def test_the_largest_seed_and_the_largest_number_of_seeds_are_accepted() -> None:
    assert parsing.numbers("4294967295", "--seeds") == [2**32 - 1]
    assert len(parsing.numbers("0-999999", "--seeds")) == 1_000_000


def test_labels_can_be_names_numbers_and_ranges() -> None:
    assert parsing.labels(CLOTHES, "all", "--label") == [0, 1, 2]
    assert parsing.labels(CLOTHES, "bag,t-shirt/top", "--label") == [2, 0]
    assert parsing.labels(CLOTHES, "T-SHIRT/TOP", "--label") == [0]
    assert parsing.labels(CLOTHES, "0-1", "--label") == [0, 1]
    assert parsing.labels(DIGITS, "7,0-2", "--label") == [7, 0, 1, 2]


@pytest.mark.parametrize("text", ["shoe", "3", "0-3", "bag,shoe"])
def test_an_unknown_class_is_refused_with_the_list_of_classes(text: str) -> None:
    with pytest.raises(UsageError, match="0 T-shirt/top, 1 Trouser, 2 Bag") as raised:
        parsing.labels(CLOTHES, text, "--classes")
    assert raised.value.hint == "--classes 0-2"


def test_labels_are_refused_for_a_model_without_labels() -> None:
    plain = header("dcgan", False, *"01")
    with pytest.raises(UsageError, match="dcgan") as raised:
        parsing.labels(plain, "0", "--label", unlabelled_hint="gan interpolate x")
    assert raised.value.hint == "gan interpolate x"
    assert parsing.walk_labels(plain, None) == []
    assert parsing.walk_labels(DIGITS, None) == list(range(10))


def test_a_count_that_is_not_the_number_of_seeds_is_refused() -> None:
    assert parsing.seeds(3, None) == [0, 1, 2]
    assert parsing.seeds(None, None) == list(range(64))
    assert parsing.seeds(2, "7,9") == [7, 9]
    with pytest.raises(UsageError, match="--seeds 7,9") as raised:
        parsing.seeds(3, "7,9")
    assert raised.value.hint == "--seeds 7,9"


def test_grids_and_ranges_are_parsed_and_checked() -> None:
    assert parsing.grid("10x3") == (10, 3)
    assert parsing.grid("100X100") == (100, 100)
    assert parsing.span("-1.5,2") == (-1.5, 2.0)
    for text in ("10", "0x3", "x", "3x-1", "101x100"):
        with pytest.raises(UsageError, match="--grid"):
            parsing.grid(text)
    for text in ("1", "2,1", "a,b", "1,1", "nan,1", "0,inf", "0,1e308"):
        with pytest.raises(UsageError, match="--range"):
            parsing.span(text)


def test_settings_are_split_at_the_first_equals_sign() -> None:
    assert parsing.settings(["width=3", "noise=a=b"]) == {"width": "3", "noise": "a=b"}
    for item in ("width", "=3"):
        with pytest.raises(UsageError, match=f"'{item}'") as raised:
            parsing.settings([item])
        assert raised.value.hint == "--set width=32"
