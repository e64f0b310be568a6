"""Check every file of a folder of pictures: the code behind `gan datasets check`.

Every picture is decoded completely. The result counts pictures by split, class, size and channels,
and names the files that are broken, duplicate, tiny, of unusual channels, without a partner or
without a class.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from gancli.data import folder
from gancli.data.decode import decode, map_threaded, opened
from gancli.data.folder import PictureFile
from gancli.data.pairs import match_by_name, two_folders
from gancli.errors import DataError
from gancli.reporting import Progress, silent

MIN_SIDE = 16  # pixels: no model accepts smaller pictures
HASHED_ROWS = 256  # copied at a time: a copy of the whole would double the memory of a picture
MAX_LISTED = 20  # files of one kind that the table lists
CHANNELS = {  # names for Pillow's modes
    "L": "gray",
    "LA": "gray with alpha",
    "I;16": "16-bit gray",
    "1": "black and white",
    "P": "palette",
    "RGB": "colour",
    "RGBA": "colour with alpha",
}


@dataclass(frozen=True, kw_only=True)
class Findings:
    """The result of `check`. File names are relative to the folder; sizes are (width, height)."""

    pictures: int  # readable pictures
    pairs: int | None  # complete pairs, or None if the folder has no A and B
    splits: dict[str, int]  # readable pictures per split
    classes: dict[str, int]  # readable pictures per class
    sizes: dict[str, tuple[int, int]]  # keys: smallest, commonest, largest
    channels: dict[str, int]  # pictures per kind of channels, the most common first
    broken: dict[str, str]  # unreadable file -> reason
    duplicates: list[list[str]]  # groups of files with identical pixels
    tiny: dict[str, str]  # file with a side below MIN_SIDE -> its size
    odd: dict[str, str]  # file whose channels differ from most (of A, or of B) -> channels
    unpaired: dict[str, str]  # file of A or B without a usable partner -> reason
    classless: list[str]  # files outside the class folders, if there are any

    def rows(self) -> list[tuple[str, str]]:
        """Return the findings as the rows of a two-column table."""
        return [
            ("pictures", f"{self.pictures:,}"),
            *([] if self.pairs is None else [("pairs", f"{self.pairs:,}")]),
            *((f"split {name}", f"{count:,}") for name, count in self.splits.items()),
            *((f"class {name}", f"{count:,}") for name, count in self.classes.items()),
            *((f"{which} size", _size_text(size)) for which, size in self.sizes.items()),
            *((f"channels: {name}", f"{count:,}") for name, count in self.channels.items()),
            *_file_rows("broken", (f"{name} ({why})" for name, why in self.broken.items())),
            *_file_rows("duplicate", (" = ".join(group) for group in self.duplicates)),
            *_file_rows("tiny", (f"{name} ({size})" for name, size in self.tiny.items())),
            *_file_rows("odd channels", (f"{name} ({kind})" for name, kind in self.odd.items())),
            *_file_rows("unpaired", (f"{name} ({why})" for name, why in self.unpaired.items())),
            *_file_rows("outside the classes", self.classless),
        ]


@dataclass(frozen=True, kw_only=True)
class FileReport:
    """What one file holds. `why` is the reason it is unreadable, or "" if it is fine."""

    name: str
    split: str = ""
    group: str = ""
    size: tuple[int, int] = (0, 0)
    channels: str = ""
    digest: bytes = b""
    why: str = ""


def check(root: Path, progress: Progress = silent) -> Findings:
    """Decode every picture in the folder `root` and report what is there and what is wrong.

    Raises DataError if the folder holds no pictures.
    """
    sides = two_folders(root)
    by_split = {k or "train": [*a, *b] for k, (a, b) in sides.items()}
    by_split = by_split or folder.find_splits(root)[0]
    files = [(split, found) for split, some in by_split.items() for found in some]
    seen = list(map_threaded(partial(_inspect, root), files, progress))
    good = [s for s in seen if not s.why]
    groups = Counter(s.group for s in good)
    classes, stray = ((), []) if sides else folder.find_classes(by_split)
    pairs, unpaired = _paired(root, sides, {s.name: s for s in seen})
    of_b = {_name(root, f.path) for _, b in sides.values() for f in b}
    return Findings(
        pictures=len(good),
        pairs=pairs if sides else None,
        splits=dict(Counter(s.split for s in good)),
        classes={name: groups[name] for name in classes},
        sizes=_sizes([s.size for s in good]),
        channels=dict(Counter(s.channels for s in good).most_common()),
        broken={s.name: s.why for s in seen if s.why},
        duplicates=_duplicates(good),
        tiny={s.name: _size_text(s.size) for s in good if min(s.size) < MIN_SIDE},
        odd=_odd_channels([s for s in good if s.name not in of_b])
        | _odd_channels([s for s in good if s.name in of_b]),
        unpaired=unpaired,
        classless=stray,
    )


def _paired(
    root: Path,
    sides: dict[str, tuple[list[PictureFile], list[PictureFile]]],
    seen: dict[str, FileReport],
) -> tuple[int, dict[str, str]]:
    """Count the complete pairs, and say for every other file of A and B why it has no partner."""
    complete, why = 0, dict[str, str]()
    for a, b in sides.values():
        pairs, alone = match_by_name(a, b)
        why |= {_name(root, f.path): "no partner" for f in alone}
        for pair in pairs:
            first, second = (seen[_name(root, path)] for path in (pair.path, pair.partner))
            if first.why or second.why:
                why |= {s.name: "its partner is broken" for s in (first, second) if not s.why}
            elif first.size != second.size:
                why[first.name] = (
                    f"is {_size_text(first.size)}, but {second.name} is {_size_text(second.size)}"
                )
            else:
                complete += 1
    return complete, why


def _odd_channels(good: Sequence[FileReport]) -> dict[str, str]:
    """Return the files whose channels are not the most common ones, with their channels."""
    usual = Counter(s.channels for s in good).most_common(1)
    return {s.name: s.channels for s in good if s.channels != usual[0][0]}


def _name(root: Path, path: Any) -> str:
    """Return the path inside `root`, with forward slashes."""
    return Path(path.relative_to(root)).as_posix()


def _inspect(root: Path, file: tuple[str, PictureFile]) -> FileReport:
    """Decode one file completely: the header alone does not show that the rest is missing."""
    split, found = file
    name = _name(root, found.path)
    try:
        picture = decode(found.path)
    except DataError as error:
        return FileReport(name=name, why=error.message)
    with opened(found.path) as image:
        mode = image.mode
    # Hash pixels, not bytes: the same picture in another format is a duplicate too.
    digest = hashlib.sha256(f"{picture.mode} {picture.size}".encode())
    for top in range(0, picture.height, HASHED_ROWS):
        end = min(top + HASHED_ROWS, picture.height)
        digest.update(picture.crop((0, top, picture.width, end)).tobytes())
    return FileReport(
        name=name,
        split=split,
        group=found.group,
        size=picture.size,
        channels=CHANNELS.get(mode, mode),
        digest=digest.digest(),
    )


def _sizes(sizes: Sequence[tuple[int, int]]) -> dict[str, tuple[int, int]]:
    """Return the smallest and the largest size by area, and the most common one."""
    if not sizes:
        return {}
    by_area = sorted(set(sizes), key=lambda size: (size[0] * size[1], size))
    ((commonest, _),) = Counter(sizes).most_common(1)
    return {"smallest": by_area[0], "commonest": commonest, "largest": by_area[-1]}


def _duplicates(good: Sequence[FileReport]) -> list[list[str]]:
    """Group the names of files whose pixels are identical."""
    same = defaultdict(list)
    for seen in good:
        same[seen.digest].append(seen.name)
    return sorted(names for names in same.values() if len(names) > 1)


def _size_text(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


def _file_rows(kind: str, lines: Iterable[str]) -> list[tuple[str, str]]:
    """Return one table row per file, for the first MAX_LISTED, and a row that counts the rest."""
    found = list(lines)
    rows = [(kind, line) for line in found[:MAX_LISTED]]
    rest = len(found) - MAX_LISTED
    return [*rows, (kind, f"and {rest:,} more; --json lists all")] if rest > 0 else rows
