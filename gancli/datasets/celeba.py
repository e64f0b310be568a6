"""Faces of celebrities: 202,599 aligned colour photos; for non-commercial research only.

Ziwei Liu, Ping Luo, Xiaogang Wang, Xiaoou Tang: Deep Learning Face Attributes in the Wild (ICCV
2015), arXiv:1411.7766.

The pictures are read from `celeba/img_align_celeba.zip` in the data folder, without unpacking it,
or from the folder `celeba/img_align_celeba`. The archive comes first, because the folder may hold
only a part of the pictures. The official split goes by the number in the file name: 1 to 162770 are
for training and 182638 to 202599 for testing; the validation pictures between them are not used. If
one of the two splits has almost no pictures, a tenth of all pictures is held out instead.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from zipfile import ZipFile

from PIL import Image

from gancli.data import cache, folder
from gancli.data.archives import ZipMember
from gancli.data.decode import SUFFIXES, decode_all
from gancli.data.folder import Notes, PictureFile
from gancli.data.pictures import Info, Pictures, Places
from gancli.data.rows import RowWriter
from gancli.data.sources import Folder, Mirror, Source, fetch
from gancli.data.transfer import explain_write_errors
from gancli.data.verify import File, read_verified
from gancli.errors import DataError, UsageError
from gancli.files import replacing
from gancli.reporting import Progress, Say, silent

INFO = Info(
    title="CelebA: aligned faces of celebrities",
    size="178x218 colour; cropped to 128x128 around the face, then resized (default: 64x64)",
    train=162_770,
    test=19_962,
    terms="non-commercial research only, no redistribution of all or any part; cite Liu, Luo, Wang "
    "and Tang, Deep Learning Face Attributes in the Wild (ICCV 2015)",
    home="https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
)
SCALES = True

NAME = "celeba"
FOLDER = "img_align_celeba"
VERSION = "celeba-1"  # part of the cache key: change it when cropping or the splits change
SIZE = 64
TOTAL = 202_599
OFFICIAL_SPLITS = {"train": range(1, 162_771), "test": range(182_638, 202_600)}  # file numbers
CROP_BOXES = {  # (width, height) -> (left, top, right, bottom)
    (178, 218): (25, 50, 153, 178),
    (89, 109): (0, 10, 89, 99),  # half size: the full width, so a wider crop than above
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
    Mirror(  # the authors' own copy; Google Drive often sends a "quota exceeded" page instead
        "https://drive.usercontent.google.com/download"
        "?id=0B7EVK8r0v71pZjFTYXZWM3FlRnM&export=download&confirm=t",
        single_file=True,
    ),
)
MANUAL_HINT = (
    f"download it from {INFO.home}, then: gan datasets download celeba --from {ARCHIVE.name}"
)
UNPACK_HINT = f"if you trust this archive, unpack its pictures into DATA_DIR/{NAME}/{FOLDER}"


def load(
    places: Places,
    split: str,
    size: int | None = None,
    say: Say = silent,
    progress: Progress = silent,
) -> Pictures:
    """Load the faces of one split, uint8 (N, size, size, 3) with `size` 64 by default; no labels.

    Each picture is cropped to a square around the face and resized. The result stays in the cache
    until a file changes. If this machine has no pictures, they are downloaded first. Unreadable
    files are skipped and named in `notes`.

    Raises DataError if there is nothing to read, or if a picture has an unexpected size.
    """
    root = _find_local(places) or download(places, say, progress) / ARCHIVE.name
    side = size or SIZE
    with _open_faces(root) as faces:
        chosen, notes = _find_split(root, faces, split)
        stamped = chosen if root.is_dir() else [PictureFile(path=root, name=root.name, group="")]
        key = folder.sha256_of(VERSION, *map(folder.file_stamp, stamped))

        def fill(into: RowWriter) -> Pictures:
            say(f"{root}: decoding {len(chosen):,} pictures into the cache.")
            paths = [f.path for f in chosen]
            reasons = decode_all(into, paths, side, 3, progress, partial(_crop_face, root))
            skipped = folder.unreadable_notes(root, [p.name for p in paths], reasons, "skip")
            return Pictures(name=NAME, split=split, images=None, notes=notes + skipped)

        return cache.load_or_create(
            [folder.cache_path(places, root, split, NAME, side)], key, fill, say
        )


def download(places: Places, say: Say = silent, progress: Progress = silent) -> Path:
    """Download the archive unless all pictures are here. Returns the folder that holds them.

    Raises DataError if no source has the archive, and FileError if it cannot be written.
    """
    for here in places.folders(NAME):
        if not (here / ARCHIVE.name).exists() and len(folder.find_pictures(here / FOLDER)) >= TOTAL:
            return here
    say(f"celeba: {INFO.terms}.")
    sources = [*map(Folder, places.folders(NAME)), *MIRRORS]
    try:
        found = fetch(NAME, [ARCHIVE], sources, places.keep / NAME, say, progress)
    except DataError as error:
        raise DataError(error.message, hint=MANUAL_HINT) from error
    return found[ARCHIVE.name].parent


def adopt(file: Path, places: Places, say: Say = silent, progress: Progress = silent) -> Path:
    """Verify the archive `file`, which the user downloaded, and copy it into the data folder.

    Returns the folder of the copy. Raises UsageError if `file` does not exist, DataError if it is
    not the archive of CelebA, and FileError if the copy cannot be written.
    """
    if not file.is_file():
        raise UsageError(f"The file {file} does not exist.", hint=MANUAL_HINT)
    say(f"celeba: {INFO.terms}.")
    target = places.keep / NAME / ARCHIVE.name
    try:
        with explain_write_errors(target), replacing(target) as beside, beside.open("wb") as out:
            for block in read_verified(file, ARCHIVE):
                out.write(block)
                progress(file.name, out.tell(), ARCHIVE.size)
    except DataError as error:
        raise DataError(f"{error.message}.", hint=UNPACK_HINT) from error
    return target.parent


def _find_local(places: Places) -> Path | None:
    """Return the archive, else the folder of pictures, else None."""
    folders = places.folders(NAME)
    archives = (path for here in folders if (path := here / ARCHIVE.name).is_file())
    unpacked = (path for here in folders if (path := here / FOLDER).is_dir())
    return next(archives, None) or next(unpacked, None)


@contextmanager
def _open_faces(root: Path) -> Iterator[list[PictureFile]]:
    """Yield the pictures with a number as name, from a folder or an archive.

    Pictures from an archive can be read only inside the `with` block. Raises DataError if the
    archive cannot be opened.
    """
    if root.is_dir():
        yield [f for f in folder.find_pictures(root) if _number(f)]
        return
    try:
        archive = ZipFile(root)
    except Exception as error:  # zipfile raises many kinds of errors for damaged files
        raise DataError(
            f"{root} is not a readable zip archive.", hint="gan datasets download celeba"
        ) from error
    with archive:
        members = [
            PictureFile(path=(path := ZipMember(archive, entry)), name=path.name, group="")
            for entry in sorted(archive.infolist(), key=lambda entry: entry.filename)
            if PurePosixPath(entry.filename).suffix.lower() in SUFFIXES
        ]
        yield [f for f in members if _number(f)]


def _number(face: PictureFile) -> int:
    """Return the number in a picture's name, or 0 if its name is not a number."""
    stem = PurePosixPath(face.name).stem
    return int(stem) if stem.isdecimal() and len(stem) < 10 else 0


