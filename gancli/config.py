"""Frozen options that refuse nonsense when built. The defaults of training live here, once.

A model's preset overrides them, and what was typed overrides both: see `resolve`.
"""

import dataclasses
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

from gancli.errors import UsageError
from gancli.registry import check, declared, did_you_mean, names
from gancli.shape import Direction, Shape, check_size

T = TypeVar("T")

PRESETS = ("default", "paper")
LAST_SEED = 2**32 - 1
OPTIONS = ("epochs", "batch_size", "lr", "z_dim", "seed")  # of `gan train`; others go by --set


@dataclass(frozen=True, kw_only=True)
class Training:
    """How a model is trained. Raises UsageError for a value that cannot be meant."""

    epochs: Annotated[int, (1, 1_000_000)] = 25
    batch_size: Annotated[int, (1, 1_000_000)] = 128
    lr: Annotated[float, (1e-9, 1.0)] = 2e-4  # Adam's, of both networks
    d_lr_scale: Annotated[float, (1e-3, 1e3)] = 1.0  # the discriminator's rate, as a multiple of lr
    beta1: Annotated[float, (0.0, 0.99999)] = 0.5
    beta2: Annotated[float, (0.0, 0.9999999)] = 0.999
    lr_decay: Annotated[float, (0.0, 1.0)] = 0.5  # the last part, in which lr falls to 0; 0: none
    patience: Annotated[int, (0, 1_000_000)] = 0  # epochs without a new best: lr halves; 0: never
    ema: Annotated[float, (0.0, 1e12)] = 50_000.0  # half-life, in images, of G's average; 0: none
    jitter: Annotated[float, (0.0, 1.0)] = 0.0  # share by which pictures are enlarged, then cropped
    mirror: bool = False  # whether each picture is mirrored by the toss of a coin
    seed: Annotated[int, (0, LAST_SEED)] = 0

    def __post_init__(self) -> None:
        check_bounds(self)


@dataclass(frozen=True, kw_only=True)
class Job:
    """One `gan train`: what was typed, before any of it is resolved."""

    model: str
    dataset: str
    typed: Mapping[str, Any]  # settings and training options by name
    preset: str = "default"
    direction: Direction | None = None  # of models that learn from pairs
    image_size: int | None = None
    device: str = "auto"
    precision: str = "auto"
    out: Path | None = None
    data_dir: Path | None = None
    broken: str = "skip"
    fresh: bool = False
    capture: bool = True  # on a GPU: whether the step is recorded and replayed
    compile: bool = False  # whether torch.compile translates the networks first
    evaluate_every: int = 0  # epochs between measures; 0: never
    stream: bool | None = None  # whether pictures stay on disk; None: where they do not fit
    workers: int | None = None  # processes that read them then
    devices: int = 1  # processes to start on this machine

    def __post_init__(self) -> None:
        check("models", self.model)
        if self.image_size is not None:
            check_size(self.image_size)
        if self.evaluate_every < 0:
            raise UsageError("--evaluate-every takes a number of epochs, 0 for never.")
        self._check_direction()

    def _check_direction(self) -> None:
        if self.pairs and self.direction is None:
            raise UsageError(
                f"{self.model} learns from pairs (A, B): say which of the two it is given.",
                hint=f"gan train {self.model} --dataset {self.dataset} --direction A2B",
            )
        if self.direction and not self.pairs:
            raise UsageError(
                f"{self.model} translates no pictures: --direction is not for it.",
                hint="gan train pix2pix --dataset toy-facades --direction A2B",
            )

    @property
    def pairs(self) -> bool:
        """Whether the model learns from pairs of pictures."""
        return bool(declared("models", self.model, "PAIRS"))

    @property
    def folder(self) -> Path:
        """Where the run lives: `--out`, else runs/MODEL-DATASET, of pairs with the direction."""
        named = self.dataset in names("datasets")
        data = self.dataset if named else Path(self.dataset).expanduser().resolve().name
        turn = f"-{self.direction}" if self.direction else ""
        return self.out or Path("runs") / f"{self.model}-{data}{turn}"


