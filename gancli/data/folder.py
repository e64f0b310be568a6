"""Use any folder of pictures as a dataset; sub-folders are classes.

The dataset is named by its path: `--dataset ./pictures`. The layout of the folder decides the rest:

- `train/` and `test/` (or `val/`) are the splits. Without `train/`, about a tenth of the pictures,
  chosen by a hash of their names, is held out as the test split for evaluation. To train on all
  pictures, put them into `train/`.
- Two or more sub-folders with pictures are classes. A few pictures beside them are left out and
  named; with more of them, and in other layouts, there are no labels. Pictures are found at any
  depth.
- A `.tar` file is a shard in WebDataset's layout; its `cls` members are the classes.
"""

import hashlib
import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from gancli.data import cache, shards
from gancli.data.decode import SUFFIXES, decode_all, natural_size
from gancli.data.pictures import Pictures, Places
from gancli.data.rows import RowWriter
from gancli.errors import DataError
from gancli.reporting import Progress, Say, silent
from gancli.shape import SIZES

VERSION = "folder-1"  # part of the cache key: change it when finding or decoding changes
SIZE = 64  # for pictures of mixed or unsupported sizes
TEST_FOLDERS = ("test", "val", "valid", "validation")
MIN_FOR_HOLDOUT = 20  # with fewer pictures, no test split is held out
MAX_NAMED = 5  # a message names this many files
MAX_SHOWN = 160  # characters of a name in a message

Notes = tuple[str, ...]  # sentences for the user


@dataclass(frozen=True, kw_only=True)
class PictureFile:
    """One picture file of a folder, or one pair of files."""

    path: Any  # a Path, or a member of an archive or a shard
    name: str  # the path inside the folder
    group: str  # class name: the top sub-folder, or the `cls` in a shard; "" without one
    partner: Path | None = None  # B, if a pair is two files: `path` is then A


def load(
    places: Places,
    split: str,
    path: Path,
    size: int | None = None,
    channels: int | None = None,
    broken: str = "skip",
    say: Say = silent,
    progress: Progress = silent,
) -> Pictures:
    """Load one split of the folder `path` as uint8 (N, size, size, C).

    Pictures are centre-cropped and resized to `size`. By default that is their own size if all are
    squares of one supported size, else 64. By default C is 1 if all pictures are gray, else 3;
    when you load the test split, pass the `channels` of the train split. Unreadable files are named
    in `notes` and skipped, or with `broken="refuse"` raise DataError.

    The result is written to the cache while decoding, so it may be larger than memory. It is reused
    until a file changes.

    Raises DataError if there is nothing to read.
    """
    found, classes, notes = find_split(path, split)
    files = sha256_of(VERSION, classes, *map(file_stamp, found))

    def fill(into: RowWriter) -> Pictures:
        say(f"{path}: decoding {len(found):,} pictures into the cache.")
        paths = [f.path for f in found]
        side = size or natural_size(paths, SIZES, SIZE)
        reasons = decode_all(into, paths, side, channels, progress)
        good = [f for f, why in zip(found, reasons, strict=True) if not why]
        names = [p.relative_to(path) for p in paths]
        return Pictures(
            name=path.resolve().name,
            split=split,
            images=None,
            labels=_labels(good, classes) if classes else None,
            classes=classes,
            notes=notes + unreadable_notes(path, names, reasons, broken),
        )

    def fits(kept: Pictures) -> bool:
        _, side, _, depth = kept.images.shape
        return size in (None, side) and channels in (None, depth)

    # A cache file made with default options may have the requested size and channels too, and one
    # made with "refuse" has no broken files: try all of these before decoding again.
    options = (size, None), (channels, None), (broken, "refuse")
    candidates = product(*map(dict.fromkeys, options))
    paths = [cache_path(places, path, split, *some) for some in candidates]
    return cache.load_or_create(paths, files, fill, say, fits)


def cache_path(places: Places, folder: Path, split: str, *options: object) -> Path:
    """Return the cache file for a split of a folder, decoded with these options."""
    return places.cache / "folders" / f"{sha256_of(folder.resolve(), split, *options)}.rows"


def find_split(folder: Path, split: str) -> tuple[list[PictureFile], tuple[str, ...], Notes]:
    """Return the picture files of one split, the class names, and notes for the user.

    Raises DataError if the split is empty.
    """
    by_split, notes = find_splits(folder)
    classes, stray = find_classes(by_split)
    found = [f for f in by_split[split] if f.group or not classes]
    if not found:
        raise DataError(
            f"{folder} has no {split} pictures.",
            hint=f"put {split} pictures into {folder / split}",
        )
    if stray:
        result = "They are left out" if classes else "So the others have no classes either"
        notes += (
            f"{folder} has pictures outside its class folders: {first_few(stray)}. {result}.",
        )
    return found, classes, notes


def find_classes(by_split: dict[str, list[PictureFile]]) -> tuple[tuple[str, ...], list[str]]:
    """Return the class names in order, and the names of pictures that are in no class.

    There are no classes if all pictures are in the same, or if more than MAX_NAMED are in none.
    """
    found = [f for some in by_split.values() for f in some]
    groups = sorted({f.group for f in found if f.group}, key=_class_order)
    if len(groups) < 2:
        return (), []
    stray = [f.name for f in found if not f.group]
    return tuple(groups) if len(stray) <= MAX_NAMED else (), stray


