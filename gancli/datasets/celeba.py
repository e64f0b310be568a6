"""Faces: 202,599 aligned colour pictures of celebrities, for research alone.

Ziwei Liu, Ping Luo, Xiaogang Wang, Xiaoou Tang: Deep Learning Face Attributes in the Wild (ICCV
2015), arXiv:1411.7766.

The pictures lie in the data folder as `celeba/img_align_celeba.zip`, which is read without being
unpacked, or in the folder `celeba/img_align_celeba`; the archive, being whole, goes before the
folder, which may hold a part. Their own partition goes by the number in a file's name: 1 to 162770
are for training, 182638 to 202599 for testing, and those between, meant for validation, are left
alone. Where hardly any of the pictures are beyond 182637, a tenth of all is held out instead.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from zipfile import BadZipFile, ZipFile
from zipfile import Path as Member

from PIL import Image

from gancli.data import cache, folder
from gancli.data.decode import SUFFIXES, decode_all
from gancli.data.folder import Found, Notes
from gancli.data.pictures import Info, Pictures, Places
from gancli.data.rows import RowWriter
from gancli.data.sources import Folder, Mirror, Source, fetch
from gancli.data.transfer import writing
from gancli.data.verify import File, verified
from gancli.errors import DataError, UsageError
from gancli.files import replacing
from gancli.reporting import Progress, Say, silent

INFO = Info(
    title="CelebA: aligned faces of celebrities",
    size="178x218 colour; the square of 128 about the face, resized, to 64x64 if nothing is asked",
    train=162_770,
    test=19_962,
    terms="non-commercial research only, no redistribution, nor of any part; cite Liu, Luo, Wang "
    "and Tang, Deep Learning Face Attributes in the Wild (ICCV 2015)",
    home="https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
)
SCALES = True

NAME = "celeba"
FOLDER = "img_align_celeba"
VERSION = "celeba-1"  # of how faces are cut, fitted and parted
SIZE = 64
ALL = 202_599
OWN = {"train": range(1, 162_771), "test": range(182_638, 202_600)}  # by number
BOXES = {  # left, top, right, bottom by width and height
    (178, 218): (25, 50, 153, 178),
    (89, 109): (0, 10, 89, 99),  # half size: everything across, a little more than above
}
ARCHIVE = File(
    name="img_align_celeba.zip",
    sha256="46fb89443c578308acf364d7d379fe1b9efb793042c0af734b6112e4fd3a8c74",
    size=1_443_490_838,
)
MIRRORS: tuple[Source, ...] = (
    Mirror("https://s3.amazonaws.com/pytorch-tutorial-assets"),
    Mirror("https://graal.ift.ulaval.ca/public/celeba"),
    Mirror("https://cseweb.ucsd.edu/~weijian/static/datasets/celeba"),
    Mirror(  # where its authors put it; often no more than a page about a quota comes
        "https://drive.usercontent.google.com/download"
        "?id=0B7EVK8r0v71pZjFTYXZWM3FlRnM&export=download&confirm=t",
        whole=True,
    ),
)
BY_HAND = f"Download it from {INFO.home}, then: gan datasets download celeba --from {ARCHIVE.name}"
UNPACKED = f"If it holds the pictures all the same, unpack them into DATA_DIR/{NAME}/{FOLDER}."


def load(
    places: Places,
    split: str,
    size: int | None = None,
    say: Say = silent,
    progress: Progress = silent,
) -> Pictures:
    """The faces of one split at `size` x `size` (64), uint8 (N, size, size, 3), without labels.

    They are cut to a square about the face, resized once, and kept in the cache until a file
    changes; downloaded first where there are none. Unreadable files are skipped and named.

    Raises DataError where there is nothing to read, or pictures of other sizes.
    """
    root = _here(places) or download(places, say, progress) / ARCHIVE.name
    side = size or SIZE
    with _faces(root) as faces:
        chosen, notes = _of_split(root, faces, split)
        stamped = chosen if root.is_dir() else [Found(path=root, name=root.name, group="")]
        key = folder.hashed(VERSION, *map(folder.stamp, stamped))

        def fill(into: RowWriter) -> Pictures:
            say(f"{root}: reading {len(chosen):,} pictures, once.")
            paths = [f.path for f in chosen]
            reasons = decode_all(into, paths, side, 3, progress, partial(_face, root))
            skipped = folder.complaints(root, [p.name for p in paths], reasons, "skip")
            return Pictures(name=NAME, split=split, images=None, notes=notes + skipped)

        return cache.once([folder.kept_at(places, root, split, NAME, side)], key, fill, say)


def download(places: Places, say: Say = silent, progress: Progress = silent) -> Path:
    """Have all pictures on this machine; the folder that they or their archive lie in."""
    for here in places.folders(NAME):
        if not (here / ARCHIVE.name).exists() and len(folder.pictures_in(here / FOLDER)) >= ALL:
            return here
    say(f"celeba: {INFO.terms}.")
    sources = [*map(Folder, places.folders(NAME)), *MIRRORS]
    try:
        found = fetch(NAME, [ARCHIVE], sources, places.keep / NAME, say, progress)
    except DataError as error:
        raise DataError(error.message, hint=BY_HAND) from error
    return found[ARCHIVE.name].parent


def adopt(file: Path, places: Places, say: Say = silent, progress: Progress = silent) -> Path:
    """Copy the archive `file`, downloaded by hand, into the data folder; the folder it lies in.

    Raises UsageError where there is none, DataError where it is not the archive, and FileError
    where it cannot be put there.
    """
    if not file.is_file():
        raise UsageError(f"There is no file {file}.", hint=BY_HAND)
    say(f"celeba: {INFO.terms}.")
    target = places.keep / NAME / ARCHIVE.name
    try:
        with writing(target), replacing(target) as beside, beside.open("wb") as out:
            for block in verified(file, ARCHIVE):
                out.write(block)
                progress(file.name, out.tell(), ARCHIVE.size)
    except DataError as error:
        raise DataError(f"{error.message}.", hint=UNPACKED) from error
    return target.parent


def _here(places: Places) -> Path | None:
    """The archive, or else the folder of pictures, where this machine has one."""
    folders = places.folders(NAME)
    archives = (path for here in folders if (path := here / ARCHIVE.name).is_file())
    unpacked = (path for here in folders if (path := here / FOLDER).is_dir())
    return next(archives, None) or next(unpacked, None)


@contextmanager
def _faces(root: Path) -> Iterator[list[Found]]:
    """Every picture that has a number, in a folder or, while this lasts, in an archive."""
    if root.is_dir():
        yield [f for f in folder.pictures_in(root) if _number(f)]
        return
    try:
        archive = ZipFile(root)
    except (OSError, BadZipFile) as error:
        raise DataError(
            f"{root} is no archive that can be read.", hint="gan datasets download celeba"
        ) from error
    with archive:
        members = [
            Found(path=Member(archive, name), name=PurePosixPath(name).name, group="")
            for name in sorted(archive.namelist())
            if PurePosixPath(name).suffix.lower() in SUFFIXES
        ]
        yield [f for f in members if _number(f)]


def _number(face: Found) -> int:
    """The number that names a picture; 0 where none does."""
    stem = PurePosixPath(face.name).stem
    return int(stem) if stem.isdecimal() else 0


def _of_split(root: Path, faces: Sequence[Found], split: str) -> tuple[list[Found], Notes]:
    """The pictures of one split, by CelebA's own partition, or of a part of it by a tenth."""
    if not faces:
        raise DataError(
            f"There are no pictures of CelebA in {root}: none is named by a number.",
            hint="gan datasets download celeba",
        )
    parted = {name: [f for f in faces if _number(f) in own] for name, own in OWN.items()}
    notes: Notes = ()
    if min(map(len, parted.values())) < folder.FEW:
        parted, notes = folder.tenth(root, faces)
        notes += (f"CelebA's own test pictures, {OWN['test'][0]}.jpg and on, are not there.",)
    if not parted[split]:
        raise DataError(
            f"There are no {split} pictures in {root}.", hint="gan datasets download celeba"
        )
    return parted[split], notes


def _face(root: Path, picture: Image.Image) -> Image.Image:
    """The square about the face."""
    if box := BOXES.get(picture.size):
        return picture.crop(box)
    width, height = picture.size
    raise DataError(
        f"A picture in {root} is {width}x{height}: CelebA's are 178x218, or 89x109 at half size.",
        hint=f"--dataset {root} takes pictures of any size" if root.is_dir() else None,
    )
