"""Shards: tar archives of many samples, as WebDataset writes them.

The files of a sample follow one another and share a key, the name up to its first dot:
`0001.jpg`, `0001.cls`. A picture is any member that is one by its suffix; `cls`, where there is
one, holds the class of the sample, as a number or a name. Other members are passed over, and
nothing is unpacked: a picture is read from where it lies.
"""

import io
import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gancli.data.decode import SUFFIXES
from gancli.errors import DataError

SUFFIX = ".tar"
LABEL = "cls"
LONGEST = 200  # characters of a class


@dataclass(frozen=True, slots=True)
class Member:
    """A picture inside a shard, which can be read, and named, like a file of its own."""

    shard: Path
    name: str
    offset: int
    size: int

    def open(self, mode: str = "rb") -> io.BytesIO:
        """What it holds; `mode` is "rb"."""
        with self.shard.open(mode) as file:
            file.seek(self.offset)
            return io.BytesIO(file.read(self.size))

    def stat(self) -> os.stat_result:
        """Of the shard, which changes when any of its members does."""
        return self.shard.stat()

    def relative_to(self, root: Path) -> Path:
        """Its shard below `root`, and the name inside."""
        return self.shard.relative_to(root) / self.name


def members(shard: Path) -> Iterator[tuple[Member, str]]:
    """Every picture in `shard`, and the class of its sample, "" where it has none.

    Raises DataError where it is no tar archive, is compressed, or is cut short between members; a
    picture that is cut short itself is found, and cannot be read.
    """
    try:
        with tarfile.open(shard, "r:") as archive:
            yield from _pictures(shard, archive)
        with shard.open("rb") as file:  # tarfile takes half a header for the end
            file.seek(archive.offset)
            if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
                raise tarfile.ReadError("the end is missing")
    except (tarfile.TarError, OSError) as error:
        raise DataError(
            f"{shard} is no whole, uncompressed tar archive.", hint=f"tar --list --file {shard}"
        ) from error


def _pictures(shard: Path, archive: tarfile.TarFile) -> Iterator[tuple[Member, str]]:
    sample, label, held = ("", ""), "", list[Member]()
    for entry in filter(tarfile.TarInfo.isfile, archive):
        folder, _, name = entry.name.rpartition("/")
        key, _, suffix = name.partition(".")
        if (folder, key) != sample:
            yield from ((member, label) for member in held)
            sample, label, held = (folder, key), "", []
        if suffix == LABEL and (text := archive.extractfile(entry)):
            label = text.read(LONGEST).decode("utf-8", "replace").strip()
        elif name.lower().endswith(SUFFIXES) and not name.startswith("."):
            held.append(Member(shard, entry.name, entry.offset_data, entry.size))
    yield from ((member, label) for member in held)
