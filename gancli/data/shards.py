"""Read shards: uncompressed tar archives of many samples, in WebDataset's layout.

The members of a sample are adjacent and share a key, the name up to the first dot: `0001.jpg`,
`0001.cls`. Members with a picture suffix are pictures. The optional `cls` member holds the class of
the sample, a number or a name. Other members are ignored. Nothing is unpacked: pictures are read
from their offset in the shard.
"""

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from gancli.data import archives
from gancli.data.decode import MAX_FILE_BYTES, SUFFIXES, TOO_LARGE
from gancli.errors import DataError

SUFFIX = ".tar"
LABEL = "cls"
MAX_CLASS_BYTES = 200  # longer class names are cut


@dataclass(frozen=True, slots=True)
class Member:
    """A picture inside a shard. It can be opened and named like a file of its own."""

    shard: Path
    name: str
    offset: int
    size: int

    def open(self, mode: str = "rb") -> io.BytesIO:
        """Read the member into memory; `mode` is always "rb". Raises DataError if it is huge."""
        if self.size > MAX_FILE_BYTES:
            raise DataError(TOO_LARGE)
        with self.shard.open(mode) as file:
            file.seek(self.offset)
            return io.BytesIO(file.read(self.size))

    def stat(self) -> os.stat_result:
        """Return the status of the shard, which changes when any member does."""
        return self.shard.stat()

    def relative_to(self, root: Path) -> Path:
        """Return the path of the shard relative to `root`, followed by the member's name."""
        return self.shard.relative_to(root) / self.name


def members(shard: Path) -> Iterator[tuple[Member, str]]:
    """Yield every picture in `shard` with the class of its sample, or "" without a class.

    Raises DataError if `shard` is not a tar archive, is compressed, or is truncated between two
    members. If it is truncated inside a picture, that picture is yielded but cannot be decoded.
    """
    try:
        with shard.open("rb") as file:
            yield from _pictures(shard, file)
    except Exception as error:  # tarfile raises many kinds of errors for damaged files
        raise DataError(
            f"{shard} is not a complete, uncompressed tar archive.",
            hint=f"tar --list --file {shard}",
        ) from error


def _pictures(shard: Path, file: BinaryIO) -> Iterator[tuple[Member, str]]:
    """Yield the pictures of an open shard. `cls` may come last, so hold each sample to its end."""
    sample, label, pending = ("", ""), "", list[Member]()
    for entry in archives.tar_files(file):
        folder, _, name = entry.name.rpartition("/")
        key, _, suffix = name.partition(".")
        if (folder, key) != sample:
            yield from ((member, label) for member in pending)
            sample, label, pending = (folder, key), "", []
        if suffix == LABEL:
            file.seek(entry.offset_data)
            text = file.read(min(entry.size, MAX_CLASS_BYTES))
            label = text.decode("utf-8", "replace").strip()
        elif name.lower().endswith(SUFFIXES) and not name.startswith("."):
            pending.append(Member(shard, entry.name, entry.offset_data, entry.size))
    yield from ((member, label) for member in pending)
