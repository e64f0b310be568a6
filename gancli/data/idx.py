"""The idx format of MNIST and its kin, and data sets of four such files."""

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
    """A data set whose splits are two idx files each: pictures (N, H, W), and labels (N,)."""

    name: str
    classes: tuple[str, ...]
    files: Mapping[str, tuple[File, File]]
    sources: tuple[Source, ...]  # in the order they are tried, after the data folders

    def load(
        self, places: Places, split: str, say: Say = silent, progress: Progress = silent
    ) -> Pictures:
        """The `train` or `test` pictures, uint8 (N, H, W, 1), fetched first where missing."""
        files = self.files[split]
        system = [s.path for s in self.sources if isinstance(s, Folder)]
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
        """Have all four files on this machine; the folder they lie in."""
        return next(iter(self._fetch(places, say, progress).values())).parent

    def _fetch(self, places: Places, say: Say, progress: Progress) -> dict[str, Path]:
        """Every file by name, from the first source that has it."""
        files = [file for pair in self.files.values() for file in pair]
        folders = [Folder(folder) for folder in places.folders(self.name)]
        into = places.keep / self.name
        return fetch(self.name, files, [*folders, *self.sources], into, say, progress)


def parse(data: bytes) -> Any:
    """The uint8 array in an idx file, writable; `data` was verified to be one by its SHA-256.

    Two zero bytes, the type (8: unsigned bytes), the number of axes, the length of each as a
    big-endian 32-bit number, then the values. torchvision's reader takes files that are unpacked,
    not bytes, and asserts what the checksum has proved.
    """
    axes = data[3]
    shape = np.frombuffer(data, ">u4", axes, offset=4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * axes).reshape(shape).copy()
