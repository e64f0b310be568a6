"""Load pairs of pictures: side by side in one file, or in two folders A and B, matched by name.

Pairs are the data of image-to-image translation (pix2pix). A is the left half or the file in A. If
B is a label map, its colours are snapped to a palette.
"""

import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from gancli.data import cache
from gancli.data.decode import decode, write_rows
from gancli.data.folder import (
    TEST_FOLDERS,
    Notes,
    PictureFile,
    cache_path,
    file_stamp,
    find_pictures,
    find_splits,
    first_few,
    hold_out_tenth,
    sha256_of,
    unreadable_notes,
)
from gancli.data.halves import check_halves
from gancli.data.pictures import Pictures, Places
from gancli.data.rows import RowWriter
from gancli.errors import DataError
from gancli.reporting import Progress, Say, silent

VERSION = "pairs-1"  # part of the cache key: change it when finding or decoding changes
SIZE = 256  # the default, as in pix2pix
LAYOUT_HELP = (
    "give both files of a pair the same name in two folders A and B (or trainA and trainB), or put "
    "each pair side by side into one picture"
)
SINGLE_HELP = "to learn from single pictures: gan train dcgan --dataset"
Palette = tuple[tuple[str, tuple[int, int, int]], ...]


def load(
    places: Places,
    split: str,
    path: Path,
    size: int | None = None,
    broken: str = "skip",
    say: Say = silent,
    progress: Progress = silent,
) -> Pictures:
    """Load one split of the pairs in the folder `path`: `images` are A and `partners` are B, RGB.

    A and B are centre-cropped alike and resized to `size` (default 256). Files without a partner
    are skipped and named in `notes`. Pairs that are unreadable or whose A and B differ in size are
    skipped and named too, or with `broken="refuse"` raise DataError. The result stays in the cache
    until a file changes.

    Raises DataError if there is nothing to read, or if the pictures are not pairs.
    """
    by_split, notes = find_pairs(path)
    if not by_split[split]:
        raise DataError(
            f"{path} has no {split} pairs.",
            hint=f"put {split} pairs into {path / split}, or into {split}A and {split}B",
        )
    pairs = Pictures(name=path.resolve().name, split=split, images=None, notes=notes)
    return read(pairs, by_split[split], path, places, size or SIZE, broken, say, progress)


def find_pairs(path: Path) -> tuple[dict[str, list[PictureFile]], Notes]:
    """Return the pairs by split, and notes for the user. Raises DataError if there are none."""
    sides = two_folders(path)
    if not sides:
        return find_splits(path)  # each picture is then a pair side by side
    matched = {split: match_or_raise(path, *both) for split, both in sides.items()}
    if undivided := matched.get(""):
        pairs, skipped = undivided
        by_split, notes = hold_out_tenth(path, pairs)
        return by_split, skipped + notes
    by_split = {"test": [], **{split: pairs for split, (pairs, _) in matched.items()}}
    return by_split, tuple(note for _, notes in matched.values() for note in notes)


def two_folders(path: Path) -> dict[str, tuple[list[PictureFile], list[PictureFile]]]:
    """Return the files in A and in B by split; the split is "" if the folder has no splits.

    Returns {} if the folder is not laid out as A and B.
    """
    if train := _folders_of_split(path, "train"):
        held_out = (_folders_of_split(path, name) for name in TEST_FOLDERS)
        test = next(filter(None, held_out), None)
        return {"train": train, "test": test} if test else {"train": train}
    both = _folders_of_split(path, "")
    return {"": both} if both else {}


def _folders_of_split(path: Path, split: str) -> tuple[list[PictureFile], list[PictureFile]] | None:
    """Return the files of trainA and trainB, or of train/A and train/B, or None without them."""
    for a, b in (
        (path / f"{split}A", path / f"{split}B"),
        (path / split / "A", path / split / "B"),
    ):
        if a.is_dir() and b.is_dir() and (found := find_pictures(a)):
            return found, find_pictures(b)
    return None


def match_by_name(
    a: Sequence[PictureFile], b: Sequence[PictureFile]
) -> tuple[list[PictureFile], list[PictureFile]]:
    """Pair files whose names match up to the suffix. Returns the pairs and the unmatched files."""
    of_a, of_b = ({Path(f.name).with_suffix("").as_posix(): f for f in some} for some in (a, b))
    pairs = [replace(f, partner=of_b[name].path) for name, f in of_a.items() if name in of_b]
    paired = {path for f in pairs for path in (f.path, f.partner)}
    return pairs, [f for f in (*a, *b) if f.path not in paired]