def _find_split(
    root: Path, faces: Sequence[PictureFile], split: str
) -> tuple[list[PictureFile], Notes]:
    """Return the pictures of one split, and notes: the official split, or a held-out tenth.

    Raises DataError if `faces` is empty.
    """
    if not faces:
        raise DataError(
            f"{root} contains no CelebA pictures: no file is named like 000001.jpg.",
            hint="gan datasets download celeba",
        )
    by_split = {
        name: [f for f in faces if _number(f) in own] for name, own in OFFICIAL_SPLITS.items()
    }
    notes: Notes = ()
    if min(map(len, by_split.values())) < folder.MIN_FOR_HOLDOUT:
        by_split, notes = folder.hold_out_tenth(root, faces)
        notes += (
            f"The official test pictures, {OFFICIAL_SPLITS['test'][0]}.jpg and up, are missing.",
        )
    if not by_split[split]:
        raise DataError(f"{root} has no {split} pictures.", hint="gan datasets download celeba")
    return by_split[split], notes


def _crop_face(root: Path, picture: Image.Image) -> Image.Image:
    """Crop a picture to the square around the face. Raises DataError for an unexpected size."""
    if box := CROP_BOXES.get(picture.size):
        return picture.crop(box)
    width, height = picture.size
    raise DataError(
        f"A picture in {root} is {width}x{height}. CelebA has 178x218, or 89x109 at half size.",
        hint=f"use --dataset {root}, which accepts pictures of any size" if root.is_dir() else None,
    )
