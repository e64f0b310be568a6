"""Archives from anyone: sizes are checked before anything is read, and damage is an error."""

import gzip
import io
import struct
import tarfile
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import pytest

from gancli.data.archives import HEADER_BYTES, MAX_PICTURE_BYTES, ZipMember, tar_files
from gancli.errors import DataError


def tar(*members: tuple[str, bytes, bytes], end: bytes = bytes(1024)) -> bytes:
    """Return a tar archive of members (name, type, data)."""
    parts = []
    for name, kind, data in members:
        entry = tarfile.TarInfo(name)
        entry.type, entry.size = kind, len(data)
        parts += [entry.tobuf(tarfile.GNU_FORMAT), data, bytes(-len(data) % 512)]
    return b"".join(parts) + end


def names(data: bytes, most: int | None = None) -> list[str]:
    return [entry.name for entry in tar_files(io.BytesIO(data), most)]


def lying_zip(path: Path, declared: int, data: bytes) -> Path:
    """Write a zip archive of `data`, whose header declares another size."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(data) + packer.flush()
    fields = (20, 0, 8, 0, 33, zlib.crc32(data), len(packed), declared, 5, 0)
    local = struct.pack("<4sHHHHHIIIHH", b"PK\3\4", *fields) + b"1.jpg"
    entry = struct.pack("<4sHHHHHHIIIHHHHHII", b"PK\1\2", 20, *fields, 0, 0, 0, 0, 0) + b"1.jpg"
    start = len(local) + len(packed)
    end = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 1, 1, len(entry), start, 0)
    path.write_bytes(local + packed + entry + end)
    return path


def test_regular_files_are_found_and_nothing_else() -> None:
    others = (("d", tarfile.DIRTYPE), ("l", tarfile.SYMTYPE), ("n", tarfile.CHRTYPE))
    members = [(name, kind, b"") for name, kind in others]
    data = tar(("1", b"0", b"abc"), *members, ("2", b"0", bytes(512)))
    assert names(data, most=len(data)) == names(data) == ["1", "2"]
    (entry,) = list(tar_files(io.BytesIO(data)))[:1]
    assert data[entry.offset_data :][: entry.size] == b"abc"


@pytest.mark.parametrize("kind", [b"L", b"K", b"x", b"g"])
def test_a_long_header_is_refused_before_it_is_read(kind: bytes) -> None:
    assert names(tar(("1", b"L", b"y" * 5000), ("1", b"0", b""))) == ["y" * 5000]
    header = bytearray(tar(("x", kind, bytes(HEADER_BYTES)), end=b""))
    data = tar(("1", b"0", b"abc"), end=b"") + header
    with pytest.raises(tarfile.ReadError, match="too long"):
        names(data)
    with pytest.raises(tarfile.ReadError, match="too long"):
        names(bytes(header))


def negative(kind: bytes) -> bytes:
    """Return a tar archive of a member whose size is -512 bytes."""
    data = bytearray(tar(("1", kind, b""), ("2", b"0", b"")))
    data[124:136] = (-512 % 256**12).to_bytes(12, "big")
    data[148:156] = b"%06o\0 " % (sum(data[:148]) + 8 * 32 + sum(data[156:512]))
    return bytes(data)


@pytest.mark.parametrize(
    "data",
    [
        *map(negative, (b"0", b"5", b"L", b"x", b"?")),
        # this hides the negative size, but the next header is at the same place again
        tar(("pax", b"g", b"9 size=0\n"), end=b"") + negative(b"0"),
        tar(("pax", b"x", b"11 size=-1\n"), ("1", b"0", b"")),
    ],
)
def test_a_negative_size_is_refused(data: bytes) -> None:
    with pytest.raises(tarfile.ReadError):
        names(data)


def test_an_archive_with_too_many_bytes_is_refused_before_they_are_read() -> None:
    read = io.BytesIO(gzip.compress(tar(("1", b"0", bytes(2**22)), ("2", b"0", b""))))
    with gzip.open(read) as unpacked, pytest.raises(DataError, match="more than 1 MB"):
        list(tar_files(unpacked, most=1_000_000))
    assert read.tell() < 2**16


def test_a_truncated_archive_is_refused() -> None:
    whole = tar(("1", b"0", b"abc"), ("2", b"0", b"abc"))
    for cut in (300, 800, 1024, 1400, 2048, 2200):
        with pytest.raises(tarfile.ReadError):
            names(whole[:cut])


def test_a_picture_is_unpacked_only_up_to_its_declared_size(tmp_path: Path) -> None:
    with zipfile.ZipFile(lying_zip(tmp_path / "a.zip", 1000, bytes(2**25))) as archive:
        (entry,) = archive.infolist()
        tracemalloc.start()
        with pytest.raises(zipfile.BadZipFile):  # its checksum is of all bytes
            ZipMember(archive, entry).open()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 1_000_000


def test_a_picture_that_declares_too_much_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(lying_zip(tmp_path / "a.zip", MAX_PICTURE_BYTES + 1, b"")) as archive:
        (entry,) = archive.infolist()
        with pytest.raises(DataError, match=r"\(10 MB\)"):
            ZipMember(archive, entry).open()


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_unpack_without_a_limit_are_refused(tmp_path: Path, method: int) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", method) as archive:
        archive.writestr("a/1.jpg", b"abc")
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        member = ZipMember(archive, archive.infolist()[0])
        assert member.name == "1.jpg"
        with pytest.raises(zipfile.BadZipFile):
            member.open()