def match_or_raise(
    path: Path, a: Sequence[PictureFile], b: Sequence[PictureFile]
) -> tuple[list[PictureFile], Notes]:
    """Return the pairs of A and B, and a note that names files without a partner.

    Raises DataError if there are none.
    """
    pairs, left = match_by_name(a, b)
    alone = sorted(str(f.path.relative_to(path)) for f in left)
    if not pairs:
        raise DataError(f"No pictures in {path} form a pair: no names match.", hint=LAYOUT_HELP)
    return pairs, (
        (f"Skipped files without a partner in {path}: {first_few(alone)}.",) if alone else ()
    )


def read(
    pairs: Pictures,
    found: Sequence[PictureFile],
    root: Path,
    places: Places,
    size: int,
    broken: str,
    say: Say,
    progress: Progress,
) -> Pictures:
    """Return `pairs` with the pixels of the files `found` under `root`, decoded once and cached.

    If `pairs` has a palette, B are label maps: each pixel becomes a colour of the palette.
    """
    files = sha256_of(VERSION, pairs.palette, pairs.notes, *map(file_stamp, found))

    def fill(into: RowWriter) -> Pictures:
        by_user = not pairs.palette  # a palette comes with a dataset, which is known to be pairs
        if by_user and pairs.split == "train" and found[0].partner is None:
            check_halves(root, found, f"{LAYOUT_HELP}; {SINGLE_HELP} {shlex.quote(str(root))}")
        say(f"{root}: decoding {len(found):,} pairs into the cache.")
        reasons = decode_all(into, found, size, pairs.palette, progress)
        notes = unreadable_notes(root, [f.name for f in found], reasons, broken)
        return replace(pairs, notes=pairs.notes + notes)

    # A cache file made with "refuse" has no broken pairs, so it serves "skip" too.
    options = dict.fromkeys((broken, "refuse"))
    paths = [cache_path(places, root, pairs.split, "A and B", size, option) for option in options]
    return cache.load_or_create(paths, files, fill, say)


def decode_all(
    into: RowWriter,
    found: Sequence[PictureFile],
    size: int,
    palette: Palette = (),
    progress: Progress = silent,
) -> list[str]:
    """Decode pairs and append each readable one as a row (2, size, size, 3), uint8, RGB.

    Returns for each pair the reason why it is unreadable, or "" if it was written.
    """

    def read(pair: PictureFile, row: Any) -> str:
        try:
            first, second = read_pair(pair)
        except DataError as error:
            return error.message
        row[0] = np.asarray(ImageOps.fit(first, (size, size), Image.Resampling.LANCZOS))
        row[1] = snap_to_palette(second, size, palette)
        return ""

    return write_rows(into, (2, size, size, 3), found, read, progress)


def read_pair(pair: PictureFile) -> tuple[Image.Image, Image.Image]:
    """Decode A and B of one pair to RGB. Raises DataError if one is broken or the sizes differ."""
    if pair.partner is None:
        return split(decode(pair.path))
    a, b = decode(pair.path).convert("RGB"), decode(pair.partner).convert("RGB")
    if a.size != b.size:
        (width_a, height_a), (width_b, height_b) = a.size, b.size
        raise DataError(f"A is {width_a}x{height_a}, but B is {width_b}x{height_b}")
    return a, b


def split(picture: Image.Image) -> tuple[Image.Image, Image.Image]:
    """Split a picture into its left and right halves, RGB. Raises DataError if the width is odd."""
    width, height = picture.size
    if width % 2 or width < 2:
        raise DataError(f"not two pictures side by side: its width, {width} pixels, is odd")
    picture, half = picture.convert("RGB"), width // 2
    return picture.crop((0, 0, half, height)), picture.crop((half, 0, width, height))


def snap_to_palette(picture: Image.Image, size: int, palette: Palette) -> Any:
    """Resize to uint8 (size, size, 3); with a `palette`, every pixel is one of its colours.

    JPEG blurs the edges between labels. So each pixel first becomes its nearest palette colour, and
    resizing then uses nearest neighbour, which mixes no colours.
    """
    if not palette:
        return np.asarray(ImageOps.fit(picture, (size, size), Image.Resampling.LANCZOS))
    label_map = Image.fromarray(palette_array(palette)[nearest(np.asarray(picture), palette)])
    return np.asarray(ImageOps.fit(label_map, (size, size), Image.Resampling.NEAREST))


def palette_array(palette: Palette) -> Any:
    """Return the colours of a palette, uint8 (K, 3)."""
    return np.array([colour for _, colour in palette], np.uint8)


def nearest(picture: Any, palette: Palette) -> Any:
    """Return for each pixel of uint8 (..., 3) the index of the nearest colour in `palette`."""
    # |p - c|^2 = |p|^2 - 2 p.c + |c|^2, where |p|^2 is the same for every c. The negated rest is
    # one matrix product.
    table = palette_array(palette).astype(np.float32)
    scores = picture.astype(np.float32) @ (2 * table.T) - np.square(table).sum(1)
    return scores.argmax(-1)
