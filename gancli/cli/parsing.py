"""What was typed, as values: seeds, classes, grids, ranges. All raise UsageError for nonsense."""

import glob
import os
from collections.abc import Iterable, Sequence
from math import nan
from pathlib import Path
from typing import Any

from gancli import formats
from gancli.config import LAST_SEED
from gancli.errors import DataError, UsageError
from gancli.weights import Header

MOST = 1_000_000  # of pictures asked for at once
CELLS = 10_000  # of a grid
FARTHEST = 1e6  # coordinate that a picture of the manifold may show
VIDEOS = (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm")


def numbers(text: str, option: str) -> list[int]:
    """`0-3,7` as [0, 1, 2, 3, 7]: at most MOST numbers, none above LAST_SEED.

    Raises UsageError for anything else, and for an empty range.
    """
    found: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not _is_number(first) or (dash and not _is_number(last)):
            raise UsageError(
                f"{option} takes numbers up to {LAST_SEED:,}, and ranges such as 0-3, "
                f"not {text!r}.",
                hint=f"{option} 0-3",
            )
        span = range(int(first), int(last or first) + 1)
        if not span:
            raise UsageError(
                f"{option} {part.strip()} is an empty range: its end lies before its start.",
                hint=f"{option} {last}-{first}",
            )
        if len(found) + len(span) > MOST:
            raise UsageError(
                f"{option} {text} are more than {MOST:,} numbers.", hint=f"{option} 0-9999"
            )
        found.extend(span)
    return found


def _is_number(word: str) -> bool:
    return word.isdecimal() and len(word) <= len(str(LAST_SEED)) and int(word) <= LAST_SEED


def settings(items: list[str]) -> dict[str, Any]:
    """`["width=32"]` as {"width": "32"}."""
    for item in items:
        if "=" not in item or item.startswith("="):
            raise UsageError(f"--set takes KEY=VALUE, not {item!r}.", hint="--set width=32")
    return dict(item.split("=", 1) for item in items)


def seeds(count: int | None, seeds: str | None, otherwise: int = 64) -> list[int]:
    """The seeds named, else the first `count`. Raises UsageError where the two do not agree."""
    if seeds is None:
        return list(range(count or otherwise))
    chosen = numbers(seeds, "--seeds")
    if count is not None and count != len(chosen):
        raise UsageError(
            f"{count} pictures and --seeds {seeds} ({len(chosen)} seeds) do not agree.",
            hint=f"--seeds {seeds}",
        )
    return chosen


def labels(
    header: Header, text: str, option: str, otherwise: str = "gan sample --help"
) -> list[int]:
    """Classes by name, number or range, or `all`, as `option` names them.

    Raises UsageError for one that is not there, and, with the command to type `otherwise`, for a
    model that was trained without labels.
    """
    names = [name.lower() for name in header.classes] if header.labelled else []
    if not names:
        raise UsageError(f"{header.model} was not trained with labels.", hint=otherwise)
    if text.lower() == "all":
        return list(range(len(names)))
    found = []
    for part in [text] if text.lower() in names else text.split(","):
        word = part.strip().lower()
        known = word in names
        found += [names.index(word)] if known else _numbered(word, header.classes, option)
    return found


def _numbered(word: str, classes: Sequence[str], option: str) -> list[int]:
    chosen = numbers(word, option) if word[:1].isdecimal() else []
    if not chosen or max(chosen) >= len(classes):
        listed = ", ".join(
            f"{i} {name}" if name != str(i) else name for i, name in enumerate(classes)
        )
        raise UsageError(
            f"There is no class {max(chosen) if chosen else repr(word)}. Classes: {listed}.",
            hint=f"{option} 0-{len(classes) - 1}",
        )
    return chosen


def walk_labels(header: Header, text: str | None) -> list[int]:
    """The classes of a walk: those asked for, else all that the model was trained with."""
    if text is None and not header.labelled:
        return []
    return labels(header, text or "all", "--label")


def grid(text: str) -> tuple[int, int]:
    """`10x20` as (10, 20): at most CELLS cells."""
    rows, _, columns = text.lower().partition("x")
    if not (_is_number(rows) and _is_number(columns) and 0 < int(rows) * int(columns) <= CELLS):
        raise UsageError(
            f"--grid takes rows and columns, of at most {CELLS:,} cells, not {text!r}.",
            hint="--grid 10x10",
        )
    return int(rows), int(columns)


def span(text: str) -> tuple[float, float]:
    """`-1,1` as (-1.0, 1.0)."""
    try:
        low, high = map(float, text.split(","))
    except ValueError:
        low = high = nan
    if not -FARTHEST <= low < high <= FARTHEST:
        raise UsageError(
            f"--range takes two numbers up to {FARTHEST:g}, the lower one first, not {text!r}.",
            hint="--range=-1,1",
        )
    return low, high


def steps(out: Path) -> int:
    """Frames of a leg where nobody said: a strip has room for few."""
    return 8 if formats.is_still(out) else 50


def inputs(words: list[str], skip: Sequence[str] = ()) -> list[Path]:
    """Files, and those in folders and behind patterns, in order; names once.

    Of a folder or a pattern, pictures alone, but for those whose stem ends in one of `skip`. Raises
    UsageError for what is not there, DataError for a folder without pictures.
    """
    found: list[Path] = []
    for word in words:
        path = Path(word).expanduser()
        if path.is_dir():
            found += _pictures(path, path.iterdir(), skip)
        elif path.exists():
            found.append(path)
        elif any(sign in word for sign in "*?["):
            found_here = glob.glob(str(path), recursive=True)  # noqa: PTH207 - absolute ones, too
            matches = (Path(p) for p in found_here)
            found += _pictures(path, matches, skip)
        else:
            raise UsageError(f"There is no file {word}.", hint="gan translate --help")
    first: dict[Path, Path] = {}
    for path in found:
        first.setdefault(Path(os.path.abspath(path)), path)  # noqa: PTH100 - a link is another file
    return list(first.values())


def _pictures(where: Path, paths: Iterable[Path], skip: Sequence[str]) -> list[Path]:
    from gancli.data.decode import SUFFIXES

    found = sorted(
        path
        for path in paths
        if path.suffix.lower() in SUFFIXES and not path.stem.endswith(tuple(skip))
    )
    if not found:
        raise DataError(f"There are no pictures in {where}.", hint="gan translate --help")
    return found


def is_video(path: Path) -> bool:
    return path.suffix.lower() in VIDEOS
