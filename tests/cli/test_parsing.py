"""What was typed, as values."""

import pytest

from gancli.cli import parsing
from gancli.errors import UsageError
from gancli.shape import Shape
from gancli.weights import Header, TrainedOn


def header(model: str, labelled: bool, *classes: str) -> Header:
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


def test_numbers() -> None:
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
def test_no_numbers(text: str) -> None:
    with pytest.raises(UsageError, match="--seeds") as raised:
        parsing.numbers(text, "--seeds")
    assert parsing.numbers(str(raised.value.hint).removeprefix("--seeds "), "--seeds")


def test_the_last_seed_and_the_most_of_them() -> None:
    assert parsing.numbers("4294967295", "--seeds") == [2**32 - 1]
    assert len(parsing.numbers("0-999999", "--seeds")) == 1_000_000


def test_labels_by_name_and_number() -> None:
    assert parsing.labels(CLOTHES, "all", "--label") == [0, 1, 2]
    assert parsing.labels(CLOTHES, "bag,t-shirt/top", "--label") == [2, 0]
    assert parsing.labels(CLOTHES, "T-SHIRT/TOP", "--label") == [0]
    assert parsing.labels(CLOTHES, "0-1", "--label") == [0, 1]
    assert parsing.labels(DIGITS, "7,0-2", "--label") == [7, 0, 1, 2]


@pytest.mark.parametrize("text", ["shoe", "3", "0-3", "bag,shoe"])
def test_a_class_that_is_not_there_lists_those_that_are(text: str) -> None:
    with pytest.raises(UsageError, match="Classes: 0 T-shirt/top, 1 Trouser, 2 Bag") as raised:
        parsing.labels(CLOTHES, text, "--classes")
    assert raised.value.hint == "--classes 0-2"


def test_a_model_without_labels() -> None:
    plain = header("dcgan", False, *"01")
    with pytest.raises(UsageError, match="dcgan was not trained with labels") as raised:
        parsing.labels(plain, "0", "--label", otherwise="gan interpolate x")
    assert raised.value.hint == "gan interpolate x"
    assert parsing.walk_labels(plain, None) == []
    assert parsing.walk_labels(DIGITS, None) == list(range(10))


def test_seeds_and_counts_must_agree() -> None:
    assert parsing.seeds(3, None) == [0, 1, 2]
    assert parsing.seeds(None, None) == list(range(64))
    assert parsing.seeds(2, "7,9") == [7, 9]
    with pytest.raises(UsageError, match="do not agree"):
        parsing.seeds(3, "7,9")


def test_grids_and_ranges() -> None:
    assert parsing.grid("10x3") == (10, 3)
    assert parsing.grid("100X100") == (100, 100)
    assert parsing.span("-1.5,2") == (-1.5, 2.0)
    for text in ("10", "0x3", "x", "3x-1", "101x100"):
        with pytest.raises(UsageError, match="--grid"):
            parsing.grid(text)
    for text in ("1", "2,1", "a,b", "1,1", "nan,1", "0,inf", "0,1e308"):
        with pytest.raises(UsageError, match="--range"):
            parsing.span(text)


def test_settings_are_pairs() -> None:
    assert parsing.settings(["width=3", "noise=a=b"]) == {"width": "3", "noise": "a=b"}
    for item in ("width", "=3"):
        with pytest.raises(UsageError, match="KEY=VALUE"):
            parsing.settings([item])
