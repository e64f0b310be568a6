"""Training options: which value wins, how strings are converted, and which values are refused."""

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


def test_typed_values_override_the_preset_which_overrides_defaults() -> None:
    values = {"lr": 0.5, "epochs": 3, "width": 8}
    settings, training = resolve(Settings, values, {"epochs": 9, "width": "16"}, "dcgan")
    assert (settings.width, settings.noise) == (16, "normal")
    assert (training.epochs, training.lr) == (9, 0.5)
    assert training.batch_size == Training().batch_size


def test_preset_passes_name_shape_and_direction_to_the_model() -> None:
    def presets(name: str, shape: Shape | None, direction: Direction | None) -> dict[str, Any]:
        return {"name": name, "shape": shape, "direction": direction}

    shape = Shape(channels=1, size=36)
    found = preset("m", presets, "default", shape, Direction.A2B)
    assert found == {"name": "default", "shape": shape, "direction": Direction.A2B}
    assert preset("m", presets, "paper") == {"name": "paper", "shape": None, "direction": None}
    with pytest.raises(UsageError, match=r"\bm\b.*'best'.*default, paper"):
        preset("m", presets, "best")


def test_strings_are_converted_to_the_type_of_the_field() -> None:
    typed = {"norm": "false", "noise": "uniform", "lr": "3e-4", "batch-size": "16"}
    settings, training = resolve(Settings, {}, typed, "dcgan")
    assert (settings.norm, settings.noise) == (False, "uniform")
    assert (training.lr, training.batch_size) == (3e-4, 16)


@pytest.mark.parametrize(
    ("typed", "named"),  # `named`: a pattern of the option and the values in the message
    [
        ({"widht": 3}, "'widht'.*'width'"),
        ({"width": "wide"}, "--set width .*'wide'"),
        ({"width": "1.5"}, "--set width .*'1.5'"),
        ({"noise": "pink"}, "--set noise .*normal, uniform.*'pink'"),
        ({"norm": "maybe"}, "--set norm .*true, false.*'maybe'"),
        ({"width": 0}, "--set width .*1 and 512.*0"),
        ({"width": "513"}, "--set width .*1 and 512.*513"),
        ({"gamma": "nan"}, "--set gamma .*0 and 1.*nan"),
        ({"gamma": "inf"}, "--set gamma .*0 and 1.*inf"),
        ({"lr": "nan"}, "--lr .*nan"),
        ({"lr": -1.0}, "--lr .*-1"),
        ({"epochs": 0}, "--epochs .*1 and .*0"),
        ({"batch_size": 0}, "--batch-size .*1 and .*0"),
        ({"seed": -1}, "--seed .*0 and .*-1"),
        ({"lr_decay": 1.5}, "--set lr_decay .*0 and 1.*1.5"),
        ({"d_beta1": "low"}, "--set d_beta1 .*a number or none.*'low'"),
        ({"d_beta1": 1}, "--set d_beta1 .*0 and .*1"),
    ],
)
def test_resolve_refuses_unknown_keys_and_values_out_of_bounds(
    typed: dict[str, Any], named: str
) -> None:
    with pytest.raises(UsageError, match=named):
        resolve(Settings, {}, typed, "dcgan")


def test_the_hint_shows_how_to_type_the_setting() -> None:
    for typed, hint in (
        ({"width": "wide"}, "--set width=64"),
        ({"width": -3}, "--set width=64"),
        ({"norm": "maybe"}, "--set norm=true"),
        ({"batch_size": 0}, "--batch-size 128"),
        ({"d_beta1": 1}, "--set d_beta1=none"),
    ):
        with pytest.raises(UsageError) as raised:
            resolve(Settings, {}, typed, "dcgan")
        assert raised.value.hint == hint


def test_the_discriminator_has_the_moments_of_the_generator_unless_it_has_its_own() -> None:
    _, same = resolve(Settings, {"beta1": 0.1, "d_beta1": 0.3}, {"d_beta1": "none"}, "dcgan")
    assert same.betas == same.d_betas == (0.1, 0.999)
    _, own = resolve(Settings, {"beta1": 0.1}, {"d_beta1": "0", "d_beta2": "0.9"}, "dcgan")
    assert (own.betas, own.d_betas) == ((0.1, 0.999), (0.0, 0.9))


@pytest.mark.parametrize("edge", [0, 1])
def test_bounds_are_inclusive(edge: float) -> None:
    settings, training = resolve(Settings, {}, {"gamma": edge, "lr_decay": edge}, "dcgan")
    assert (settings.gamma, training.lr_decay) == (edge, edge)


@pytest.mark.parametrize(("size", "nearest"), [(30, 32), (29, 28), (2, 16), (300, 256), (-4, 16)])
def test_an_unsupported_size_suggests_the_nearest_supported_one(size: int, nearest: int) -> None:
    with pytest.raises(UsageError) as raised:
        check_size(size)
    assert raised.value.hint == f"--image-size {nearest}"


def test_every_multiple_of_four_is_supported() -> None:
    for size in range(16, 257, 4):
        check_size(size)


def test_the_run_folder_is_named_after_model_and_data_set() -> None:
    assert str(Job(model="dcgan", dataset="mnist", typed={}).folder) == "runs/dcgan-mnist"
    assert str(Job(model="dcgan", dataset="./a/cats/", typed={}).folder) == "runs/dcgan-cats"
