"""The idx format of MNIST and its kin, and data sets of four such files."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gancli.data.pictures import Pictures, Places, digest
from gancli.data.sources import Folder, Source, fetch
from gancli.data.verify import File, find
from gancli.errors import DataError
from gancli.reporting import Progress, Say, silent

UNSIGNED_BYTE = 8  # the only type of idx that pictures come in


@dataclass(frozen=True, kw_only=True)
class IdxSet:
    """A data set whose splits are two idx files each: pictures (N, H, W), and labels (N,)."""

    name: str
    classes: tuple[str, ...]
    files: Mapping[str, tuple[File, File]]
    sources: tuple[Source, ...]  # in the order they are tried, after the data folders

    def load(
        self, places: Places, split: str, say: Say = silent, progress: Progress = silent
    ) -> Pictures:
        """The pictures of `split`, fetched first where they are missing."""
        images, labels = self._read(places, split) or self._fetched(places, split, say, progress)
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
        """Have all files, from the first source that has each; the folder they lie in."""
        folders = [Folder(folder) for folder in places.folders(self.name)]
        found = fetch(
            self.name,
            [file for pair in self.files.values() for file in pair],
            [*folders, *self.sources],
            places.keep / self.name,
            say,
            progress,
        )
        return next(iter(found.values())).parent

    def _read(self, places: Places, split: str) -> list[Any] | None:
        """Both arrays from the folders of this machine; None where one of the files is missing."""
        system = [s.path for s in self.sources if isinstance(s, Folder)]
        folders = (*places.folders(self.name), *system)
        found = [find(file, folders) for file in self.files[split]]
        return None if None in found else [parse(data) for data in found if data is not None]

    def _fetched(self, places: Places, split: str, say: Say, progress: Progress) -> list[Any]:
        self.download(places, say, progress)
        arrays = self._read(places, split)
        if arrays is None:
            raise DataError(f"The files of {self.name} went away while they were read.")
        return arrays


def parse(data: bytes) -> Any:
    """The uint8 array that an idx file holds, writable. DataError where it is none.

    The format: two zero bytes, the type, the number of axes, the length of each axis as a
    big-endian 32-bit number, then the values.
    """
    head = np.frombuffer(data[:4], np.uint8)
    if len(head) < 4 or head[0] or head[1] or head[2] != UNSIGNED_BYTE:
        raise DataError("This is no idx file of bytes.")
    axes = int(head[3])
    shape = [int.from_bytes(data[4 * i : 4 * i + 4], "big") for i in range(1, axes + 1)]
    if len(data) - 4 * (axes + 1) != math.prod(shape):
        raise DataError(f"This idx file does not hold the {shape} values that it promises.")
    return np.frombuffer(data, np.uint8, offset=4 * (axes + 1)).reshape(shape).copy()
