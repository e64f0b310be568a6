"""Building fronts: photos (A) and their label maps in 12 colours (B), side by side.

Radim Tylecek, Radim Sara: Spatial Pattern Templates for Recognition of Objects with Regular
Structure (GCPR 2013), the CMP Facade Database; in pairs side by side by Isola et al. 2016,
arXiv:1611.07004.

They lie in the data folder as `facades/train` with `facades/test` or `facades/val` (the former
where there are both), 512x256 pixels, photo on the left. CMP's own base archive lies in
`facades/base`, a .jpg and a .png of each front, and a tenth of it is held out.
"""

import gzip
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from gancli.data import folder
from gancli.data.cmp import PALETTE
from gancli.data.decode import each
from gancli.data.folder import Found, Notes
from gancli.data.pairs import SIZE, halves, matched, read
from gancli.data.pictures import Info, Pictures, Places
from gancli.data.transfer import download as transfer
from gancli.data.transfer import writing
from gancli.errors import DataError, UsageError
from gancli.files import replacing
from gancli.reporting import Progress, Say, silent

INFO = Info(
    title="CMP Facades: photos of building fronts and their label maps",
    size="256x256 colour, photo (A) and label map (B)",
    train=400,
    test=106,
    terms="for research; cite Tylecek and Sara, Spatial Pattern Templates for Recognition of "
    "Objects with Regular Structure (GCPR 2013)",
    home="https://cmp.felk.cvut.cz/~tylecr1/facade/",
)
SCALES = True
PAIRS = True

NAME = "facades"
BASE = "base"
PARTS = ("train", "val", "test", BASE)  # folders in the archives
ALL = {"train": 606, BASE: 378}  # pairs in an archive, by a folder in it
LIMIT = 100_000_000  # bytes; both archives are well below
LARGEST = 10_000_000  # bytes of one picture; theirs have a hundredth of that
MIRRORS = (
    "https://efrosgans.eecs.berkeley.edu/pix2pix/datasets/facades.tar.gz",
    "https://people.eecs.berkeley.edu/~tinghuiz/projects/pix2pix/datasets/facades.tar.gz",
    "https://cmp.felk.cvut.cz/~tylecr1/facade/CMP_facade_DB_base.zip",
)
DAMAGED = (
    *(tarfile.TarError, gzip.BadGzipFile, zipfile.BadZipFile, zlib.error, EOFError),
    RuntimeError,  # zipfile's, for what is encrypted or packed in a way it does not know
)
BY_HAND = (
    f"Download it from {INFO.home}, then: gan datasets download facades --from "
    "CMP_facade_DB_base.zip. Without any download: --dataset toy-facades"
)


def load(
    places: Places,
    split: str,
    size: int | None = None,
    say: Say = silent,
    progress: Progress = silent,
) -> Pictures:
    """The pairs of one split at `size` x `size` (256): photos A and label maps B, both in colour.

    Every pixel of B has one of the 12 colours of the palette exactly. Downloaded first where there
    are none. Raises DataError where there is nothing to read.
    """
    root = _here(places) or download(places, say, progress)
    every, notes = _splits(root)
    if not every[split]:
        raise DataError(f"There are no {split} pairs in {root}.", hint=BY_HAND)
    pairs = Pictures(name=NAME, split=split, images=None, palette=PALETTE, notes=notes)
    chosen = every[split]
    return read(pairs, chosen, root, places, size or SIZE, "skip", say, progress)


def download(places: Places, say: Say = silent, progress: Progress = silent) -> Path:
    """Have the pairs on this machine; the folder that they lie in."""
    if here := _here(places):
        return here
    say(f"facades: {INFO.terms}.")
    for url in MIRRORS:
        host, name = urlsplit(url).netloc, PurePosixPath(url).name
        try:
            with tempfile.TemporaryDirectory() as room:
                transfer(url, Path(room, name), progress, LIMIT)
                found = _unpacked(Path(room, name), places, progress)
        except DataError as error:
            say(f"facades: {host}: {error.message}.")
        else:
            say(f"facades: from {host}.")
            return found
    raise DataError("The facades are to be had from no source.", hint=BY_HAND)


