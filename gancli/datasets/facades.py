"""Building facades: 606 pairs of a photo (A) and its label map in 12 colours (B), for pix2pix.

Radim Tylecek, Radim Sara: Spatial Pattern Templates for Recognition of Objects with Regular
Structure (GCPR 2013), the CMP Facade Database. Isola et al. 2016, arXiv:1611.07004 (pix2pix),
published it as pairs side by side.

Two layouts in the data folder work. The archive of pix2pix has `facades/train` and `facades/test`
(or, without it, `facades/val`), pictures of 512x256 pixels with the photo on the left. CMP's own
archive has `facades/base`, with a .jpg and a .png of each facade; a tenth of its pairs is held out
as the test split.
"""

import gzip
import hashlib
import re
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from gancli.data import folder
from gancli.data.archives import MAX_PICTURE_BYTES, ZipMember, tar_files
from gancli.data.cmp import PALETTE
from gancli.data.decode import map_threaded
from gancli.data.folder import Notes, PictureFile
from gancli.data.pairs import SIZE, match_or_raise, read, read_pair
from gancli.data.pictures import Info, Pictures, Places
from gancli.data.transfer import download as transfer
from gancli.data.transfer import explain_write_errors
from gancli.errors import DataError, FileError, UsageError
from gancli.files import replacing, write_file
from gancli.reporting import Progress, Say, silent

