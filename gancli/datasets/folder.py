"""Any folder of pictures; sub-folders are classes.

The name of the data set is then the folder's path: `--dataset ./pictures`. Its layout says the
rest:

- `train/` and `test/` (or `val/`) inside it are the splits. Without a `train/`, every tenth
  picture, chosen by its name, is held out as the test split, so that there is something to measure
  against; put all of them into `train/` to train on all.
- Two or more sub-folders with pictures, and no picture beside them, are classes. Else there are no
  labels, and pictures are found at any depth.
"""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gancli.datasets import Info, Pictures, Places, Progress, Say, _cache, digest, silent
from gancli.datasets._pictures import SUFFIXES, Decoded, decode_all, natural_size
from gancli.errors import DataError, UsageError

INFO = Info(
    title="A folder of your own pictures",
    size="yours: square crops at --image-size",
    train=0,
    test=0,
    terms="yours",
    home="--dataset PATH",
)

VERSION = "folder-1"  # of how pictures are found, decoded and fitted
LEGAL = range(16, 257, 4)  # sizes that models are built for
SIZE = 64  # where the pictures suggest none
TEST_FOLDERS = ("test", "val", "valid", "validation")
FEW = 20  # with fewer pictures, none is held out
NAMED = 5  # broken files that a message names


@dataclass(frozen=True, kw_only=True)
class Found:
    """A picture file: its path, that path inside the folder, and the sub-folder it belongs to."""

    path: Path
    name: str
    group: str


def load(
    places: Places,
    split: str,
    path: Path | None = None,
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
    named, and skipped or refused as `broken` says. The result is kept in the cache until a file
    changes.

    Raises DataError where there is nothing to read, UsageError without a path.
    """
    if path is None:
        raise UsageError("A folder of pictures is named by its path.", hint="--dataset ./pictures")
    path = Path(path)
    found, classes, notes = _of_split(path, split)
    kept_at = places.cache / "folders" / f"{_hash(path.resolve(), split, size)}.safetensors"
    key = _hash(VERSION, size, channels, broken, classes, *map(_stamp, found))
    if kept := _cache.recall(kept_at, key):
        return kept
    say(f"{path}: reading {len(found):,} pictures, once.")
    paths = [f.path for f in found]
    decoded = decode_all(paths, size or natural_size(paths, LEGAL, SIZE), channels, progress)
    notes += _complaints(path, decoded, broken)
    labels = _labels(found, classes, decoded.good) if classes else None
    pictures = Pictures(
        name=path.resolve().name,
        split=split,
        images=decoded.images,
        labels=labels,
        classes=classes,
        digest=digest(decoded.images, labels),
        notes=notes,
    )
    _cache.remember(kept_at, key, pictures)
    return pictures


def _of_split(folder: Path, split: str) -> tuple[list[Found], tuple[str, ...], tuple[str, ...]]:
    """The pictures of one split, the classes of all, and notes. DataError where there are none."""
    splits, notes = _splits(folder)
    if not any(splits.values()):
        raise DataError(
            f"There are no pictures in {folder}.",
            hint=f"Pictures end in {' '.join(SUFFIXES)}.",
        )
    if not splits[split]:
        raise DataError(
            f"There are no {split} pictures in {folder}.",
            hint=f"Put some of them into {folder / split}.",
        )
    groups = sorted({found.group for some in splits.values() for found in some})
    classes = tuple(groups) if len(groups) > 1 and "" not in groups else ()
    return splits[split], classes, notes


def _splits(folder: Path) -> tuple[dict[str, list[Found]], tuple[str, ...]]:
    """Every picture by split: by the folders `train` and `test`, else by the names of pictures."""
    if train := _pictures_in(folder / "train"):
        others = (_pictures_in(folder / name) for name in TEST_FOLDERS)
        return {"train": train, "test": next(filter(None, others), [])}, ()
    found = _pictures_in(folder)
    test = [f for f in found if _held_out(f.name)] if len(found) >= FEW else []
    if not test:
        return {"train": found, "test": []}, ()
    note = (
        f"{len(test):,} of the {len(found):,} pictures in {folder} are held out as the test split."
    )
    return {"train": [f for f in found if not _held_out(f.name)], "test": test}, (note,)


def _pictures_in(root: Path) -> list[Found]:
    """The picture files at any depth under `root`, by name; hidden ones are none."""
    found = []
    for folder, folders, files in os.walk(root):
        folders[:] = [f for f in folders if not f.startswith((".", "__"))]
        below = Path(folder).relative_to(root)
        group = below.parts[0] if below.parts else ""
        found += [
            Found(path=Path(folder, file), name=(below / file).as_posix(), group=group)
            for file in files
            if Path(file).suffix.lower() in SUFFIXES and not file.startswith(".")
        ]
    return sorted(found, key=lambda f: f.name)


def _held_out(name: str) -> bool:
    """One name in ten, whatever other pictures there are."""
    return int(_hash(name)[:8], 16) % 10 == 0


def _labels(found: Sequence[Found], classes: tuple[str, ...], good: Any) -> Any:
    """The class of every readable picture, int64 (N,)."""
    number = {name: i for i, name in enumerate(classes)}
    return np.array([number[f.group] for f in found], np.int64)[good]


def _complaints(folder: Path, decoded: Decoded, broken: str) -> tuple[str, ...]:
    """What to say of unreadable files; DataError where they are refused, or all there is."""
    if not decoded.broken:
        return ()
    named = [f"{p.relative_to(folder)} ({why})" for p, why in decoded.broken.items()]
    more = f" and {len(named) - NAMED:,} more" if len(named) > NAMED else ""
    listed = ", ".join(named[:NAMED]) + more
    if not len(decoded.images):
        raise DataError(f"No picture in {folder} can be read: {listed}.")
    if broken == "refuse":
        raise DataError(
            f"Pictures in {folder} cannot be read: {listed}.",
            hint="Remove them, or let them be skipped with --broken skip.",
        )
    return (f"Skipped in {folder}, as they cannot be read: {listed}.",)


def _stamp(found: Found) -> str:
    """What changes when a file does."""
    status = found.path.stat()
    return f"{found.name} {status.st_size} {status.st_mtime_ns}"


def _hash(*parts: object) -> str:
    return hashlib.sha256("\n".join(map(str, parts)).encode("utf-8", "surrogateescape")).hexdigest()
