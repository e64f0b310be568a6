"""Pictures as rows of a file, or gathered in memory: where they go as they are decoded.

A row is uint8 (P, H, W, C), with P pictures in it: 1, or 2 for a pair, A and B. A file holds row
after row, so that any of them is one read away and no more than a few need ever be in memory.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np

from gancli.errors import DataError

BLOCK = 256  # rows that are in memory at a time


class Sink(Protocol):
    """Where rows go."""

    def append(self, rows: Any) -> None:
        """Take uint8 (n, P, H, W, C)."""

    def to_gray(self) -> None:
        """Keep the first of the three channels of every row taken so far."""


@dataclass(frozen=True, kw_only=True)
class Rows:
    """uint8 (N, P, H, W, C) in the file `path`, from byte `offset` on.

    Pickled, it takes the path along and not the pictures. `stamp` is what the file was like when it
    was found; one that another process has replaced since is refused.
    """

    path: Path
    offset: int
    shape: tuple[int, ...]
    stamp: tuple[int, int]

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def row_bytes(self) -> int:
        """Bytes of one row."""
        return int(np.prod(self.shape[1:]))

    def read(self, index: Sequence[int]) -> Any:
        """The rows at `index`, uint8 (B, P, H, W, C), in memory of their own.

        Reads instead of mapping: what was read weighs on nobody's memory but the system's cache.
        Raises DataError where the file is no longer what it was.
        """
        rows = np.empty((len(index), *self.shape[1:]), np.uint8)
        size = self.row_bytes
        try:
            with self.path.open("rb", buffering=0) as file:
                self._check(os.fstat(file.fileno()))
                for i, row in zip(index, rows.reshape(len(index), size), strict=True):
                    file.seek(self.offset + i * size)
                    left = row.data
                    while left and (got := file.readinto(left)):  # most often all at once
                        left = left[got:]
                    if left:
                        raise DataError(f"{self.path} is cut short.")
        except OSError as error:
            raise DataError(f"{self.path} cannot be read: {error.strerror}.") from error
        return rows

    def parts(self) -> "list[Part]":
        """The pictures, or A and B."""
        return [Part(self, i) for i in range(self.shape[1])]

    def mapped(self) -> Any:
        """All rows, read by the system as they are touched. Writing to them changes no file."""
        self._check(self.path.stat())
        shape = tuple(self.shape)
        try:
            return np.memmap(self.path, np.uint8, "c", self.offset, shape)
        except OSError:  # more than the system would promise memory for, if all were written to
            return np.memmap(self.path, np.uint8, "r", self.offset, shape)

    def _check(self, state: os.stat_result) -> None:
        if stamp(state) != self.stamp:
            raise DataError(
                f"{self.path} was replaced while it was read.",
                hint="the same command goes on, with the pictures as they are now",
            )


@dataclass(frozen=True)
class Part:
    """The pictures at place `part` of every row, (N, H, W, C), read by slices."""

    rows: Rows
    part: int

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, H, W, C)."""
        return self.rows.shape[:1] + self.rows.shape[2:]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, some: slice) -> Any:
        return self.rows.read(range(*some.indices(len(self))))[:, self.part]


class Gathered:
    """A sink in memory."""

    def __init__(self) -> None:
        self._some: list[Any] = []

    def append(self, rows: Any) -> None:
        """Take rows, which nobody may write to any more."""
        self._some.append(rows)

    def to_gray(self) -> None:
        """Keep the first channel."""
        self._some = [rows[..., :1].copy() for rows in self._some]

    def all(self) -> Any:
        """uint8 (N, P, H, W, C)."""
        return np.concatenate(self._some)


class Written:
    """A sink in a file that is open for reading and writing; rows start at byte `offset`."""

    def __init__(self, file: BinaryIO, offset: int) -> None:
        self._file, self.offset = file, offset
        self.shape: tuple[int, ...] = (0,)  # in the end, (N, P, H, W, C)

    @property
    def end(self) -> int:
        """The byte after the last row."""
        return self.offset + int(np.prod(self.shape))

    def append(self, rows: Any) -> None:
        """Write rows after those before."""
        self._file.seek(self.end)
        self._file.write(np.ascontiguousarray(rows).data)
        self.shape = (self.shape[0] + len(rows), *rows.shape[1:])

    def to_gray(self) -> None:
        """Keep the first channel, in place: what is written lies before what is yet to be read."""
        (count, *row), size = self.shape, int(np.prod(self.shape[1:]))
        self.shape = (0,)
        for start in range(0, count, BLOCK):
            self._file.seek(self.offset + start * size)
            block = self._file.read(min(BLOCK, count - start) * size)
            self.append(np.frombuffer(block, np.uint8).reshape(-1, *row)[..., :1])
        self._file.truncate(self.end)

    def rows(self) -> Rows:
        """What was written."""
        self._file.flush()
        path = Path(self._file.name)
        return Rows(path=path, offset=self.offset, shape=self.shape, stamp=stamp(path.stat()))


def stamp(state: os.stat_result) -> tuple[int, int]:
    """What changes when a file does."""
    return state.st_size, state.st_mtime_ns
