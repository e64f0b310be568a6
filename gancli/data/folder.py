"""Any folder of pictures; sub-folders are classes.

The name of the data set is then the folder's path: `--dataset ./pictures`. Its layout says the
rest:

- `train/` and `test/` (or `val/`) inside it are the splits. Without a `train/`, every tenth
  picture, chosen by its name, is held out as the test split, so that there is something to measure
  against; put all of them into `train/` to train on all.
- Two or more sub-folders with pictures, and no picture beside them, are classes. Else there are no
  labels, and pictures are found at any depth.
- A `.tar` file is a shard of samples in WebDataset's layout, and their `cls` says the classes.
"""

import hashlib
import os
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

VERSION = "folder-1"  # of how pictures are found, decoded and fitted
SIZE = 64  # where the pictures suggest none
TEST_FOLDERS = ("test", "val", "valid", "validation")
FEW = 20  # with fewer pictures, none is held out
NAMED = 5  # files that a message names

Notes = tuple[str, ...]  # sentences for the user


@dataclass(frozen=True, kw_only=True)
class Found:
    """A picture file: its path, that path inside the folder, and the sub-folder it belongs to, or
    the class that its shard says.

    `partner` is the file that B is in, of a pair that is not one picture.
    """

    path: Any  # a Path, or one inside an archive or a shard
    name: str
    group: str
    partner: Path | None = None


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
    """The pictures of one split of the folder `path`, uint8 (N, size, size, C).

    They are cropped about their centre and resized to `size`: by default to their own, where all
    are alike and that is a legal one, else to 64. They are gray where all are, or as `channels` (1
    or 3) says: ask for the test split with what the train split came in. Unreadable files are
    named, and skipped or refused as `broken` says. The result is written into the cache as it is
    decoded, and kept there until a file changes; it may be larger than memory.

    Raises DataError where there is nothing to read.
    """
    found, classes, notes = of_split(path, split)
    files = hashed(VERSION, classes, *map(stamp, found))

    def fill(into: RowWriter) -> Pictures:
        say(f"{path}: reading {len(found):,} pictures, once.")
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
            notes=notes + complaints(path, names, reasons, broken),
        )

    def fits(kept: Pictures) -> bool:
        _, side, _, depth = kept.images.shape
        return size in (None, side) and channels in (None, depth)

    # What was made without being asked for a size, say, may have it all the same.
    asked = (size, None), (channels, None), (broken, "refuse")
    less = product(*map(dict.fromkeys, asked))
    paths = [kept_at(places, path, split, *some) for some in less]
    return cache.once(paths, files, fill, say, fits)


def kept_at(places: Places, folder: Path, split: str, *asked: object) -> Path:
    """Where the pictures of a folder are kept that were read as `asked`."""
    return places.cache / "folders" / f"{hashed(folder.resolve(), split, *asked)}.rows"


def of_split(folder: Path, split: str) -> tuple[list[Found], tuple[str, ...], Notes]:
    """The pictures of one split, the classes of all, and notes. DataError where there are none."""
    every, notes = splits(folder)
    if not every[split]:
        raise DataError(
            f"There are no {split} pictures in {folder}.",
            hint=f"Put some of them into {folder / split}.",
        )
    return every[split], classes_of(every), notes


def classes_of(every: dict[str, list[Found]]) -> tuple[str, ...]:
    """The sub-folders that are classes, by number or name; none where they are something else."""
    groups = sorted({found.group for some in every.values() for found in some}, key=_in_order)
    return tuple(groups) if len(groups) > 1 and "" not in groups else ()


def _in_order(name: str) -> tuple[bool, int, str]:
    """Numbers before names, 10 after 9: class 10 is then the one that is called so."""
    number = name.isdecimal()
    return not number, int(name) if number else 0, name


def splits(folder: Path) -> tuple[dict[str, list[Found]], Notes]:
    """Every picture by split, by the folders `train` and `test`, else by names; and notes.

    Raises DataError where there is no picture at all.
    """
    if train := pictures_in(folder / "train"):
        others = (pictures_in(folder / name) for name in TEST_FOLDERS)
        return {"train": train, "test": next(filter(None, others), [])}, ()
    found = pictures_in(folder)
    if not found:
        raise DataError(
            f"There are no pictures in {folder}.",
            hint=f"Pictures end in {' '.join(SUFFIXES)}, shards of them in {shards.SUFFIX}.",
        )
    return tenth(folder, found)


def tenth(folder: Path, found: Sequence[Found]) -> tuple[dict[str, list[Found]], Notes]:
    """Every tenth picture, by its name, as the test split, where there are not too few; a note."""
    test = [f for f in found if held_out(f.name)] if len(found) >= FEW else []
    if not test:
        return {"train": list(found), "test": []}, ()
    note = (
        f"{len(test):,} of the {len(found):,} pictures in {folder} are held out as the test split."
    )
    return {"train": [f for f in found if not held_out(f.name)], "test": test}, (note,)


def pictures_in(root: Path) -> list[Found]:
    """The pictures at any depth under `root`, also in shards, by name; hidden ones are none.

    Raises DataError for a shard that is none.
    """
    found = []
    for folder, folders, files in os.walk(root):
        folders[:] = [f for f in folders if not f.startswith((".", "__"))]
        below = Path(folder).relative_to(root)
        group = below.parts[0] if below.parts else ""
        # names put together as strings: a Path for each takes twice as long
        start = f"{below.as_posix()}/" if group else ""
        found += [
            Found(path=Path(folder, file), name=start + file, group=group)
            for file in files
            if file.lower().endswith(SUFFIXES) and not file.startswith(".")
        ]
        found += [
            Found(path=member, name=f"{start}{file}/{member.name}", group=label or group)
            for file in files
            if file.lower().endswith(shards.SUFFIX) and not file.startswith(".")
            for member, label in shards.members(Path(folder, file))
        ]
    return sorted(found, key=lambda f: f.name)


def held_out(name: str) -> bool:
    """One name in ten, whatever other pictures there are."""
    return int(hashed(name)[:8], 16) % 10 == 0


def _labels(found: Sequence[Found], classes: tuple[str, ...]) -> Any:
    """The class of every picture, int64 (N,)."""
    number = {name: i for i, name in enumerate(classes)}
    return np.array([number[f.group] for f in found], np.int64)


def complaints(folder: Path, names: Sequence[object], reasons: Sequence[str], broken: str) -> Notes:
    """What to say of the files that could not be read, each for a reason.

    Raises DataError where they are refused, or all there is.
    """
    named = [f"{name} ({why})" for name, why in zip(names, reasons, strict=True) if why]
    if not named:
        return ()
    listed = shortened(named)
    if len(named) == len(reasons):
        raise DataError(f"No picture in {folder} can be read: {listed}.")
    if broken == "refuse":
        raise DataError(
            f"Pictures in {folder} cannot be read: {listed}.",
            hint="Remove them, or let them be skipped with --broken skip.",
        )
    return (f"Skipped in {folder}, as they cannot be read: {listed}.",)


def shortened(named: Sequence[str]) -> str:
    """The first of the names, and how many more there are."""
    more = f" and {len(named) - NAMED:,} more" if len(named) > NAMED else ""
    return ", ".join(named[:NAMED]) + more


def stamp(found: Found) -> str:
    """What changes when a file does."""
    states = [path.stat() for path in (found.path, found.partner) if path]
    return " ".join([found.name, *(f"{s.st_size} {s.st_mtime_ns}" for s in states)])


def hashed(*parts: object) -> str:
    return hashlib.sha256("\n".join(map(str, parts)).encode("utf-8", "surrogateescape")).hexdigest()
