"""Parse what was typed: seeds, classes, grids, ranges, input files.

Every function raises UsageError for text that it cannot parse.
"""

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

MAX_COUNT = 1_000_000  # pictures in one command
MAX_CELLS = 10_000  # cells of a grid
MAX_COORDINATE = 1e6  # of --range
VIDEOS = (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm")


def numbers(text: str, option: str) -> list[int]:
    """Parse `0-3,7` as [0, 1, 2, 3, 7]: at most MAX_COUNT numbers, none above LAST_SEED.

    Raises UsageError, with the name of the `option`, for anything else and for an empty range.
    """
    found: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not _is_number(first) or (dash and not _is_number(last)):
            raise UsageError(
                f"{option} takes numbers up to {LAST_SEED:,} and ranges such as 0-3, not {text!r}.",
                hint=f"{option} 0-3",
            )
        span = range(int(first), int(last or first) + 1)
        if not span:
            raise UsageError(
                f"{option} {part.strip()} is an empty range: it ends before it starts.",
                hint=f"{option} {last}-{first}",
            )
        if len(found) + len(span) > MAX_COUNT:
            raise UsageError(
                f"{option} takes at most {MAX_COUNT:,} numbers, and {text} has more.",
                hint=f"{option} 0-9999",
            )
        found.extend(span)
    return found


def _is_number(word: str) -> bool:
    return word.isdecimal() and len(word) <= len(str(LAST_SEED)) and int(word) <= LAST_SEED


def settings(items: list[str]) -> dict[str, Any]:
    """Parse `["width=32"]` as {"width": "32"}."""
    for item in items:
        if "=" not in item or item.startswith("="):
            raise UsageError(f"--set takes KEY=VALUE, not {item!r}.", hint="--set width=32")
    return dict(item.split("=", 1) for item in items)


def seeds(count: int | None, seeds: str | None, default: int = 64) -> list[int]:
    """Return the seeds in `seeds`; without it, the first `count`, or the first `default`.

    Raises UsageError if `count` is not the number of `seeds`.
    """
    if seeds is None:
        return list(range(count or default))
    chosen = numbers(seeds, "--seeds")
    if count is not None and count != len(chosen):
        raise UsageError(
            f"--seeds {seeds} makes {len(chosen)} pictures, but {count} were requested.",
            hint=f"--seeds {seeds}",
        )
    return chosen


def labels(header: Header, text: str, option: str, unlabelled_hint: str | None = None) -> list[int]:
    """Parse classes given by name, number or range, or as `all`, from the value of `option`.

    Raises UsageError for an unknown class, and, with the hint `unlabelled_hint`, for a model that
    was trained without labels.
    """
    names = [name.lower() for name in header.classes] if header.labelled else []
    if not names:
        raise UsageError(
            f"{header.model} was not trained with labels.",
            hint=unlabelled_hint or f"leave out {option}",
        )
    if text.lower() == "all":
        return list(range(len(names)))
    found = []
    for part in [text] if text.lower() in names else text.split(","):  # a name may have a comma
        word = part.strip().lower()
        is_name = word in names
        found += [names.index(word)] if is_name else _class_numbers(word, header.classes, option)
    return found


def _class_numbers(word: str, classes: Sequence[str], option: str) -> list[int]:
    chosen = numbers(word, option) if word[:1].isdecimal() else []
    if not chosen or max(chosen) >= len(classes):
        listed = ", ".join(
            f"{i} {name}" if name != str(i) else name for i, name in enumerate(classes)
        )
        raise UsageError(
            f"The model has no class {max(chosen) if chosen else repr(word)}. Its classes are: "
            f"{listed}.",
            hint=f"{option} 0-{len(classes) - 1}",
        )
    return chosen


def walk_labels(header: Header, text: str | None) -> list[int]:
    """Return the classes of a walk: those in `text`, else all that the model was trained with."""
    if text is None and not header.labelled:
        return []
    return labels(header, text or "all", "--label")


def grid(text: str) -> tuple[int, int]:
    """Parse `10x20` as (10, 20): rows and columns of at most MAX_CELLS cells."""
    rows, _, columns = text.lower().partition("x")
    if not (_is_number(rows) and _is_number(columns) and 0 < int(rows) * int(columns) <= MAX_CELLS):
        raise UsageError(
            f"--grid takes ROWSxCOLUMNS with at most {MAX_CELLS:,} cells, not {text!r}.",
            hint="--grid 10x10",
        )
    return int(rows), int(columns)


def span(text: str) -> tuple[float, float]:
    """Parse `-1,1` as (-1.0, 1.0)."""
    try:
        low, high = map(float, text.split(","))
    except ValueError:
        low = high = nan
    if not -MAX_COORDINATE <= low < high <= MAX_COORDINATE:
        raise UsageError(
            f"--range takes LOW,HIGH: two numbers up to {MAX_COORDINATE:g}, the lower one first, "
            f"not {text!r}.",
            hint="--range=-1,1",
        )
    return low, high


def steps(out: Path) -> int:
    """Return the default number of frames from one seed or class to the next.

    A strip gets fewer: it shows all frames side by side.
    """
    return 8 if formats.is_still(out) else 50


def inputs(words: list[str], skip: Sequence[str] = ()) -> list[Path]:
    """Return the files that `words` (files, folders, patterns) name, in order, each once.

    A folder or a pattern stands for its pictures, except those whose stem ends in one of `skip`.
    Raises UsageError for a missing file, DataError for a folder or pattern without pictures.
    """
    found: list[Path] = []
    for word in words:
        path = Path(word).expanduser()
        if path.is_dir():
            found += _pictures(path, path.iterdir(), skip)
        elif path.exists():
            found.append(path)
        elif any(sign in word for sign in "*?["):
            # Path.glob refuses absolute patterns
            matches = glob.glob(str(path), recursive=True)  # noqa: PTH207
            found += _pictures(path, map(Path, matches), skip)
        else:
            raise UsageError(f"{word} does not exist.", hint="gan translate --help")
    first: dict[Path, Path] = {}
    for path in found:
        # abspath does not follow links: a link counts as a file of its own
        first.setdefault(Path(os.path.abspath(path)), path)  # noqa: PTH100
    return list(first.values())


def _pictures(where: Path, paths: Iterable[Path], skip: Sequence[str]) -> list[Path]:
    from gancli.data.decode import SUFFIXES

    found = sorted(
        path
        for path in paths
        if path.suffix.lower() in SUFFIXES and not path.stem.endswith(tuple(skip))
    )
    if not found:
        raise DataError(f"{where} does not contain pictures.", hint="gan translate --help")
    return found


def is_video(path: Path) -> bool:
    """Return whether `path` has the suffix of a video."""
    return path.suffix.lower() in VIDEOS
