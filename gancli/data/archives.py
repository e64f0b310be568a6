"""Read tar and zip archives that anyone may have made.

Python's modules believe the sizes in an archive: a few megabytes of long names or of zeros make
them read gigabytes. Here every size is checked before anything is read. Both modules raise many
kinds of errors for damaged archives; callers turn them all into one message.
"""

import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from gzip import GzipFile
from typing import BinaryIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from gancli.errors import DataError

HEADER_BYTES = 2**14  # of a tar member: most have 512, and those with long names a few thousand
MAX_PICTURE_BYTES = 10_000_000  # in a zip archive; real ones have about a hundredth of this


def tar_files(file: BinaryIO | GzipFile, most: int | None = None) -> Iterator[tarfile.TarInfo]:
    """Yield the regular files of the uncompressed tar archive `file`.

    Read the contents of a member from `file` at `offset_data`. Raises an exception, of any kind, if
    the archive is damaged, a header has more than HEADER_BYTES or the end is missing, and DataError
    if the archive has more than `most` bytes.
    """
    headers = _Headers(file, most)
    with tarfile.open(fileobj=headers, mode="r:") as archive:  # type: ignore[call-overload]
        while entry := archive.next():
            # A negative size could lead back to an earlier header, again and again.
            if entry.size < 0 or archive.offset <= entry.offset:
                raise tarfile.ReadError("a member has a negative size")
            if entry.isreg() and not entry.issparse():
                yield entry
            archive.members.clear()  # else tarfile remembers all of them
            headers.left = HEADER_BYTES
    file.seek(archive.offset)  # tarfile takes a truncated header for the end
    if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        raise tarfile.ReadError("the end marker is missing")


class _Headers:
    """A tar archive as `tarfile` sees it: it reads the headers and seeks from one to the next."""

    def __init__(self, file: BinaryIO | GzipFile, most: int | None) -> None:
        self._file, self._most = file, most
        self.left = HEADER_BYTES  # bytes that the current header may still have
        self.tell = file.tell

    def read(self, size: int) -> bytes:
        """Read `size` bytes of a header. Raises ReadError if it becomes too long."""
        if not 0 <= size <= self.left:
            raise tarfile.ReadError("a header is too long")
        self.left -= size
        return self._file.read(size)

    def seek(self, offset: int) -> int:
        """Go to byte `offset`. Raises DataError if the archive may not be that large."""
        if self._most is not None and offset > self._most:
            raise DataError(f"it unpacks to more than {self._most // 10**6} MB")
        return self._file.seek(offset)


@dataclass(frozen=True)
class ZipMember:
    """A picture in an open zip archive. It can be opened and named like a file of its own."""

    archive: ZipFile
    entry: ZipInfo

    @property
    def name(self) -> str:
        """The last part of the name."""
        return self.entry.filename.rpartition("/")[2]

    def open(self, mode: str = "rb") -> io.BytesIO:
        """Read the member into memory; `mode` is always "rb".

        Raises DataError if it is larger than MAX_PICTURE_BYTES, and an exception of any kind if it
        is damaged.
        """
        size = self.entry.file_size
        if size > MAX_PICTURE_BYTES:
            raise DataError(f"too large ({size / 1e6:,.0f} MB)")
        # Of these two, zipfile unpacks only as many bytes as it is asked for.
        if self.entry.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
            raise BadZipFile("an unusual compression method")
        with self.archive.open(self.entry) as file:
            return io.BytesIO(file.read(size))
