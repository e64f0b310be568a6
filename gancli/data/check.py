"""What is in a folder of pictures, and what is wrong with it: `gan datasets check`."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

from gancli.data import folder
from gancli.data.decode import decode, each
from gancli.data.folder import Found
from gancli.data.pairs import match
from gancli.data.pairs import sides as sides_of
from gancli.errors import DataError
from gancli.reporting import Progress, silent

TINY = 16  # pixels: the smallest picture a model is built for
SHOWN = 20  # files of a kind that the table names
CHANNELS = {  # by Pillow's modes
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
    """What `check` found. Files go by their path inside the folder; sizes are width and height."""

    pictures: int  # that can be read
    pairs: int | None  # whole ones, where the folder has A and B
    splits: dict[str, int]  # readable pictures by split
    classes: dict[str, int]  # and by class
    sizes: dict[str, tuple[int, int]]  # the `smallest`, `commonest` and `largest`
    channels: dict[str, int]  # pictures by what their channels are, the commonest first
    broken: dict[str, str]  # why, by file
    duplicates: list[list[str]]  # groups of files that show the same
    tiny: dict[str, str]  # size by file that is smaller than TINY somewhere
    odd: dict[str, str]  # channels by file that has others than most, of A or B
    unpaired: dict[str, str]  # why, by file that makes no pair

    def rows(self) -> list[tuple[str, str]]:
        """The findings as a table."""
        return [
            ("pictures", f"{self.pictures:,}"),
            *([] if self.pairs is None else [("pairs", f"{self.pairs:,}")]),
            *((f"split {name}", f"{count:,}") for name, count in self.splits.items()),
            *((f"class {name}", f"{count:,}") for name, count in self.classes.items()),
            *((f"{which} size", _by(size)) for which, size in self.sizes.items()),
            *((f"channels: {name}", f"{count:,}") for name, count in self.channels.items()),
            *_listed("broken", (f"{name} ({why})" for name, why in self.broken.items())),
            *_listed("duplicate", (" = ".join(group) for group in self.duplicates)),
            *_listed("tiny", (f"{name} ({size})" for name, size in self.tiny.items())),
            *_listed("odd channels", (f"{name} ({kind})" for name, kind in self.odd.items())),
            *_listed("unpaired", (f"{name} ({why})" for name, why in self.unpaired.items())),
        ]


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One file that was read, or `why` it could not be."""

    name: str
    split: str = ""
    group: str = ""
    size: tuple[int, int] = (0, 0)
    channels: str = ""
    digest: bytes = b""
    why: str = ""


def check(root: Path, progress: Progress = silent) -> Findings:
    """Read every picture of the folder `root`. Raises DataError where there is none."""
    sides = sides_of(root)
    every = {k or "train": [*a, *b] for k, (a, b) in sides.items()} or folder.splits(root)[0]
    files = [(split, found) for split, some in every.items() for found in some]
    seen = list(each(partial(_look, root), files, progress))
    good = [s for s in seen if not s.why]
    groups = Counter(s.group for s in good)
    pairs, unpaired = _paired(root, sides, {s.name: s for s in seen})
    of_b = {_name(root, f.path) for _, b in sides.values() for f in b}
    return Findings(
        pictures=len(good),
        pairs=pairs if sides else None,
        splits=dict(Counter(s.split for s in good)),
        classes={} if sides else {name: groups[name] for name in folder.classes_of(every)},
        sizes=_sizes([s.size for s in good]),
        channels=dict(Counter(s.channels for s in good).most_common()),
        broken={s.name: s.why for s in seen if s.why},
        duplicates=_duplicates(good),
        tiny={s.name: _by(s.size) for s in good if min(s.size) < TINY},
        odd=_odd([s for s in good if s.name not in of_b])
        | _odd([s for s in good if s.name in of_b]),
        unpaired=unpaired,
    )


def _paired(
    root: Path, sides: dict[str, tuple[list[Found], list[Found]]], seen: dict[str, Seen]
) -> tuple[int, dict[str, str]]:
    """How many pairs are whole, and why each file in no pair, or in none that fits, is there."""
    whole, why = 0, dict[str, str]()
    for a, b in sides.values():
        pairs, alone = match(a, b)
        why |= {_name(root, f.path): "no partner" for f in alone}
        for pair in pairs:
            first, second = (seen[_name(root, path)] for path in (pair.path, pair.partner))
            if first.why or second.why:
                why |= {s.name: "its partner is broken" for s in (first, second) if not s.why}
            elif first.size != second.size:
                why[first.name] = f"{_by(first.size)}, and {second.name} {_by(second.size)}"
            else:
                whole += 1
    return whole, why


def _odd(good: Sequence[Seen]) -> dict[str, str]:
    usual = Counter(s.channels for s in good).most_common(1)
    return {s.name: s.channels for s in good if s.channels != usual[0][0]}


def _name(root: Path, path: Any) -> str:
    return Path(path.relative_to(root)).as_posix()


def _look(root: Path, file: tuple[str, Found]) -> Seen:
    """Decode one file whole: a header alone does not tell that the rest is missing."""
    split, found = file
    name = _name(root, found.path)
    try:
        picture = decode(found.path)
    except DataError as error:
        return Seen(name=name, why=error.message)
    with found.path.open("rb") as stored, Image.open(stored) as image:
        mode = image.mode
    digest = hashlib.sha256(f"{picture.mode} {picture.size}".encode() + picture.tobytes())
    return Seen(
        name=name,
        split=split,
        group=found.group,
        size=picture.size,
        channels=CHANNELS.get(mode, mode),
        digest=digest.digest(),
    )


def _sizes(sizes: Sequence[tuple[int, int]]) -> dict[str, tuple[int, int]]:
    """The smallest and largest by area, and the commonest between them."""
    if not sizes:
        return {}
    by_area = sorted(set(sizes), key=lambda size: (size[0] * size[1], size))
    ((commonest, _),) = Counter(sizes).most_common(1)
    return {"smallest": by_area[0], "commonest": commonest, "largest": by_area[-1]}


def _duplicates(good: Sequence[Seen]) -> list[list[str]]:
    same = defaultdict(list)
    for seen in good:
        same[seen.digest].append(seen.name)
    return sorted(names for names in same.values() if len(names) > 1)


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


def _listed(kind: str, lines: Iterable[str]) -> list[tuple[str, str]]:
    """A row for each file, up to a number; the rest is counted."""
    every = list(lines)
    rows = [(kind, line) for line in every[:SHOWN]]
    rest = len(every) - SHOWN
    return [*rows, (kind, f"and {rest:,} more; --json names all")] if rest > 0 else rows
