"""Training options, and how defaults, a model's preset and the command line combine.

`Training` holds the defaults. A model's preset overrides them, and what the user typed overrides
both: see `resolve`. All options are frozen dataclasses that check their values when built.
"""

import dataclasses
import math
import shlex
import time
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from gancli import points
from gancli.errors import UsageError
from gancli.plugins import is_file
from gancli.registry import declared, did_you_mean, example_data, name_of, names
from gancli.shape import Direction, Shape, check_size

T = TypeVar("T")

Preset = Literal["default", "paper"]
Device = Literal["auto", "cuda", "mps", "cpu"]
Precision = Literal["auto", "fp32", "bf16"]
Broken = Literal["skip", "refuse"]
PRESETS: tuple[str, ...] = typing.get_args(Preset)
# The words that an option takes. The command line checks them when it parses, others do not.
CHOICES: dict[str, tuple[str | int | None, ...]] = {
    "preset": PRESETS,
    "device": typing.get_args(Device),
    "precision": typing.get_args(Precision),
    "broken": typing.get_args(Broken),
    "path": (None, "slerp", "lerp"),
    "split": ("train", "test"),
    "channels": (None, 1, 3),
}
LAST_SEED = 2**32 - 1
MOST_THREADS = 1024  # more would fail to start
# Options of `gan train`. All other settings are typed as --set KEY=VALUE.
NO_OPTIONS = ("model", "typed", "capture", "start_from")  # fields of `Job`: no option is named so
OPTIONS = ("epochs", "batch_size", "lr", "z_dim", "seed")


@dataclass(frozen=True, kw_only=True)
class Training:
    """How a model is trained. Raises UsageError for a value out of bounds.

    0 turns off `lr_decay`, `patience`, `ema` and `jitter`. Annotated holds the bounds of a value.
    """

    epochs: Annotated[float, (0.001, 1_000_000)] = 25.0  # passes over the training images
    batch_size: Annotated[int, (1, 1_000_000)] = 128  # images in each step, over all processes
    lr: Annotated[float, (1e-9, 1.0)] = 2e-4  # Adam's learning rate, for both networks
    d_lr_scale: Annotated[float, (1e-3, 1e3)] = 1.0  # D's learning rate, as a multiple of lr
    beta1: Annotated[float, (0.0, 0.99999)] = 0.5  # of Adam
    beta2: Annotated[float, (0.0, 0.9999999)] = 0.999  # of Adam
    d_beta1: Annotated[float | None, (0.0, 0.99999)] = None  # of D's Adam; none: beta1
    d_beta2: Annotated[float | None, (0.0, 0.9999999)] = None  # of D's Adam; none: beta2
    lr_decay: Annotated[float, (0.0, 1.0)] = 0.5  # final fraction of the run in which lr falls to 0
    patience: Annotated[int, (0, 1_000_000)] = 0  # epochs without a new best before lr halves
    ema: Annotated[float, (0.0, 1e12)] = 50_000.0  # half-life of G's average, in images; 0: off
    jitter: Annotated[float, (0.0, 1.0)] = 0.0  # enlarge by this fraction, then crop at random
    mirror: bool = False  # mirror each picture with probability 1/2
    seed: Annotated[int, (0, LAST_SEED)] = 0  # of weights, noise and the order of images

    def __post_init__(self) -> None:
        check_bounds(self)

    @property
    def betas(self) -> tuple[float, float]:
        """The moments' decay rates of the generator's Adam."""
        return self.beta1, self.beta2

    @property
    def d_betas(self) -> tuple[float, float]:
        """The moments' decay rates of the discriminator's Adam."""
        beta1 = self.beta1 if self.d_beta1 is None else self.d_beta1
        return beta1, self.beta2 if self.d_beta2 is None else self.d_beta2