def preset(
    model: str,
    presets: Callable[[str, Shape | None, Direction | None], dict[str, Any]],
    name: str,
    shape: Shape | None = None,
    direction: Direction | None = None,
) -> dict[str, Any]:
    """What the preset `name` of a model sets: `presets` is the function `preset` of its module.

    Raises UsageError for a name that is none of PRESETS.
    """
    if name not in PRESETS:
        raise UsageError(
            f"{model} has no preset {name!r}: it has {', '.join(PRESETS)}.",
            hint=f"gan train {model} --help",
        )
    return presets(name, shape, direction)


def resolve(
    settings_type: type[T], preset: Mapping[str, Any], typed: Mapping[str, Any], model: str
) -> tuple[T, Training]:
    """A model's settings and the training options: defaults, then `preset`, then what was `typed`.

    Strings among the typed values are read as the field's type. Raises UsageError for a key that
    neither has, naming those that exist, and for a value that does not fit.
    """
    values = {**preset, **{k.replace("-", "_"): v for k, v in typed.items() if v is not None}}
    known = {f.name: f for c in (settings_type, Training) for f in dataclasses.fields(c)}  # type: ignore[arg-type]
    for key in values:
        if key not in known:
            raise UsageError(
                f"{model} has no setting {key!r}{did_you_mean(key, known)} "
                f"Settings: {', '.join(sorted(known))}.",
                hint=f"gan train {model} --dataset glyphs --dry-run",
            )
    settings = _build(settings_type, values)
    check_bounds(settings)
    return settings, _build(Training, values)


def _build(cls: type[T], values: Mapping[str, Any]) -> T:
    hints, usual = typing.get_type_hints(cls), dataclasses.fields(cls)  # type: ignore[arg-type]
    return cls(
        **{f.name: read(f, values[f.name], hints[f.name]) for f in usual if f.name in values}
    )


def read(field: dataclasses.Field[Any], value: Any, kind: Any) -> Any:
    """`value` for `field`, as `kind` (bool, int, float, str, or one of a Literal).

    Raises UsageError, with the field's default as a hint, if it is none.
    """
    try:
        return _as(kind, value)
    except (TypeError, ValueError):
        raise UsageError(
            f"{_option(field.name)} must be {_noun(kind)}, not {value!r}.",
            hint=_typed(field.name, field.default),
        ) from None


def check_bounds(options: Any) -> None:
    """Raise UsageError, with the default as a hint, for a value outside its field's bounds.

    `options` is a dataclass. A field of type Annotated[float, (0.0, 1.0)] takes 0, 1 and what lies
    between; other fields take any value.
    """
    hints = typing.get_type_hints(type(options), include_extras=True)
    for field in dataclasses.fields(options):
        value = getattr(options, field.name)
        for low, high in getattr(hints[field.name], "__metadata__", ()):
            if not low <= value <= high:  # nan, too, is refused
                raise UsageError(
                    f"{_option(field.name)} must lie between {low:g} and {high:g}, not {value:g}.",
                    hint=_typed(field.name, field.default),
                )


def _as(kind: Any, value: Any) -> Any:
    if choices := typing.get_args(kind):  # of a Literal
        return choices[choices.index(value)]
    if kind is bool and isinstance(value, str):
        return ("false", "true").index(value.lower()) == 1
    if kind is int and isinstance(value, str):
        return int(value.replace("_", ""))
    return kind(value)


def _noun(kind: Any) -> str:
    if choices := ("true", "false") if kind is bool else typing.get_args(kind):
        return f"one of {', '.join(choices)}"
    return {int: "a whole number", float: "a number", str: "a word"}[kind]


def _option(name: str) -> str:
    """How a setting is typed: a few have options of their own."""
    return f"--{name.replace('_', '-')}" if name in OPTIONS else f"--set {name}"


def _typed(name: str, value: Any) -> str:
    value = str(value).lower() if isinstance(value, bool) else value
    return f"{_option(name)}{' ' if name in OPTIONS else '='}{value}"
