"""The registry of datasets: one file per dataset.

A dataset module defines `INFO` and `load(places, split, say, progress) -> Pictures`. Optional:

- `download(places, say, progress) -> Path`, if its files must be downloaded;
- `adopt(file, places, say, progress) -> Path`, if it is one archive that users may already have;
- `SCALES = True`, if `load` also takes `size` (pixels) and resizes to it: for datasets whose
  originals are larger than most models need, so that they are resized only once;
- `PAIRS = True`, if its pictures come in pairs;
- `POINTS = True`, if they are points in the plane: see `data.planar`.

The first line of its docstring is the summary in `gan datasets list`. Datasets return arrays and
know nothing about models. This module does not import numpy, because `gan --help` imports it.

Datasets from outside this folder are simpler: `data.arrays` says what they define.
"""

import os
import shlex
from pathlib import Path

from gancli import points, registry
from gancli.data.pictures import Pictures, Places
from gancli.errors import UsageError
from gancli.plugins import is_file
from gancli.reporting import Progress, Say, silent


def open_pictures(
    name_or_path: str,
    places: Places,
    split: str = "train",
    *,
    size: int | None = None,
    channels: int | None = None,
    pairs: bool = False,
    broken: str = "skip",
    say: Say = silent,
    progress: Progress = silent,
) -> Pictures:
    """Load one split (`train` or `test`) of a dataset by name, or of a folder or a file by path.

    The file may be a .csv with points, or a .py file. That is run, so only pass one that the user
    named.

    `size` (pixels) and `channels` (1 or 3) convert the pictures; None keeps what the dataset has.
    `pairs` requires pairs; those of a folder are always RGB. `broken` says what to do with
    unreadable files in a folder: "skip" them, or "refuse" to load.

    Raises UsageError if the dataset, folder or file does not exist or, with `pairs`, has no pairs.
    Raises DataError or FileError if it cannot be loaded.
    """
    from gancli.data import arrays, decode, folder, planar
    from gancli.data.pairs import load as load_pairs

    path = find_folder(name_or_path, pairs)
    if path is not None and pairs:
        return load_pairs(places, split, path, size, broken, say, progress)
    if path is not None:
        return folder.load(places, split, path, size, channels, broken, say, progress)
    if points.is_file(name_or_path):
        return decode.fit(planar.read(Path(name_or_path).expanduser(), split), size, channels)
    module = registry.load("datasets", name_or_path)
    if registry.is_outside("datasets", name_or_path):
        name, has_pairs = registry.name_of("datasets", name_or_path), _has_pairs(name_or_path)
        found = arrays.load(module, name, split, has_pairs, resized=size is not None)
        return decode.fit(found, size, channels)
    scales = {"size": size} if getattr(module, "SCALES", False) else {}
    found = module.load(places, split, **scales, say=say, progress=progress)
    return decode.fit(found, size, channels)


def find_folder(name_or_path: str, pairs: bool = False) -> Path | None:
    """Return the folder that `name_or_path` names, or None for the name of a dataset or a file.

    Imports nothing heavy. Raises UsageError if it is none of these or, with `pairs`, if the dataset
    has no pairs.
    """
    if name_or_path == "folder":
        raise UsageError("To use a folder of pictures, give its path.", hint="--dataset ./pictures")
    if is_file(name_or_path) or name_or_path in registry.names("datasets"):
        registry.name_of("datasets", name_or_path)
        if pairs and not _has_pairs(name_or_path):
            own = f"PAIRS = True in {name_or_path} if it returns pairs, or "
            hint = f"{own if is_file(name_or_path) else ''}--dataset toy-facades"
            raise UsageError(f"{name_or_path} has no pairs of pictures.", hint=hint)
        return None
    path = Path(name_or_path).expanduser()
    if path.is_dir():
        return path
    if points.is_file(name_or_path):
        _check_points(path, pairs)
        return None
    if path.exists():
        raise UsageError(
            f"{path} is a file, not a folder of pictures.", hint=f"--dataset {path.parent}"
        )
    if name_or_path.startswith((".", "~")) or {"/", os.sep} & set(name_or_path):
        raise UsageError(f"The folder {path} does not exist.", hint="gan datasets list")
    _check_name(name_or_path)
    return None


def _check_points(path: Path, pairs: bool) -> None:
    """Raise UsageError unless `path` is a file, whose points are not `pairs` of pictures."""
    if pairs:
        raise UsageError(
            f"{path} has points in the plane, not pairs of pictures.",
            hint="--dataset toy-facades",
        )
    if not path.is_file():
        raise UsageError(f"There is no file {path}.", hint="gan datasets list")


def _check_name(name: str) -> None:
    """Raise UsageError for an unknown dataset, which may be the name of a folder, misspelled."""
    if not registry.closest(name, registry.names("datasets")):
        folders = [entry.name for entry in os.scandir() if entry.is_dir()]
        if close := registry.closest(name, folders):
            raise UsageError(
                f"There is no dataset or folder {name}. Did you mean the folder {close}?",
                hint=f"--dataset {shlex.quote('./' + close)}",
            )
    registry.check("datasets", name)


def _has_pairs(name_or_path: str) -> bool:
    return bool(registry.declared("datasets", name_or_path, "PAIRS"))