def _class_order(name: str) -> tuple[bool, int, str]:
    """Sort key: numbers by value before names. Folders 0 to 10 then are classes 0 to 10."""
    number = name.isdecimal()
    return not number, int(name) if number else 0, name


def find_splits(folder: Path) -> tuple[dict[str, list[PictureFile]], Notes]:
    """Return the picture files by split, and notes for the user.

    The splits are the folders `train` and `test` (or `val`). Without `train`, a tenth is held out.
    Raises DataError if `folder` contains no pictures.
    """
    if train := find_pictures(folder / "train"):
        others = (find_pictures(folder / name) for name in TEST_FOLDERS)
        return {"train": train, "test": next(filter(None, others), [])}, ()
    found = find_pictures(folder)
    if not found:
        raise DataError(
            f"{folder} contains no pictures.",
            hint=f"put pictures into it (.png, .jpg, ... or {shards.SUFFIX} shards), then: "
            f"gan datasets check {shlex.quote(str(folder))}",
        )
    return hold_out_tenth(folder, found)


def hold_out_tenth(
    folder: Path, found: Sequence[PictureFile]
) -> tuple[dict[str, list[PictureFile]], Notes]:
    """Hold out about a tenth of the pictures, chosen by name, as the test split, and return a note.

    With fewer than MIN_FOR_HOLDOUT pictures, all are for training.
    """
    test = [f for f in found if is_held_out(f.name)] if len(found) >= MIN_FOR_HOLDOUT else []
    if not test:
        return {"train": list(found), "test": []}, ()
    note = (
        f"{len(test):,} of the {len(found):,} pictures in {folder} are held out as the test split."
    )
    return {"train": [f for f in found if not is_held_out(f.name)], "test": test}, (note,)


def find_pictures(root: Path) -> list[PictureFile]:
    """Find the pictures at any depth under `root`, also in shards, sorted by name.

    Hidden files and folders, and those that start with "__" (`__MACOSX`), are ignored. Raises
    DataError for a shard that is not a complete, uncompressed tar archive.
    """
    found = []
    for folder, folders, files in os.walk(root):
        folders[:] = [f for f in folders if not f.startswith((".", "__"))]
        below = Path(folder).relative_to(root)
        group = below.parts[0] if below.parts else ""
        # Build names as strings: a Path for each file takes twice as long.
        start = f"{below.as_posix()}/" if group else ""
        found += [
            PictureFile(path=Path(folder, file), name=start + file, group=group)
            for file in files
            if file.lower().endswith(SUFFIXES) and not file.startswith(".")
        ]
        found += [
            PictureFile(path=member, name=f"{start}{file}/{member.name}", group=label or group)
            for file in files
            if file.lower().endswith(shards.SUFFIX) and not file.startswith(".")
            for member, label in shards.members(Path(folder, file))
        ]
    return sorted(found, key=lambda f: f.name)


def is_held_out(name: str) -> bool:
    """Return whether a picture is in the test split: about one in ten, by a hash of its name alone.

    Adding pictures never moves one from one split to the other.
    """
    return int(sha256_of(name)[:8], 16) % 10 == 0


def _labels(found: Sequence[PictureFile], classes: tuple[str, ...]) -> Any:
    """Return the class index of each picture, int64 (N,)."""
    number = {name: i for i, name in enumerate(classes)}
    return np.array([number[f.group] for f in found], np.int64)


def unreadable_notes(
    folder: Path, names: Sequence[object], reasons: Sequence[str], broken: str
) -> Notes:
    """Return a note that names the unreadable files. `reasons[i]` is "" if `names[i]` is fine.

    Raises DataError if no file is readable, or if one is unreadable and `broken` is "refuse".
    """
    named = [f"{name} ({why})" for name, why in zip(names, reasons, strict=True) if why]
    if not named:
        return ()
    listed = first_few(named)
    if len(named) == len(reasons):
        raise DataError(f"None of the pictures in {folder} can be read: {listed}.")
    if broken == "refuse":
        raise DataError(
            f"Some pictures in {folder} cannot be read: {listed}.",
            hint="remove these files, or skip them with --broken skip",
        )
    return (f"Skipped unreadable files in {folder}: {listed}.",)


def first_few(named: Sequence[str]) -> str:
    """List the first MAX_NAMED names and count the rest: "a, b and 3 more"."""
    more = f" and {len(named) - MAX_NAMED:,} more" if len(named) > MAX_NAMED else ""
    return ", ".join(map(_on_one_line, named[:MAX_NAMED])) + more


def _on_one_line(text: str) -> str:
    """Replace control characters, and the middle of a long text: a shard has any names."""
    line = "".join(c if c.isprintable() else "\ufffd" for c in text)
    return (
        line if len(line) <= MAX_SHOWN else f"{line[: MAX_SHOWN // 2]}...{line[-MAX_SHOWN // 2 :]}"
    )


def file_stamp(found: PictureFile) -> str:
    """Return name, size and modification time of a file (or of both files of a pair) as text."""
    states = [path.stat() for path in (found.path, found.partner) if path]
    return " ".join([found.name, *(f"{s.st_size} {s.st_mtime_ns}" for s in states)])


def sha256_of(*parts: object) -> str:
    """Return the hex SHA-256 of the parts as text, one per line."""
    return hashlib.sha256("\n".join(map(str, parts)).encode("utf-8", "surrogateescape")).hexdigest()
