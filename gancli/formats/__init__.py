"""Output formats of pictures and animations, one module each.

A module offers `SUFFIXES`, `check(path, fps)` and `write(path, frames, fps, recipe)`; see `Format`.
A format that holds a single picture sets `STILL = True`. One whose `write` takes `hold`, how many
seconds longer the last frame is shown, sets `HOLDS = True`. If its files can store a recipe that
Pillow reads back, the module offers `recipe_text(picture)` and is named as Pillow names the format.

Writers stream: they take one frame, encode it and drop it, so ten thousand frames need no more
memory than ten. Importing this package does not load numpy.

Other packages add formats with entry points of the group `gancli.formats` (see `gancli.plugins`).
`SUFFIXES` and `STILL` are literals, because they are read without importing the module.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from gancli import registry
from gancli.errors import UsageError

if TYPE_CHECKING:
    from gancli.images import Array

Recipe = Mapping[str, str]

RECIPE_FORMATS = (".png", ".gif", ".webp")  # formats of gan that Pillow reads
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff")  # that people have
FPS = (0.01, 240)  # frames per second that every animated format can hold


class Format(Protocol):
    """The functions that every module in this folder offers."""

    SUFFIXES: tuple[str, ...]

    def check(self, path: Path, fps: float) -> None:
        """Raise what `write` would raise, before any frame is rendered."""

    def write(
        self,
        path: Path,
        frames: "Iterable[Array]",
        fps: float,
        recipe: Recipe | None = None,
        **options: Any,
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
    if missing := [f for f in ("check", "write") if not callable(getattr(found, f, None))]:
        raise UsageError(
            f"The format {name} does not define {missing[0]}, so {path} cannot be written.",
            hint="python -m pydoc gancli.formats shows what a format defines",
        )
    found.check(path, fps)
    return found


def is_still(path: Path) -> bool:
    """Return whether the format of `path` holds a single picture; animations become strips."""
    name = _name(path)
    return name is not None and bool(registry.declared("formats", name, "STILL"))


def can_hold(writer: Format) -> bool:
    """Return whether `writer` can show the last frame longer than the others."""
    return getattr(writer, "HOLDS", False)


def moving() -> list[str]:
    """Return the suffixes of the animated formats, without the folder of frames."""
    return sorted(s for s in suffixes() if s and not is_still(Path(f"film{s}")))


def read_recipe(path: Path) -> dict[str, str] | None:
    """Return the recipe stored in a picture, or None. Raises FileError if it is not a picture."""
    from gancli.images import opened

    with opened(path) as picture:
        name = (picture.format or "").lower()
        known = name in registry.names("formats")
        read = getattr(registry.load("formats", name), "recipe_text", None) if known else None
        text = read(picture) if read else None
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


def suffixes() -> dict[str, list[str]]:
    """Return the names of the formats that claim a suffix, without importing them."""
    found: dict[str, list[str]] = {}
    for name in registry.names("formats"):
        for suffix in registry.declared("formats", name, "SUFFIXES", ()):
            found.setdefault(suffix, []).append(name)
    return found


def _name(path: Path) -> str | None:
    """Return the name of the format of `path`, or None. Raises UsageError if there are several."""
    found = suffixes().get("" if path.is_dir() else path.suffix.lower(), [])
    if len(found) > 1:
        raise UsageError(
            f"More than one format writes {path.suffix}: {', '.join(found)}.",
            hint="uninstall the package that adds one of them",
        )
    return found[0] if found else None


def numbered(frames: "Iterable[Array]") -> "Iterator[tuple[int, Array]]":
    """Yield `frames` with their numbers from 0. Raises UsageError if there are none."""
    number = -1
    for number, frame in enumerate(frames):
        yield number, frame
    if number < 0:
        raise UsageError("An animation needs at least one frame.")


def timed(
    frames: "Iterable[Array]", fps: float, ticks: int, hold: float = 0.0
) -> "Iterator[tuple[int, Array, int]]":
    """Yield `frames` with their numbers and how long each is shown; `ticks` make a second.

    The last one is shown `hold` seconds longer. The end of each frame is rounded, not its duration,
    so rounding errors do not add up. Raises UsageError if there are no frames.
    """
    previous = None
    for number, frame in numbered(frames):
        if previous is not None:
            yield previous
        duration = round((number + 1) * ticks / fps) - round(number * ticks / fps)
        previous = number, frame, duration
    if previous is not None:
        number, frame, duration = previous
        yield number, frame, duration + round(hold * ticks)


def check_sides(frame: "Array", most: int, suffix: str) -> None:
    """Raise UsageError if a side of `frame` has more than `most` pixels."""
    if max(frame.shape) > most:
        height, width = frame.shape[:2]
        raise UsageError(
            f"A {suffix} file can be at most {most} pixels wide and high, not {width}x{height}."
        )