@dataclass(frozen=True, kw_only=True)
class Job:
    """The arguments of one `gan train` command, before they are resolved.

    `model` and `dataset` are names or paths, as typed. Raises UsageError if they do not fit.
    """

    model: str
    dataset: str
    typed: Mapping[str, Any]  # settings and training options, by name
    preset: Preset = "default"
    start_from: str | None = None  # the generator to start from: a file, a run or a name
    minutes: float | None = None  # train for about this long, instead of `epochs`
    direction: Direction | None = None  # for models that learn from pairs
    image_size: int | None = None
    device: Device = "auto"
    threads: int | None = None  # of each process on the CPU; None: the run's own, or torch's choice
    precision: Precision = "auto"
    out: Path | None = None
    data_dir: Path | None = None
    broken: Broken = "skip"
    fresh: bool = False
    accept_new_data: bool = False  # resume although the pictures have changed
    capture: bool = True  # on a GPU: record the step as a CUDA graph and replay it
    compile: bool = False  # run the networks through torch.compile
    evaluate_every: int = 0  # epochs between evaluations; 0: never
    save_every: float = 300.0  # seconds between checkpoints within an epoch; 0: none
    stream: bool | None = None  # read pictures from disk; None: only if they do not fit in memory
    workers: int | None = None  # processes that read pictures when streaming
    devices: int = 1  # number of processes to start on this machine
    created: float = dataclasses.field(default_factory=time.monotonic, compare=False)

    def __post_init__(self) -> None:
        name_of("models", self.model)
        if self.image_size is not None:
            check_size(self.image_size)
        for option in ("preset", "device", "precision", "broken"):
            check_choice(option, getattr(self, option))
        if self.workers is not None and self.workers < 0:
            raise UsageError("--workers must be a number of processes.", hint="--workers 0")
        if self.evaluate_every < 0:
            raise UsageError("--evaluate-every must be a number of epochs, or 0 for never.")
        if not 0 <= self.save_every < math.inf:
            raise UsageError("--save-every must be a time such as 5m, or 0 for never.")
        if self.minutes is not None and "epochs" in self.typed:
            raise UsageError(
                "--minutes and --epochs both set the length: give only one.",
                hint="leave out --epochs",
            )
        self._check_direction()
        points.check(self.model, self.dataset, self.image_size, self.evaluate_every)

    def _check_direction(self) -> None:
        built_in = self.dataset in names("datasets")
        if self.pairs and built_in and not declared("datasets", self.dataset, "PAIRS"):
            raise UsageError(
                f"{self.model} learns from pairs of pictures, and {self.dataset} has none.",
                hint=f"gan train {self.model} {example_data(True, self.direction or 'A2B')}",
            )
        if self.pairs and self.direction is None:
            raise UsageError(
                f"{self.model} learns from pairs (A, B) and needs a --direction: A2B or B2A.",
                hint=f"gan train {self.model} --dataset {shlex.quote(self.dataset)} "
                "--direction A2B",
            )
        if self.direction and not self.pairs:
            raise UsageError(
                f"{self.model} does not translate pictures, so --direction does not apply.",
                hint=f"gan train pix2pix {example_data(pairs=True)}",
            )

    @property
    def pairs(self) -> bool:
        """Whether the model learns from pairs of pictures."""
        return bool(declared("models", self.model, "PAIRS"))

    @property
    def folder(self) -> Path:
        """The run folder: `--out`, else runs/MODEL-DATASET, with the direction for pairs."""
        named = self.dataset in names("datasets") or is_file(self.dataset)
        path = Path(self.dataset).expanduser().resolve()
        data = name_of("datasets", self.dataset) if named else points.name(path)
        turn = f"-{self.direction}" if self.direction else ""
        return self.out or Path("runs") / f"{name_of('models', self.model)}-{data}{turn}"


def check_choice(option: str, value: str | int | None) -> None:
    """Raise UsageError if `value` is not one of the words that `option` takes; see CHOICES."""
    if value not in CHOICES[option]:
        known = [str(word) for word in CHOICES[option] if word]
        raise UsageError(
            f"--{option} must be one of {', '.join(known)}, not {value!r}.",
            hint=f"--{option} {known[0]}",
        )


def preset(
    model: str,
    presets: Callable[[str, Shape | None, Direction | None], dict[str, Any]],
    name: str,
    shape: Shape | None = None,
    direction: Direction | None = None,
) -> dict[str, Any]:
    """Return the values of preset `name`. `presets` is the function `preset` of the model's module.

    Raises UsageError if `name` is not one of PRESETS.
    """
    if name not in PRESETS:
        raise UsageError(
            f"{model} has no preset {name!r}. Known: {', '.join(PRESETS)}.",
            hint=f"gan train {model} --help",
        )
    return presets(name, shape, direction)


