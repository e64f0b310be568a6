"""Archives that are wrong, hostile or damaged: facades, CelebA, MNIST, and shards of a folder."""

import gzip
import io
import random
import re
import tarfile
import warnings
import zipfile
from functools import cache
from pathlib import Path

from PIL import Image

from tests.fuzz import mutate
from tests.fuzz.harness import CACHE, Case

NAMES = (
    *(
        "../../evil.jpg",
        "/evil.jpg",
        "train/../../evil.jpg",
        "train/..\\..\\evil.jpg",
        "C:evil.jpg",
    ),
    *(
        "train/",
        "train//1.jpg",
        "./train/1.jpg",
        "train/1.jpg/2.jpg",
        "base/1.jpg",
        "train/nul.jpg",
    ),
    *("train/\x1b[31m.jpg", "train/\n.jpg", "train/\N{SNOWMAN}.jpg", "x" * 300 + ".jpg", ".jpg"),
    *("9" * 5000 + ".jpg", "000001.jpg", "a/" * 2000 + "1.jpg", "train/1.cls", "train/1.jpg\0x"),
    *("train/\udcff.jpg", "train/\ud800.jpg", "\u202e.jpg", "", ".", "..", "/"),
)
SIZES = (0, 1, 511, 512, 10**4, 10**7, 10**8, 2**31, 2**33 - 1, 2**63, 2**90, -1, -512, -(2**62))
TYPES = b"0\x00123456789gxLKSDMNV7\xff"
RECORDS = ("path", "size", "linkpath", "mtime", "hdrcharset", "uid", "GNU.sparse.major")
RECORDS += ("GNU.sparse.minor", "GNU.sparse.map", "GNU.sparse.realsize", "GNU.sparse.size")
RECORDS += ("GNU.sparse.numblocks", "GNU.sparse.offset", "GNU.sparse.numbytes", "GNU.sparse.name")
VALUES = ("0", "1", "-1", "BINARY", "0,5", "0,5,7", "1e9", "9" * 30, "9" * 5000, "x", "")
MNIST = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte")


def make(rng: random.Random, folder: Path) -> Case:
    """Write an archive of one kind, and commands that read it."""
    return rng.choice((_facades, _facades, _celeba, _shards, _shards, _mnist))(rng, folder)


def _facades(rng: random.Random, folder: Path) -> Case:
    names = [f"facades/train/{i}.jpg" for i in range(rng.choice((3,) * 19 + (606,)))]
    make_one = rng.choice((tar, zipped))
    data = make_one(rng, names, packed=True)
    (folder / "a.archive").write_bytes(data)
    words = ["datasets", "download", "facades", "--from", "a.archive", "--data-dir", "data"]
    return Case(commands=[words], outputs=["data/facades", CACHE])


def _celeba(rng: random.Random, folder: Path) -> Case:
    names = [f"img_align_celeba/{i:06d}.jpg" for i in range(1, 6)]
    path = folder / "data" / "celeba" / "img_align_celeba.zip"
    path.parent.mkdir(parents=True)
    path.write_bytes(zipped(rng, names))
    words = ["datasets", "stats", "celeba", "--image-size", "16", "--data-dir", "data"]
    return Case(commands=[words], outputs=["data/celeba", CACHE])


def _shards(rng: random.Random, folder: Path) -> Case:
    names = [f"{i}.{suffix}" for i in range(3) for suffix in ("jpg", "cls")]
    (folder / "set").mkdir()
    for k in range(rng.choice((1, 1, 2))):
        (folder / "set" / f"{k}.tar").write_bytes(tar(rng, names))
    train = "train dcgan --dataset set --dry-run --device cpu --image-size 16"
    commands = [
        ["datasets", "check", "set"],
        ["datasets", "stats", "./set"],
        ["datasets", "preview", "set", "--out", "out.png"],
        train.split(),
    ]
    return Case(commands=[rng.choice(commands)], outputs=["out.png", CACHE])


def _mnist(rng: random.Random, folder: Path) -> Case:
    where = folder / "data" / "mnist"
    where.mkdir(parents=True)
    for name in MNIST:
        data = bytes([0, 0, 8, 1]) + rng.choice(SIZES[:8]).to_bytes(4, "big") + bytes(10**4)
        packed = gzip.compress(data, mtime=0)
        if rng.random() < 0.02:
            packed = gzip.compress(bytes(60_000_000), 1, mtime=0)
        suffix = rng.choice(("", ".gz"))
        data = rng.choice((data, packed, mutate.spoiled(rng, packed)))
        (where / f"{name}{suffix}").write_bytes(data)
    words = ["datasets", "stats", "mnist", "--data-dir", "data"]
    return Case(commands=[words], outputs=["data/mnist", CACHE])


BOMB = (bytes(2 * 10**7), zipfile.ZIP_DEFLATED)


@cache
def picture(number: int) -> bytes:
    """A small JPEG: as a face, half the usual size; as a pair, side by side."""
    file = io.BytesIO()
    Image.new("L", (89, 109) if number % 2 else (90, 30), number % 256).save(file, "JPEG")
    return file.getvalue()


