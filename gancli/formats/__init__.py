"""One output format, one file: `SUFFIXES`, `check(path, fps)`, `write(path, frames, fps, recipe)`.

A format that shows one picture says `STILL = True`. One whose files carry a recipe that can be read
back offers `recipe_text(picture)`, and its file here has Pillow's name for the format.

Frames are streamed: a writer takes one, encodes it, and forgets it, so that ten thousand need no
more memory than ten. Importing this module loads no numpy.
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

FPS = (0.01, 240.0)  # what every animated format can hold


class Format(Protocol):
    """What a module in this folder offers."""

    SUFFIXES: tuple[str, ...]

    def check(self, path: Path, fps: float) -> None:
        """Raise now what `write` would raise after the frames were made."""

    def write(
        self, path: Path, frames: "Iterable[Array]", fps: float, recipe: Recipe | None = None
    ) -> int:
        """Write uint8 (H, W, C) frames of one size to `path`, whole or not at all; their number.

        Raises UsageError where there are none or too many, FileError where the system refuses.
        """


def writer_for(path: Path, fps: float = 25) -> Format:
    """The format that `path` asks for by its suffix; a folder of frames where it has none.

    Everything that can be refused before a frame is made is refused here. Only that one format is
    imported. Raises UsageError (an unknown suffix, an impossible rate) and FileError.
    """
    name = _name(path)
    if name is None:
        listed = ", ".join(sorted(s for s in suffixes() if s))
        raise UsageError(
            f"{path.name} has a suffix that is no format here. Known: {listed}, "
            "and none at all for a folder of frames.",
            hint=f"--out {path.with_suffix('.gif')}",
        )
    if not FPS[0] <= fps <= FPS[1]:
        raise UsageError(f"{fps:g} frames a second: it must be {FPS[0]:g} to {FPS[1]:g}.")
    found = cast(Format, registry.load("formats", name))
    found.check(path, fps)
    return found


def is_still(path: Path) -> bool:
    """Whether the format that `path` asks for shows a single picture, and so a film as a strip."""
    name = _name(path)
    return name is not None and bool(registry.declared("formats", name, "STILL"))


def moving() -> list[str]:
    """The suffixes of single files that show frames one after the other."""
    return sorted(s for s in suffixes() if s and not is_still(Path(f"film{s}")))


def read_recipe(path: Path) -> dict[str, str] | None:
    """The recipe that a file of ours carries, or None. Raises FileError for what is no picture."""
    from gancli.images import opened

    with opened(path) as picture:
        name = (picture.format or "").lower()
        known = name in registry.names("formats")
        text = registry.load("formats", name).recipe_text(picture) if known else None
    return _recipe(text)


def _recipe(text: object) -> dict[str, str] | None:
    """Anyone may have written the text: what is not strings by name is no recipe."""
    try:
        found = json.loads(text) if isinstance(text, str | bytes) else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or not all(isinstance(v, str) for v in found.values()):
        return None
    return found


def suffixes() -> dict[str, str]:
    """Suffix to format, of all formats, read without importing them."""
    every = registry.names("formats")
    return {s: name for name in every for s in registry.declared("formats", name, "SUFFIXES")}


def _name(path: Path) -> str | None:
    """The format that `path` asks for, if any."""
    return suffixes().get("" if path.is_dir() else path.suffix.lower())


def numbered(frames: "Iterable[Array]") -> "Iterator[tuple[int, Array]]":
    """`frames` with their numbers from 0. Raises UsageError at the end of none at all."""
    number = -1
    for number, frame in enumerate(frames):
        yield number, frame
    if number < 0:
        raise UsageError("There is not one frame to write.")


def lasts(number: int, fps: float, ticks: int) -> int:
    """How long frame `number` is shown, in whole `ticks` a second.

    Rounded so that the end of every frame is right to half a tick: no error adds up.
    """
    return round((number + 1) * ticks / fps) - round(number * ticks / fps)


def check_sides(frame: "Array", most: int, suffix: str) -> None:
    """Raise UsageError for a frame with more than `most` pixels a side."""
    if max(frame.shape) > most:
        height, width = frame.shape[:2]
        raise UsageError(f"A {suffix} has at most {most} pixels a side, not {width}x{height}.")
