"""One data set, one file: an `INFO` and `load(places, split, say, progress) -> Pictures`.

A module whose pictures must be fetched also offers `download(places, say, progress) -> Path`; where
they are one archive, which people may have already, `adopt(file, places, say, progress) -> Path`.
One whose files are larger than the pictures it makes of them says `SCALES = True`: its `load` takes
`size` as well, so that pictures are resized once. One whose pictures come in pairs says
`PAIRS = True`.
Data sets return arrays and know nothing of models. Importing this module loads no numpy: the list
of data sets is part of `gan --help`.
"""

import os
from pathlib import Path

from gancli import registry
from gancli.data.pictures import Pictures, Places
from gancli.errors import UsageError
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
    """One split (`train` or `test`) of a data set by name, or of a folder of pictures by path.

    `size` and `channels` (1 or 3) ask for other pictures than the data set has; None keeps its own.
    `pairs` asks for pairs, which are in colour whatever `channels` says. `broken` ("skip" or
    "refuse") is about unreadable files of a folder.

    Raises UsageError for a name or a path that is not there, or has no pairs; DataError and
    FileError as loading does.
    """
    from gancli.data import decode, folder
    from gancli.data.pairs import load as load_pairs

    path = check(name_or_path, pairs)
    if path is not None and pairs:
        return load_pairs(places, split, path, size, broken, say, progress)
    if path is not None:
        return folder.load(places, split, path, size, channels, broken, say, progress)
    module = registry.load("datasets", name_or_path)
    scales = {"size": size} if getattr(module, "SCALES", False) else {}
    found = module.load(places, split, **scales, say=say, progress=progress)
    return decode.fit(found, size, channels)


def check(name_or_path: str, pairs: bool = False) -> Path | None:
    """The folder that is meant, or None where it is the name of a data set (with `pairs`).

    Imports nothing heavy. Raises UsageError where it is neither.
    """
    if name_or_path == "folder":
        raise UsageError("A folder of pictures is named by its path.", hint="--dataset ./pictures")
    if name_or_path in registry.names("datasets"):
        if pairs and not registry.declared("datasets", name_or_path, "PAIRS"):
            raise UsageError(f"{name_or_path} has no pairs.", hint="--dataset toy-facades")
        return None
    path = Path(name_or_path).expanduser()
    if path.is_dir():
        return path
    if path.exists():
        raise UsageError(f"{path} is no folder of pictures.", hint=f"--dataset {path.parent}")
    if name_or_path.startswith((".", "~")) or {"/", os.sep} & set(name_or_path):
        raise UsageError(f"There is no folder {path}.", hint="gan datasets list")
    registry.check("datasets", name_or_path)
    return None
