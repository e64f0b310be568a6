"""Pictures as rows of a file: appended as they are decoded, read back by their number.

A row is uint8 (P, H, W, C), with P pictures in it: 1, or 2 for a pair, A and B. Rows start at byte
0 with nothing between them, so that any of them is one read away, and no more than a few need ever
be in memory.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from gancli.errors import DataError

BLOCK = 256  # rows that are in memory at a time


@dataclass(frozen=True, kw_only=True)
class Rows:
    """uint8 (N, P, H, W, C) at the start of the file `path`.

    Pickled, it takes the path along and not the pictures. `stamp` is what the file was like when it
    was found; one that another process has replaced since is refused.
    """

    path: Path
    shape: tuple[int, ...]
    stamp: tuple[int, int]

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def row_bytes(self) -> int:
        """Bytes of one row."""
        return prod(self.shape[1:])

    def read(self, index: Sequence[int]) -> Any:
        """The rows at `index`, uint8 (B, P, H, W, C), in memory of their own.

        Reads instead of mapping, so that of all that was read only the page cache keeps anything.
        Raises DataError where the file is no longer what it was.
        """
        rows = np.empty((len(index), *self.shape[1:]), np.uint8)
        size = self.row_bytes
        try:
            with self.path.open("rb", buffering=0) as file:
                self._check(os.fstat(file.fileno()))
                for i, row in zip(index, rows.reshape(len(index), size), strict=True):
                    file.seek(i * size)
                    left = row.data
                    while left and (got := file.readinto(left)):  # most often all at once
                        left = left[got:]
                    if left:
                        raise DataError(f"{self.path} is cut short.")
        except OSError as error:
            raise DataError(f"{self.path} cannot be read: {error.strerror}.") from error
        return rows

    def mapped(self) -> Any:
        """All rows, read by the system as they are touched. Writing to them changes no file."""
        self._check(self.path.stat())
        try:
            return np.memmap(self.path, np.uint8, "c", shape=self.shape)
        except OSError:  # more than the system would promise memory for, if all were written to
            return np.memmap(self.path, np.uint8, "r", shape=self.shape)

    def _check(self, state: os.stat_result) -> None:
        if stamp(state) != self.stamp:
            raise DataError(
                f"{self.path} was replaced while it was read.",
                hint="the same command goes on, with the pictures as they are now",
            )


class RowWriter:
    """Appends rows to a file that is open for reading and writing, or to a BytesIO."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.shape: tuple[int, ...] = (0,)  # with the first rows, (N, P, H, W, C)

    def append(self, rows: Any) -> None:
        """Write uint8 (n, P, H, W, C) after the rows before."""
        self._file.write(np.ascontiguousarray(rows).data)
        self.shape = (self.shape[0] + len(rows), *rows.shape[1:])

    def to_gray(self) -> None:
        """Keep the first of three channels, in place: what is written lies before what is read."""
        count, *row = self.shape
        self.shape = (0,)
        for start in range(0, count, BLOCK):
            self._file.seek(start * prod(row))
            block = self._file.read(min(BLOCK, count - start) * prod(row))
            self._file.seek(prod(self.shape))
            self.append(np.frombuffer(block, np.uint8).reshape(-1, *row)[..., :1])
        self._file.truncate()

    def rows(self) -> Rows:
        """What was written, where that is a file."""
        self._file.flush()
        path = Path(self._file.name)
        return Rows(path=path, shape=self.shape, stamp=stamp(path.stat()))


def stamp(state: os.stat_result) -> tuple[int, int]:
    """What changes when a file does."""
    return state.st_size, state.st_mtime_ns
