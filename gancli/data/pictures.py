"""A data set in memory: its pictures, what is known of it, and where its files lie.

Importing this module loads no numpy: the list of data sets is part of `gan --help`.
"""

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gancli.errors import FileError

if TYPE_CHECKING:
    from gancli.data.rows import Rows

SLICE = 256  # pictures that are hashed at a time


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
