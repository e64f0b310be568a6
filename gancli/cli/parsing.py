"""Parse what was typed: settings and input files. Seeds and classes are parsed in `choices`."""

import glob
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from gancli import formats
from gancli.errors import DataError, UsageError
from gancli.sampling.choices import STEPS, STRIP_STEPS

VIDEOS = (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm")


def settings(items: list[str]) -> dict[str, Any]:
    """Parse `["width=32"]` as {"width": "32"}."""
    for item in items:
        if "=" not in item or item.startswith("="):
            raise UsageError(f"--set takes KEY=VALUE, not {item!r}.", hint="--set width=32")
    return dict(item.split("=", 1) for item in items)


def seconds(text: str, option: str) -> float:
    """Parse a time such as 90s, 5m or 1h as seconds; a number alone counts seconds."""
    found = re.fullmatch(r"(\d+\.?\d*|\.\d+)\s*([smh]?)", text.strip().lower())
    if not found:
        raise UsageError(f"{option} takes a time such as 5m, not {text!r}.", hint=f"{option} 5m")
    return float(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[found[2]]


def steps(out: Path) -> int:
    """Return the default number of frames from one seed or class to the next.

    A strip gets fewer: it shows all frames side by side.
    """
    return STRIP_STEPS if formats.is_still(out) else STEPS


def inputs(words: list[str], skip: Sequence[str] = ()) -> list[Path]:
    """Return the files that `words` (files, folders, patterns) name, in order, each once.

    A folder or a pattern stands for its pictures, except earlier results: in-A2B.png, in-A2B-2.png
    for a word A2B in `skip`.
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

    made = re.compile(rf".*-({'|'.join(skip) or '(?!)'})(-[0-9]+)*", re.DOTALL)
    found = sorted(
        path for path in paths if path.suffix.lower() in SUFFIXES and not made.fullmatch(path.stem)
    )
    if not found and where.is_dir() and any(path.is_dir() for path in where.iterdir()):
        raise DataError(
            f"{where} does not contain pictures, and its sub-folders are not searched.",
            hint=f"gan translate REF '{where}/**/*'",
        )
    if not found:
        raise DataError(f"{where} does not contain pictures.", hint="gan translate --help")
    return found


def is_video(path: Path) -> bool:
    """Return whether `path` has the suffix of a video."""
    return path.suffix.lower() in VIDEOS
