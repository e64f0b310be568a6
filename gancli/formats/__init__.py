"""One output format, one file: `SUFFIXES`, `check(path, fps)`, `write(path, frames, fps, recipe)`.

Frames are streamed: a writer takes one, encodes it, and forgets it, so that ten thousand need no
more memory than ten. Importing this module loads no numpy.
"""

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
    known = suffixes()
    suffix = "" if path.is_dir() else path.suffix.lower()
    if suffix not in known:
        listed = ", ".join(sorted(s for s in known if s))
        raise UsageError(
            f"{path.name} has a suffix that is no format here. Known: {listed}, "
            "and none at all for a folder of frames.",
            hint=f"--out {path.with_suffix('.gif')}",
        )
    if not FPS[0] <= fps <= FPS[1]:
        raise UsageError(f"{fps:g} frames a second: it must be {FPS[0]:g} to {FPS[1]:g}.")
    found = cast(Format, registry.load("formats", known[suffix]))
    found.check(path, fps)
    return found


def suffixes() -> dict[str, str]:
    """Suffix to format, of all formats, read without importing them."""
    every = registry.names("formats")
    return {s: name for name in every for s in registry.declared("formats", name, "SUFFIXES")}


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