def resolve(
    settings_type: type[T], preset: Mapping[str, Any], typed: Mapping[str, Any], model: str
) -> tuple[T, Training]:
    """Build a model's settings and the training options.

    `typed` (the command line) overrides `preset`, which overrides the defaults. Strings are
    converted to the type of their field. Raises UsageError, with the known keys, for a key that
    neither has, and for a value of the wrong type or out of bounds.
    """
    values = {**preset, **{k.replace("-", "_"): v for k, v in typed.items() if v is not None}}
    known = {f.name: f for c in (settings_type, Training) for f in dataclasses.fields(c)}  # type: ignore[arg-type]
    elsewhere = {f.name for f in dataclasses.fields(Job)} - set(NO_OPTIONS)
    for key, value in values.items():
        if key in elsewhere:
            option = f"--{key.replace('_', '-')}"
            raise UsageError(f"{key} is not set with --set but with {option}.", f"{option} {value}")
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
    hints, fields = typing.get_type_hints(cls), dataclasses.fields(cls)  # type: ignore[arg-type]
    return cls(
        **{f.name: read(f, values[f.name], hints[f.name]) for f in fields if f.name in values}
    )


def read(field: dataclasses.Field[Any], value: Any, kind: Any) -> Any:
    """Convert `value` to `kind`, the type of `field`: bool, int, float, str or a Literal.

    Raises UsageError, with the field's default as a hint, if that fails.
    """
    try:
        return _as(kind, value)
    except (TypeError, ValueError):
        raise UsageError(
            f"{option(field.name)} must be {_noun(kind)}, not {value!r}.",
            hint=as_typed(field.name, field.default),
        ) from None


def check_bounds(options: Any) -> None:
    """Raise UsageError, with the default as a hint, if a field of `options` is out of bounds.

    `options` is a dataclass. A field of type Annotated[float, (0.0, 1.0)] takes values from 0 to 1,
    both included. Other fields take any value.
    """
    hints = typing.get_type_hints(type(options), include_extras=True)
    for field in dataclasses.fields(options):
        value = getattr(options, field.name)
        for low, high in getattr(hints[field.name], "__metadata__", ()):
            if value is not None and not low <= value <= high:  # written so that nan fails, too
                raise UsageError(
                    f"{option(field.name)} must be between {_shown(low)} and {_shown(high)}, not "
                    f"{_shown(value)}.",
                    hint=as_typed(field.name, field.default),
                )


def _shown(number: float) -> str:
    return f"{number:g}" if isinstance(number, float) else f"{number:,}"


def _as(kind: Any, value: Any) -> Any:
    if isinstance(kind, types.UnionType):  # X | None
        return None if value in (None, "none") else _as(typing.get_args(kind)[0], value)
    if choices := typing.get_args(kind):  # a Literal
        return choices[choices.index(value)]
    if kind is bool and isinstance(value, str):
        return ("false", "true").index(value.lower()) == 1
    if kind is int and isinstance(value, str):
        return int(value.replace("_", ""))
    return kind(value)


def _noun(kind: Any) -> str:
    if isinstance(kind, types.UnionType):
        return f"{_noun(typing.get_args(kind)[0])} or none"
    if choices := ("true", "false") if kind is bool else typing.get_args(kind):
        return f"one of {', '.join(choices)}"
    return {int: "a whole number", float: "a number", str: "a word"}[kind]


def option(name: str) -> str:
    """Return how a setting is typed: as an option of its own, or with --set."""
    return f"--{name.replace('_', '-')}" if name in OPTIONS else f"--set {name}"


def as_typed(name: str, value: Any) -> str:
    """Return a setting and its value as the user would type them, for a hint."""
    value = f"{value:g}" if isinstance(value, float) else value
    value = str(value).lower() if value is None or isinstance(value, bool) else value
    return f"{option(name)}{' ' if name in OPTIONS else '='}{value}"
