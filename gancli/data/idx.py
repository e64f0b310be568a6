"""Read the idx file format of MNIST, and load datasets that consist of four such files."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gancli.data.pictures import Pictures, Places, digest
from gancli.data.sources import Folder, Source, fetch
from gancli.data.verify import File, contents, find
from gancli.reporting import Progress, Say, silent


@dataclass(frozen=True, kw_only=True)
class IdxSet:
    """A dataset like MNIST: each split is two idx files, pictures (N, H, W) and labels (N,)."""

    name: str
    classes: tuple[str, ...]
    files: Mapping[str, tuple[File, File]]
    sources: tuple[Source, ...]  # tried in this order, after the data folders

    def load(
        self, places: Places, split: str, say: Say = silent, progress: Progress = silent
    ) -> Pictures:
        """Load the `train` or `test` split, uint8 (N, H, W, 1). Missing files are downloaded first.

        Raises DataError if no source serves a missing file, and FileError if it cannot be written.
        """
        files = self.files[split]
        system = [s.path for s in self.sources if isinstance(s, Folder)]
        # Ask for the files of this split only: the other split need not be there.
        data = [find(file, (*places.folders(self.name), *system)) for file in files]
        if None in data:
            found = self._fetch(places, say, progress)
            data = [contents(found[file.name], file) for file in files]
        images, labels = (parse(some) for some in data if some is not None)
        labels = labels.astype(np.int64)
        return Pictures(
            name=self.name,
            split=split,
            images=images[..., None],
            labels=labels,
            classes=self.classes,
            digest=digest(images, labels),
        )

    def download(self, places: Places, say: Say = silent, progress: Progress = silent) -> Path:
        """Download the files that are missing and return the folder they are in."""
        return next(iter(self._fetch(places, say, progress).values())).parent

    def _fetch(self, places: Places, say: Say, progress: Progress) -> dict[str, Path]:
        """Return the path of all four files by name, each from the first source that has it."""
        files = [file for pair in self.files.values() for file in pair]
        folders = [Folder(folder) for folder in places.folders(self.name)]
        into = places.keep / self.name
        return fetch(self.name, files, [*folders, *self.sources], into, say, progress)


def parse(data: bytes) -> Any:
    """Parse the contents of an idx file to a writable uint8 array.

    The format: two zero bytes, the type (8: unsigned bytes), the number of axes, the length of each
    axis as a big-endian 32-bit integer, then the values. The caller has checked the SHA-256, so
    nothing is validated here. torchvision's reader needs unpacked files on disk.
    """
    axes = data[3]
    shape = np.frombuffer(data, ">u4", axes, offset=4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * axes).reshape(shape).copy()