def tar(rng: random.Random, names: list[str], packed: bool = False) -> bytes:
    """A tar archive with hostile members, or damaged anywhere; `packed` makes it a tar.gz."""
    members = [_member(name, b"7" if name.endswith("cls") else picture(1)) for name in names]
    for _ in range(rng.choice((0, 1, 1, 2, 5))):
        members.insert(rng.randrange(len(members) + 1), _hostile_member(rng))
    data = b"".join(members) + bytes(1024)
    if rng.random() < 0.3:
        data = mutate.spoiled(rng, data)
    if packed:
        data = gzip.compress(data, 1, mtime=0)
    return mutate.spoiled(rng, data) if rng.random() < 0.2 else data


def _member(name: str, data: bytes, kind: bytes = b"0", size: int | None = None) -> bytes:
    """A member, with any type and size, and a checksum that is right."""
    entry = tarfile.TarInfo()
    header = bytearray(entry.tobuf(tarfile.GNU_FORMAT))
    header[:100] = name.encode("utf-8", "surrogatepass")[:100].ljust(100, b"\0")
    size = len(data) if size is None else size
    big = b"\x80" if size >= 0 else b"\xff"
    octal = b"%011o\0" % size if 0 <= size < 8**11 else big + (size % 2**88).to_bytes(11, "big")
    header[124:136], header[156:157] = octal, kind
    header[148:156] = b"%06o\0 " % (sum(header[:148]) + 8 * 32 + sum(header[156:]))
    return bytes(header) + data + bytes(-len(data) % 512)


def _hostile_member(rng: random.Random) -> bytes:
    kind = bytes([rng.choice(TYPES)])
    name = rng.choice(NAMES)
    match rng.randrange(6):
        case 0:  # a long name for the member that follows
            text = rng.choice((name, "y" * 10**4, "y" * 10**5)).encode("utf-8", "surrogatepass")
            return _member("././@LongLink", text + b"\0", rng.choice((b"L", b"K")))
        case 1:
            return _member("pax", _records(rng), rng.choice((b"x", b"x", b"g")))
        case 2:
            return _member(name, picture(1), kind, rng.choice(SIZES))
        case 3:
            return _member(name, rng.randbytes(700), kind)
        case 4:  # an old sparse header
            header = bytearray(_member(name, b"", b"S", rng.choice(SIZES)))
            header[386:482] = rng.choice((b"%011o\0" % 512 * 8, rng.randbytes(96), b"\xff" * 96))
            header[482] = rng.choice((0, 1))
            return bytes(header) + bytes([1]) * rng.choice((0, 512, 512 * 2000))
        case _:
            return _member(name, picture(1))


def _records(rng: random.Random) -> bytes:
    """Records of a pax header, whose lengths are right or wrong."""
    data = b""
    for _ in range(rng.choice((1, 2, 3, 1000))):
        value = rng.choice((*VALUES, *NAMES)).encode("utf-8", "surrogatepass")
        text = b" " + rng.choice(RECORDS).encode() + b"=" + value + b"\n"
        length = len(text) + len(str(len(text) + 3))
        data += str(rng.choice((length, length, length, length + 1, 0, -5, 10**9))).encode() + text
        if len(data) > 20_000:
            break
    return data


def zipped(rng: random.Random, names: list[str], packed: bool = False) -> bytes:
    """A zip archive with hostile members and entries, or damaged anywhere."""
    file = io.BytesIO()
    warnings.simplefilter("ignore")  # of names that are there twice
    methods = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    with zipfile.ZipFile(file, "w", rng.choice(methods)) as archive:
        for i, name in enumerate(names):
            archive.writestr(zipfile.ZipInfo(name), picture(1 if "celeba" in name else 2 * i))
        for _ in range(rng.choice((0, 0, 0, 1, 2))):
            name = rng.choice(NAMES).encode("utf-8", "replace").decode()
            content, method = rng.choice(((picture(1), rng.choice(methods)), BOMB))
            archive.writestr(zipfile.ZipInfo(name), content, method, compresslevel=1)
    data = bytearray(file.getvalue())
    for _ in range(rng.choice((0, 1, 1, 3))):
        _spoil_field(rng, data)
    return mutate.spoiled(rng, bytes(data)) if rng.random() < 0.3 else bytes(data)


def _spoil_field(rng: random.Random, data: bytearray) -> None:
    """Change a field of a local header, of a directory entry, or of the end of the archive."""
    kind, length = rng.choice(((b"PK\3\4", 30), (b"PK\1\2", 46), (b"PK\1\2", 46), (b"PK\5\6", 22)))
    starts = [found.start() for found in re.finditer(re.escape(kind), data)][:50]
    if not starts:
        return
    at = rng.choice(starts) + rng.randrange(4, length + 12)
    size = rng.choice((1, 2, 4))
    value = rng.choice((*mutate.INTEGERS, rng.randrange(2**32)))
    data[at : at + size] = (value % 256**size).to_bytes(size, "little")
