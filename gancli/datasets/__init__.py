"""One data set, one file: an `INFO` and `load(places, split, say, progress) -> Pictures`.

A module whose pictures must be fetched also offers `download(places, say, progress) -> Path`; where
they are one archive, which people may have already, `adopt(file, places, say, progress) -> Path`.
One whose files are larger than the pictures it makes of them says `SCALES = True`: its `load` takes
`size` as well, so that pictures are resized once. One whose pictures come in pairs says
`PAIRS = True`.
Data sets return arrays and know nothing of models. Importing this module loads no numpy: the list
of data sets is part of `gan --help`.
"""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gancli import registry
from gancli.errors import FileError, UsageError

if TYPE_CHECKING:
    from gancli.datasets._rows import Rows

SLICE = 256  # pictures that are hashed at a time

Say = Callable[[str], None]  # takes one line of conversation
Progress = Callable[[str, int, "int | None"], None]  # takes what, how much is done, of how much


def silent(*_: object) -> None:
    """A `Say` or a `Progress` that nobody hears."""


@dataclass(frozen=True, kw_only=True)
class Info:
    """What `gan datasets info` tells without loading a picture."""

    title: str
    size: str  # "28x28 gray"
    train: int
    test: int
    classes: tuple[str, ...] = ()
    terms: str = ""  # licence, and whom to cite
    home: str = ""  # where it comes from


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """One split of a data set.

    `images` is uint8 (N, H, W, C) with C 1 (gray) or 3 (RGB); `labels` is int64 (N,) into
    `classes`, or None. Of pairs, `images` are the A and `partners`, of the same kind, the B;
    `palette` names the colours of B where it is a map of labels. All arrays are writable, as torch
    wants them. `digest` is a hex SHA-256 that changes when any picture or label does. Pictures that
    lie in the cache are mapped from there, and `stored` are the rows they can be read from.
    """

    name: str
    split: str
    images: Any
    labels: Any = None
    partners: Any = None
    classes: tuple[str, ...] = ()
    palette: tuple[tuple[str, tuple[int, int, int]], ...] = ()
    digest: str = ""
    notes: tuple[str, ...] = field(default=())  # sentences for the user: skipped files and the like
    stored: "Rows | None" = None


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where data sets are looked for (`data`, which may be read-only) and kept (`keep`)."""

    data: Path
    cache: Path

    @property
    def keep(self) -> Path:
        """The data folder where it can be written, else the user's cache."""
        return self.data if _writable(self.data) else self.cache

    def folders(self, name: str) -> tuple[Path, ...]:
        """Where the files of the data set `name` may lie, in the order they are looked for."""
        return tuple(dict.fromkeys((self.data / name, self.cache / name)))


def places(data_dir: Path | None = None) -> Places:
    """Folders by option, then by GAN_DATA_DIR, then the user's cache (XDG_CACHE_HOME/gancli)."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gancli"
    chosen = data_dir or os.environ.get("GAN_DATA_DIR")
    if chosen and not Path(chosen).is_dir() and Path(chosen).exists():
        raise FileError(f"The data folder {chosen} is not a folder.", hint="gan datasets list")
    return Places(data=Path(chosen) if chosen else cache, cache=cache)


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
    from gancli.datasets import _pairs, _pictures, folder

    path = check(name_or_path, pairs)
    if path is not None and pairs:
        return _pairs.load(places, split, path, size, broken, say, progress)
    if path is not None:
        return folder.load(places, split, path, size, channels, broken, say, progress)
    module = registry.load("datasets", name_or_path)
    scales = {"size": size} if getattr(module, "SCALES", False) else {}
    found = module.load(places, split, **scales, say=say, progress=progress)
    return _pictures.fit(found, size, channels)


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


def digest(images: Any, labels: Any = None, partners: Any = None) -> str:
    """Hex SHA-256 over the shape and bytes of `images`, and the bytes of what goes with them.

    Whatever has a shape and can be sliced will do; no more than a slice is in memory at a time.
    """
    total = hashlib.sha256(repr(images.shape).encode())
    for array in (images, labels, partners):
        for start in range(0, 0 if array is None else len(array), SLICE):
            total.update(array[start : start + SLICE].tobytes())
    return total.hexdigest()


def _writable(folder: Path) -> bool:
    """Whether files can be put there. Root may write anywhere, but not where nobody is meant to."""
    nearest = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    return os.access(nearest, os.W_OK) and bool(nearest.stat().st_mode & 0o222)