INFO = Info(
    title="CMP Facades: photos of building facades and their label maps",
    size="256x256 colour, pairs of photo (A) and label map (B)",
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
FOLDERS = ("train", "val", "test", BASE)  # the folders of pictures in the archives
EXPECTED_PAIRS = {"train": 606, BASE: 378}  # pairs in the archive that has this folder
# The pictures in the archives. A name has letters that mean nothing else on any system.
PICTURE = re.compile(
    rf"(?:.*/)?(?P<folder>{'|'.join(FOLDERS)})/(?P<name>[A-Za-z0-9_-]+\.(?:jpg|png))", re.DOTALL
)
MAX_ARCHIVE_BYTES = 100_000_000  # packed or unpacked: both archives are well below this
MIRRORS = (
    "https://efrosgans.eecs.berkeley.edu/pix2pix/datasets/facades.tar.gz",
    "https://people.eecs.berkeley.edu/~tinghuiz/projects/pix2pix/datasets/facades.tar.gz",
    "https://cmp.felk.cvut.cz/~tylecr1/facade/CMP_facade_DB_base.zip",
)
MANUAL_HINT = (
    f"download it from {INFO.home}, then: gan datasets download facades --from "
    "CMP_facade_DB_base.zip; or use --dataset toy-facades, which needs no download"
)


def load(
    places: Places,
    split: str,
    size: int | None = None,
    say: Say = silent,
    progress: Progress = silent,
) -> Pictures:
    """Load the pairs of one split at `size` x `size` (default 256): photos A and label maps B, RGB.

    Every pixel of B has exactly one of the 12 palette colours. If this machine has no pairs, they
    are downloaded first. Raises DataError if there is nothing to read.
    """
    root = _find_local(places) or download(places, say, progress)
    by_split, notes = _find_splits(root)
    if not by_split[split]:
        raise DataError(f"{root} has no {split} pairs.", hint=MANUAL_HINT)
    pairs = Pictures(name=NAME, split=split, images=None, palette=PALETTE, notes=notes)
    chosen = by_split[split]
    return read(pairs, chosen, root, places, size or SIZE, "skip", say, progress)


def download(places: Places, say: Say = silent, progress: Progress = silent) -> Path:
    """Download the pairs unless they are here. Returns the folder that holds them.

    No hash of the archives was ever published. That of the first download is kept in the cache, and
    a later one must have the same.

    Raises DataError if no source serves a complete archive, FileError if it cannot be written.
    """
    if here := _find_local(places):
        return here
    say(f"facades: {INFO.terms}.")
    for url in MIRRORS:
        host, name = urlsplit(url).netloc, PurePosixPath(url).name
        try:
            with tempfile.TemporaryDirectory() as workdir:
                archive = Path(workdir, name)
                transfer(url, archive, progress, MAX_ARCHIVE_BYTES)
                digest = _digest_unless_changed(archive, record := _record(places, name))
                found = _unpack(archive, places, progress)
        except DataError as error:
            say(f"facades: {host}: {error.message}.")
        else:
            say(f"facades: downloaded from {host}, SHA-256 {digest}.")
            with suppress(FileError):  # a cache that cannot be written has no record
                write_file(record, f"{digest}  {name}\n".encode())
            return found
    raise DataError(
        "Could not download facades: no source is reachable or has a valid archive.",
        hint=MANUAL_HINT,
    )


def adopt(file: Path, places: Places, say: Say = silent, progress: Progress = silent) -> Path:
    """Unpack the archive `file`, which the user downloaded: that of pix2pix or CMP's own.

    Returns the folder. Raises UsageError if `file` does not exist, DataError if it is not a
    complete archive of facades, and FileError if the folder cannot be written.
    """
    if not file.is_file():
        raise UsageError(f"The file {file} does not exist.", hint=MANUAL_HINT)
    say(f"facades: {INFO.terms}.")
    try:
        return _unpack(file, places, progress)
    except DataError as error:
        raise DataError(f"{error.message}.", hint=error.hint) from error


def _record(places: Places, name: str) -> Path:
    """Return the file that holds the SHA-256 of the first download, in sha256sum's format."""
    return places.cache / f"{name}.sha256"


def _digest_unless_changed(archive: Path, record: Path) -> str:
    """Return the SHA-256 of `archive`. Raises DataError if `record` has another."""
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    if record.exists() and record.read_text("utf-8", "replace").partition(" ")[0] != digest:
        raise DataError(
            f"{archive.name} is not the file that was downloaded before; to accept it, delete "
            f"{record}"
        )
    return digest


def _find_local(places: Places) -> Path | None:
    """Return the folder of pairs, or None if this machine has none."""
    folders = [here for here in places.folders(NAME) if here.is_dir()]
    return next((f for f in folders if any((f / s).is_dir() for s in ("train", BASE))), None)


def _find_splits(root: Path) -> tuple[dict[str, list[PictureFile]], Notes]:
    """Return the pairs by split in either layout, and notes for the user."""
    if (root / "train").is_dir():
        return folder.find_splits(root)
    pairs = _cmp_pairs(root / BASE)
    return folder.hold_out_tenth(root, pairs)


def _cmp_pairs(root: Path) -> list[PictureFile]:
    """Return the pairs of CMP's own archive: a .jpg and a .png with the same name."""
    found = folder.find_pictures(root)
    photos = [f for f in found if f.path.suffix.lower() == ".jpg"]
    pairs, _ = match_or_raise(root, photos, [f for f in found if f.path.suffix.lower() == ".png"])
    return pairs


def _unpack(file: Path, places: Places, progress: Progress) -> Path:
    """Unpack an archive next to the data folder, check every pair, then rename it into place.

    It is valid if it has the expected number of pairs and all of them can be decoded. Raises
    DataError if it is not.
    """
    root = places.keep / NAME
    with explain_write_errors(root), replacing(root) as beside:
        for folder_name, name, data in _read_pictures(file):
            (beside / folder_name).mkdir(parents=True, exist_ok=True)
            (beside / folder_name / name).write_bytes(data)
        _check_pairs(file, beside, progress)
    return root


def _read_pictures(file: Path) -> Iterator[tuple[str, str, bytes]]:
    """Yield folder, name and contents of the pictures in a tar.gz or zip archive.

    Raises DataError if the archive is damaged, or if it or a picture is too large.
    """
    try:
        if file.stat().st_size > MAX_ARCHIVE_BYTES:
            raise DataError(f"it is larger than {MAX_ARCHIVE_BYTES // 10**6} MB")
        yield from _read_zip(file) if zipfile.is_zipfile(file) else _read_tar(file)
    except DataError as error:
        raise DataError(f"{file.name} is not usable: {error.message}", hint=MANUAL_HINT) from error
    except Exception as error:  # both modules raise many kinds of errors for damaged files
        raise DataError(f"{file.name} is not a complete archive", hint=MANUAL_HINT) from error


def _read_zip(file: Path) -> Iterator[tuple[str, str, bytes]]:
    total = 0
    with zipfile.ZipFile(file) as packed:
        for entry in packed.infolist():
            if place := _place(entry.filename, entry.file_size):
                data = ZipMember(packed, entry).open().getvalue()
                total += len(data)
                if total > MAX_ARCHIVE_BYTES:
                    raise DataError(f"it unpacks to more than {MAX_ARCHIVE_BYTES // 10**6} MB")
                yield *place, data


def _read_tar(file: Path) -> Iterator[tuple[str, str, bytes]]:
    with gzip.open(file) as unpacked:
        for entry in tar_files(unpacked, MAX_ARCHIVE_BYTES):
            if place := _place(entry.name, entry.size):
                unpacked.seek(entry.offset_data)
                yield *place, unpacked.read(entry.size)


def _place(name: str, size: int) -> tuple[str, str] | None:
    """Return folder and name of a picture, safe on any system, or None for another member.

    Raises DataError if it is larger than MAX_PICTURE_BYTES.
    """
    found = PICTURE.fullmatch(name)
    if found and size > MAX_PICTURE_BYTES:
        raise DataError(f"{name} is too large ({size / 1e6:,.0f} MB)")
    return (found["folder"], found["name"]) if found else None


def _check_pairs(file: Path, root: Path, progress: Progress) -> None:
    """Raise DataError unless `root` has all expected pairs and each can be decoded."""
    base = (root / BASE).is_dir()
    expected = EXPECTED_PAIRS[BASE if base else "train"]
    try:
        pairs = _cmp_pairs(root / BASE) if base else folder.find_pictures(root)
    except DataError:  # no photo has a label map
        pairs = []
    good = sum(map_threaded(_is_readable, pairs, progress))
    if good != len(pairs) or good != expected:
        raise DataError(
            f"{file.name} has {len(pairs)} pairs, {good} of them readable, instead of {expected}",
            hint=MANUAL_HINT,
        )


def _is_readable(pair: PictureFile) -> bool:
    """Return whether both pictures of a pair can be decoded and have the same size."""
    try:
        read_pair(pair)
    except DataError:
        return False
    return True
