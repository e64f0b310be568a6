"""Output formats of pictures and animations, one module each.

A module offers `SUFFIXES`, `check(path, fps)` and `write(path, frames, fps, recipe)`; see `Format`.
A format that holds a single picture sets `STILL = True`. If its files can store a recipe that
Pillow reads back, the module offers `recipe_text(picture)` and is named as Pillow names the format.

Writers stream: they take one frame, encode it and drop it, so ten thousand frames need no more
memory than ten. Importing this package does not load numpy.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from gancli import registry
from gancli.errors import UsageError

if TYPE_CHECKING:
    from gancli.images import Array

Recipe = Mapping[str, str]

FPS = (0.01, 240.0)  # frames per second that every animated format can hold


class Format(Protocol):
    """The functions that every module in this folder offers."""

    SUFFIXES: tuple[str, ...]

    def check(self, path: Path, fps: float) -> None:
        """Raise what `write` would raise, before any frame is rendered."""

    def write(
        self, path: Path, frames: "Iterable[Array]", fps: float, recipe: Recipe | None = None
    ) -> int:
        """Write `frames`, uint8 (H, W, C) of one size, to `path` and return their number.

        A failed write leaves no file behind. Raises UsageError if `frames` is empty or has more
        frames than the format holds, and FileError if the file cannot be written.
        """


def writer_for(path: Path, fps: float = 25) -> Format:
    """Return the format for the suffix of `path`; without a suffix, a folder of frames.

    Imports only that format. Checks all that can be checked before a frame is rendered: raises
    UsageError for an unknown suffix or an impossible frame rate, FileError if `path` cannot be
    written, GanError if an encoder is missing.
    """
    name = _name(path)
    if name is None:
        listed = ", ".join(sorted(s for s in suffixes() if s))
        raise UsageError(
            f"{path.name} does not end in a known format: {listed}, or no suffix for a folder of "
            "frames.",
            hint=f"--out {path.with_suffix('.gif')}",
        )
    if not FPS[0] <= fps <= FPS[1]:
        raise UsageError(f"--fps must be between {FPS[0]:g} and {FPS[1]:g}, not {fps:g}.")
    found = cast(Format, registry.load("formats", name))
    found.check(path, fps)
    return found


def is_still(path: Path) -> bool:
    """Return whether the format of `path` holds a single picture; animations become strips."""
    name = _name(path)
    return name is not None and bool(registry.declared("formats", name, "STILL"))


def moving() -> list[str]:
    """Return the suffixes of the animated formats, without the folder of frames."""
    return sorted(s for s in suffixes() if s and not is_still(Path(f"film{s}")))


def read_recipe(path: Path) -> dict[str, str] | None:
    """Return the recipe stored in a picture, or None. Raises FileError if it is not a picture."""
    from gancli.images import opened

    with opened(path) as picture:
        name = (picture.format or "").lower()
        known = name in registry.names("formats")
        text = registry.load("formats", name).recipe_text(picture) if known else None
    return _recipe(text)


def _recipe(text: object) -> dict[str, str] | None:
    """Parse the text of a recipe; None unless it is a JSON object of strings.

    The file may come from anyone, so nothing about the text is taken for granted.
    """
    try:
        found = json.loads(text) if isinstance(text, str | bytes) else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or not all(isinstance(v, str) for v in found.values()):
        return None
    return found


def suffixes() -> dict[str, str]:
    """Return the format of each known suffix, without importing the formats."""
    every = registry.names("formats")
    return {s: name for name in every for s in registry.declared("formats", name, "SUFFIXES")}


def _name(path: Path) -> str | None:
    """Return the name of the format of `path`, or None."""
    return suffixes().get("" if path.is_dir() else path.suffix.lower())


def numbered(frames: "Iterable[Array]") -> "Iterator[tuple[int, Array]]":
    """Yield `frames` with their numbers from 0. Raises UsageError if there are none."""
    number = -1
    for number, frame in enumerate(frames):
        yield number, frame
    if number < 0:
        raise UsageError("An animation needs at least one frame.")


def frame_duration(number: int, fps: float, ticks: int) -> int:
    """Return how long frame `number` is shown, as a number of ticks; `ticks` make a second.

    The end of each frame is rounded, not its duration, so rounding errors do not add up.
    """
    return round((number + 1) * ticks / fps) - round(number * ticks / fps)


def check_sides(frame: "Array", most: int, suffix: str) -> None:
    """Raise UsageError if a side of `frame` has more than `most` pixels."""
    if max(frame.shape) > most:
        height, width = frame.shape[:2]
        raise UsageError(
            f"A {suffix} file can be at most {most} pixels wide and high, not {width}x{height}."
        )
