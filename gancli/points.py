"""Points in the plane as training data: what is known of them, and which options do not apply.

The other data are pictures. Imports nothing heavy, so that a wrong command fails at once.
"""

import shlex
from dataclasses import dataclass
from pathlib import Path

from gancli.errors import UsageError
from gancli.registry import declared, names
from gancli.shape import Shape

SUFFIX = ".csv"  # of a file with points of the user's


@dataclass(frozen=True, kw_only=True)
class Mixture:
    """A mixture of Gaussians of equal weight: their centres (x, y) and their deviation."""

    centres: tuple[tuple[float, float], ...]
    deviation: float


@dataclass(frozen=True, kw_only=True)
class Frame:
    """How points were moved and scaled to [-1, 1]: a point p became (p - (x, y)) / scale."""

    x: float
    y: float
    scale: float


def has_points(dataset: str) -> bool:
    """Return whether `dataset`, a name or a path as typed, consists of points in the plane."""
    if dataset in names("datasets"):
        return bool(declared("datasets", dataset, "POINTS"))
    return is_file(dataset)


def is_file(word: str) -> bool:
    """Return whether `word` names a file with points, by its suffix."""
    return Path(word).suffix.lower() == SUFFIX


def name(path: Path) -> str:
    """Return the name of the data at `path`: that of a folder, or of a .csv file without suffix."""
    return path.stem if is_file(path.name) else path.name


def check(model: str, dataset: str, image_size: int | None, evaluate_every: int) -> None:
    """Raise UsageError if `dataset` has points and the model or an option needs pictures."""
    if not has_points(dataset):
        return
    if not declared("models", model, "POINTS"):
        raise UsageError(
            f"{model} learns from pictures, and {dataset} has points in the plane.",
            hint=f"gan train vanilla --dataset {shlex.quote(dataset)}",
        )
    if image_size is not None:
        raise UsageError(
            f"{dataset} has points in the plane, which have no size in pixels.",
            hint="leave out --image-size",
        )
    if evaluate_every:
        raise UsageError(
            f"--evaluate-every measures pictures, and {dataset} has points in the plane, which "
            "are measured after every epoch.",
            hint="leave out --evaluate-every",
        )


def check_pictures(shape: Shape, file: str, ref: str) -> None:
    """Raise UsageError if the generator in `file`, which `ref` names, makes points in the plane."""
    if shape.points:
        raise UsageError(
            f"{file} makes points in the plane, and this command needs pictures.",
            hint=f"gan sample {shlex.quote(ref)}",
        )
