"""Rows of pixels in a file: appended while decoding, and read back by index.

A row is uint8 (P, H, W, C), where P is 1, or 2 for a pair (A and B). Rows start at byte 0, without
gaps. So each row is one seek and one read, and only a few need to be in memory.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from gancli.errors import DataError

BLOCK = 256  # rows in memory at a time


@dataclass(frozen=True, kw_only=True)
class Rows:
    """The rows at the start of the file `path`: uint8 (N, P, H, W, C), given by `shape`.

    With `chosen`, int64 (M,), only those rows are used, in that order. Pickling stores the path,
    not the pixels. `stamp` is the size and modification time of the file when it was opened. If
    another process has replaced the file since, reading raises DataError.
    """

    path: Path
    shape: tuple[int, ...]
    stamp: tuple[int, int]
    chosen: Any = None

    def __len__(self) -> int:
        return self.shape[0] if self.chosen is None else len(self.chosen)

    @property
    def row_bytes(self) -> int:
        """The number of bytes in one row."""
        return prod(self.shape[1:])

    def read(self, index: Sequence[int]) -> Any:
        """Return the rows at `index` as a new array, uint8 (B, P, H, W, C).

        Reads go through the page cache only: a memory map would count towards the resident memory
        of this process. Raises DataError if the file was replaced, is truncated or unreadable.
        """
        index = index if self.chosen is None else self.chosen[index]
        rows = np.empty((len(index), *self.shape[1:]), np.uint8)
        size = self.row_bytes
        try:
            with self.path.open("rb", buffering=0) as file:
                self._check(os.fstat(file.fileno()))
                for i, row in zip(index, rows.reshape(len(index), size), strict=True):
                    file.seek(int(i) * size)
                    left = row.data
                    while left and (got := file.readinto(left)):  # usually one call
                        left = left[got:]
                    if left:
                        raise DataError(f"{self.path} is cut short.")
        except OSError as error:
            raise DataError(f"{self.path} cannot be read: {error.strerror}.") from error
        return rows

    def mapped(self) -> Any:
        """Return all rows as a memory map. Writing to the array does not change the file.

        Raises DataError if the file was replaced.
        """
        self._check(self.path.stat())
        try:
            return np.memmap(self.path, np.uint8, "c", shape=self.shape)
        # Copy-on-write reserves memory for every page. If that is refused, map read-only.
        except OSError:
            return np.memmap(self.path, np.uint8, "r", shape=self.shape)

    def _check(self, state: os.stat_result) -> None:
        """Raise DataError if the file is not the one that was opened."""
        if stamp(state) != self.stamp:
            raise DataError(
                f"{self.path} was replaced while it was read.",
                hint="run the same command again: it uses the new pictures",
            )


class RowWriter:
    """Append rows to a file that is open for reading and writing, or to a BytesIO."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.shape: tuple[int, ...] = (0,)  # (N, P, H, W, C) once there are rows

    def append(self, rows: Any) -> None:
        """Append uint8 (n, P, H, W, C)."""
        self._file.write(np.ascontiguousarray(rows).data)
        self.shape = (self.shape[0] + len(rows), *rows.shape[1:])

    def to_gray(self) -> None:
        """Reduce the written rows to their first channel, in place.

        Gray rows are a third as long, so each block is written before the position it was read at.
        """
        count, *row = self.shape
        self.shape = (0,)
        for start in range(0, count, BLOCK):
            self._file.seek(start * prod(row))
            block = self._file.read(min(BLOCK, count - start) * prod(row))
            self._file.seek(prod(self.shape))
            self.append(np.frombuffer(block, np.uint8).reshape(-1, *row)[..., :1])
        self._file.truncate()

    def rows(self) -> Rows:
        """Return the rows written so far. They must be in a file, not in a BytesIO."""
        self._file.flush()
        path = Path(self._file.name)
        return Rows(path=path, shape=self.shape, stamp=stamp(path.stat()))


def stamp(state: os.stat_result) -> tuple[int, int]:
    """Return the size and modification time of a file, which change when the file does."""
    return state.st_size, state.st_mtime_ns
