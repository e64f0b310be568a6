"""The types that describe a dataset: Info (its facts), Pictures (a loaded split), Places (folders).

A dataset of points in the plane has a Mixture, if they are drawn from one, or a Frame.

This module does not import numpy, because `gan --help` imports it.
"""

import functools
import hashlib
import os
import stat
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gancli.errors import FileError
from gancli.points import Frame, Mixture
from gancli.reporting import Say, silent
from gancli.shape import COORDINATES

if TYPE_CHECKING:
    from gancli.data.rows import Rows

SLICE = 256  # pictures that are hashed, and so in memory, at a time
CACHE_HINT = "set XDG_CACHE_HOME to a folder of your own"


@dataclass(frozen=True, kw_only=True)
class Info:
    """The facts that `gan datasets info` shows, known without loading a picture."""

    title: str
    size: str  # for people: "28x28 gray"
    train: int  # number of pictures or pairs
    test: int
    classes: tuple[str, ...] = ()
    terms: str = ""  # licence and citation
    home: str = ""  # web page


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """One split of a dataset.

    `images` is uint8 (N, H, W, C), where C is 1 (gray) or 3 (RGB). `labels` is int64 (N,), indices
    into `classes`, or None. For pairs, `images` are A and `partners` are B, of the same shape; if B
    are label maps, `palette` has the name and colour of each label. All arrays are writable, since
    torch warns about others. `digest` is a hex SHA-256 of all pixels and labels. If the pictures
    are in the cache, the arrays are memory-mapped and `stored` reads the same rows from the file.

    Points in the plane are pictures of one pixel, float32 (N, 1, 1, 2). `mixture` is what they were
    drawn from, if that is known, and `frame` tells the units of the user's own.
    """

    name: str
    split: str
    images: Any
    labels: Any = None
    partners: Any = None
    classes: tuple[str, ...] = ()
    palette: tuple[tuple[str, tuple[int, int, int]], ...] = ()
    digest: str = ""
    notes: tuple[str, ...] = field(default=())  # sentences for the user, say about skipped files
    stored: "Rows | None" = None
    mixture: Mixture | None = None
    frame: Frame | None = None

    @property
    def points(self) -> bool:
        """Whether these are points in the plane."""
        return bool(self.images.shape[-1] == COORDINATES)


@dataclass(frozen=True, kw_only=True)
class Places:
    """The folders of datasets: `data`, which may be read-only, and the user's `cache`."""

    data: Path
    cache: Path

    @property
    def keep(self) -> Path:
        """The folder that new files go to: `data` if it is writable, else `cache`."""
        return self.data if _writable(self.data) else self.cache

    def folders(self, name: str) -> tuple[Path, ...]:
        """Return the folders to search for the files of the dataset `name`, in order."""
        return tuple(dict.fromkeys((self.data / name, self.cache / name)))


def places(data_dir: Path | None = None, say: Say = silent) -> Places:
    """Return the folders: data is `data_dir`, else GAN_DATA_DIR, else the cache.

    The cache is XDG_CACHE_HOME/gancli, by default ~/.cache/gancli. Users without a home folder get
    a temporary one. Raises FileError if the data folder is a file.
    """
    cache = _cache(say)
    chosen = data_dir or os.environ.get("GAN_DATA_DIR")
    if chosen and not Path(chosen).is_dir() and Path(chosen).exists():
        raise FileError(f"The data folder {chosen} is not a folder.", hint="gan datasets list")
    return Places(data=Path(chosen) if chosen else cache, cache=cache)


def _cache(say: Say) -> Path:
    if named := os.environ.get("XDG_CACHE_HOME"):
        return Path(named) / "gancli"
    try:
        return Path.home() / ".cache" / "gancli"
    except RuntimeError:  # a user that the system does not know, as in many containers
        return _temporary_cache(say)


@functools.cache  # to tell the user once
def _temporary_cache(say: Say) -> Path:
    """Create the cache of a user without a home folder; raise FileError if another user has it."""
    user = getattr(os, "getuid", int)()  # 0 on Windows, where each user has a temporary folder
    folder = Path(tempfile.gettempdir()) / f"gancli-{user}"
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != user:
        raise FileError(f"{folder} belongs to another user.", hint=CACHE_HINT)
    say(f"This user has no home folder, so the cache is in {folder}; {CACHE_HINT}.")
    return folder


def digest(images: Any, labels: Any = None, partners: Any = None) -> str:
    """Return the hex SHA-256 of the shape of `images` and the bytes of all three arrays.

    Memory-mapped arrays work too: only SLICE pictures are in memory at a time.
    """
    total = hashlib.sha256(repr(images.shape).encode())
    for array in (images, labels, partners):
        for start in range(0, 0 if array is None else len(array), SLICE):
            total.update(array[start : start + SLICE].tobytes())
    return total.hexdigest()


def _writable(folder: Path) -> bool:
    """Return whether files can be created in `folder`, or in its nearest parent that exists.

    Root may write anywhere, so the mode must also give someone permission to write.
    """
    nearest = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    return os.access(nearest, os.W_OK) and bool(nearest.stat().st_mode & 0o222)