def adopt(file: Path, places: Places, say: Say = silent, progress: Progress = silent) -> Path:
    """Unpack an archive downloaded by hand, of pairs side by side or CMP's own; the folder.

    Raises UsageError where there is none, DataError where it is not what it should be, and
    FileError where the folder cannot be put there.
    """
    if not file.is_file():
        raise UsageError(f"There is no file {file}.", hint=BY_HAND)
    say(f"facades: {INFO.terms}.")
    try:
        return _unpacked(file, places, progress)
    except DataError as error:
        raise DataError(f"{error.message}.", hint=error.hint) from error


def _here(places: Places) -> Path | None:
    """The folder of pairs, where this machine has one."""
    folders = [here for here in places.folders(NAME) if here.is_dir()]
    return next((f for f in folders if any((f / s).is_dir() for s in ("train", BASE))), None)


def _splits(root: Path) -> tuple[dict[str, list[Found]], Notes]:
    if (root / "train").is_dir():
        return folder.splits(root)
    pairs = _base(root / BASE)
    return folder.tenth(root, pairs)


def _base(root: Path) -> list[Found]:
    """CMP's own pairs: a photo and a label map of the same name."""
    found = folder.pictures_in(root)
    photos = [f for f in found if f.path.suffix.lower() == ".jpg"]
    pairs, _ = matched(root, photos, [f for f in found if f.path.suffix.lower() == ".png"])
    return pairs


def _unpacked(file: Path, places: Places, progress: Progress) -> Path:
    """Unpack an archive, look at every pair, and only then give the folder its name.

    No hash of these archives was ever published: what one is known by is the number of its pairs,
    all of them readable. Raises DataError where it is not what it should be.
    """
    root = places.keep / NAME
    with writing(root), replacing(root) as beside:
        for name, data in _members(file):
            inside = beside / _inside(name)
            inside.parent.mkdir(parents=True, exist_ok=True)
            inside.write_bytes(data)
        _check(file, beside, progress)
    return root


def _inside(name: str) -> Path:
    """Where a member of an archive lies: its folder and its name."""
    return Path(*PurePosixPath(name).parts[-2:])


def _members(file: Path) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the pictures in a tar or zip archive, of LARGEST bytes at most."""
    try:
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as packed:
                for entry in packed.infolist():
                    if _wanted(file, entry.filename, entry.file_size):
                        yield entry.filename, packed.read(entry)
        else:
            with tarfile.open(file, "r:gz") as tar:
                for member in filter(tarfile.TarInfo.isfile, tar):
                    wanted = _wanted(file, member.name, member.size)
                    if wanted and (found := tar.extractfile(member)):
                        yield member.name, found.read()
    except DAMAGED as error:
        raise DataError(f"{file.name} is no whole archive", hint=BY_HAND) from error


def _wanted(file: Path, name: str, size: int) -> bool:
    """Whether a member is one of the pictures. Raises DataError for one that is too large."""
    inside = _inside(name)
    wanted = inside.parent.name in PARTS and inside.suffix in (".jpg", ".png")
    if wanted and size > LARGEST:
        raise DataError(f"{file.name} holds {name} of {size / 1e6:.0f} MB", hint=BY_HAND)
    return wanted


def _check(file: Path, root: Path, progress: Progress) -> None:
    """Raise DataError unless `root` holds all pairs of an archive, and none is broken."""
    base = (root / BASE).is_dir()
    expected = ALL[BASE if base else "train"]
    try:
        pairs = _base(root / BASE) if base else folder.pictures_in(root)
    except DataError:  # no photo has its map
        pairs = []
    good = sum(each(_is_whole, pairs, progress))
    if good != len(pairs) or good != expected:
        raise DataError(f"{file.name} holds {good} of {expected} pairs", hint=BY_HAND)


def _is_whole(pair: Found) -> bool:
    try:
        halves(pair)
    except DataError:
        return False
    return True
