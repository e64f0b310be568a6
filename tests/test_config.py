"""Options that refuse nonsense when they are built."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest

from gancli.config import Job, Training, preset, resolve
from gancli.errors import UsageError
from gancli.shape import Direction, Shape, check_size


@dataclass(frozen=True, kw_only=True)
class Settings:
    width: Annotated[int, (1, 512)] = 64
    gamma: Annotated[float, (0.0, 1.0)] = 0.5
    noise: Literal["normal", "uniform"] = "normal"
    norm: bool = True


def test_what_was_typed_goes_before_the_preset_before_the_default() -> None:
    values = {"lr": 0.5, "epochs": 3, "width": 8}
    settings, training = resolve(Settings, values, {"epochs": 9, "width": "16"}, "dcgan")
    assert (settings.width, settings.noise) == (16, "normal")
    assert (training.epochs, training.lr) == (9, 0.5)
    assert training.batch_size == Training().batch_size


def test_a_preset_goes_by_its_name_the_shape_and_the_direction() -> None:
    def presets(name: str, shape: Shape | None, direction: Direction | None) -> dict[str, Any]:
        return {"name": name, "shape": shape, "direction": direction}

    shape = Shape(channels=1, size=36)
    found = preset("m", presets, "default", shape, Direction.A2B)
    assert found == {"name": "default", "shape": shape, "direction": Direction.A2B}
    assert preset("m", presets, "paper") == {"name": "paper", "shape": None, "direction": None}
    with pytest.raises(UsageError, match=r"m has no preset 'best': it has default, paper\."):
        preset("m", presets, "best")


def test_strings_are_read_as_the_field_s_type() -> None:
    typed = {"norm": "false", "noise": "uniform", "lr": "3e-4", "batch-size": "16"}
    settings, training = resolve(Settings, {}, typed, "dcgan")
    assert (settings.norm, settings.noise) == (False, "uniform")
    assert (training.lr, training.batch_size) == (3e-4, 16)


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ({"widht": 3}, "Did you mean 'width'?"),
        ({"width": "wide"}, "--set width must be a whole number"),
        ({"width": "1.5"}, "--set width must be a whole number"),
        ({"noise": "pink"}, "one of normal, uniform"),
        ({"norm": "maybe"}, "one of true, false"),
        ({"width": 0}, "--set width must lie between 1 and 512, not 0."),
        ({"width": "513"}, "--set width must lie between 1 and 512, not 513."),
        ({"gamma": "nan"}, "--set gamma must lie between 0 and 1"),
        ({"gamma": "inf"}, "--set gamma must lie between 0 and 1"),
        ({"lr": "nan"}, "--lr must lie between"),
        ({"lr": -1.0}, "--lr must lie between"),
        ({"epochs": 0}, "--epochs must lie between 1"),
        ({"batch_size": 0}, "--batch-size must lie between 1"),
        ({"seed": -1}, "--seed must lie between 0"),
        ({"lr_decay": 1.5}, "--set lr_decay must lie between 0 and 1"),
    ],
)
def test_nonsense_is_refused(typed: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says.replace("?", r"\?")):
        resolve(Settings, {}, typed, "dcgan")


def test_a_refusal_shows_how_the_setting_is_typed() -> None:
    for typed, hint in (
        ({"width": "wide"}, "--set width=64"),
        ({"width": -3}, "--set width=64"),
        ({"norm": "maybe"}, "--set norm=true"),
        ({"batch_size": 0}, "--batch-size 128"),
    ):
        with pytest.raises(UsageError) as raised:
            resolve(Settings, {}, typed, "dcgan")
        assert raised.value.hint == hint


@pytest.mark.parametrize("edge", [0, 1])
def test_both_bounds_are_allowed(edge: float) -> None:
    settings, training = resolve(Settings, {}, {"gamma": edge, "lr_decay": edge}, "dcgan")
    assert (settings.gamma, training.lr_decay) == (edge, edge)


@pytest.mark.parametrize(("size", "nearest"), [(30, 32), (29, 28), (2, 16), (300, 256), (-4, 16)])
def test_an_illegal_size_names_the_nearest_legal_one(size: int, nearest: int) -> None:
    with pytest.raises(UsageError) as raised:
        check_size(size)
    assert raised.value.hint == f"--image-size {nearest}"


def test_every_multiple_of_four_is_legal() -> None:
    for size in range(16, 257, 4):
        check_size(size)


def test_a_run_is_named_after_its_model_and_its_data() -> None:
    assert str(Job(model="dcgan", dataset="mnist", typed={}).folder) == "runs/dcgan-mnist"
    assert str(Job(model="dcgan", dataset="./a/cats/", typed={}).folder) == "runs/dcgan-cats"
