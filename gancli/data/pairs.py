"""Pairs of pictures from files: side by side in one, or in two folders matched by name."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from gancli.data import cache
from gancli.data.decode import decode, write_all
from gancli.data.folder import (
    TEST_FOLDERS,
    Found,
    Notes,
    complaints,
    hashed,
    kept_at,
    pictures_in,
    shortened,
    splits,
    stamp,
    tenth,
)
from gancli.data.pictures import Pictures, Places
from gancli.data.rows import RowWriter
from gancli.errors import DataError
from gancli.reporting import Progress, Say, silent

VERSION = "pairs-1"  # of how pairs are found, decoded and fitted
SIZE = 256  # where nobody asks for another
LAYOUTS = (
    "Pairs lie side by side in one picture, or in two folders A and B (also trainA and trainB) "
    "under the same names."
)
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
    """The pairs of one split of the folder `path`: `images` are A, `partners` B, in colour.

    Both halves are cropped alike about their centre and resized to `size` (256). Files without a
    partner are named and skipped; what cannot be read, or has halves of different sizes, is named,
    and skipped or refused as `broken` says. The result is kept in the cache until a file changes.

    Raises DataError where there is nothing to read.
    """
    every, notes = of_folder(path)
    if not every[split]:
        raise DataError(
            f"There are no {split} pairs in {path}.",
            hint=f"Put some of them into {path / split}, or into {split}A and {split}B.",
        )
    pairs = Pictures(name=path.resolve().name, split=split, images=None, notes=notes)
    return read(pairs, every[split], path, places, size or SIZE, broken, say, progress)


def of_folder(path: Path) -> tuple[dict[str, list[Found]], Notes]:
    """Every pair by split, and notes. Raises DataError where there is no picture."""
    laid_out = sides(path)
    if not laid_out:
        return splits(path)
    by_split = {split: matched(path, *both) for split, both in laid_out.items()}
    if whole := by_split.get(""):
        every, notes = tenth(path, whole[0])
        return every, whole[1] + notes
    every = {"test": [], **{split: pairs for split, (pairs, _) in by_split.items()}}
    return every, tuple(note for _, notes in by_split.values() for note in notes)


def sides(path: Path) -> dict[str, tuple[list[Found], list[Found]]]:
    """The files in A and those in B, by split, which is "" where the folder names none.

    Empty where pairs do not lie in two folders.
    """
    if train := _two_folders(path, "train"):
        held_out = (_two_folders(path, name) for name in TEST_FOLDERS)
        test = next(filter(None, held_out), None)
        return {"train": train, "test": test} if test else {"train": train}
    both = _two_folders(path, "")
    return {"": both} if both else {}


def _two_folders(path: Path, split: str) -> tuple[list[Found], list[Found]] | None:
    """What lies in trainA and trainB, or in train/A and train/B."""
    for a, b in (
        (path / f"{split}A", path / f"{split}B"),
        (path / split / "A", path / split / "B"),
    ):
        if a.is_dir() and b.is_dir() and (found := pictures_in(a)):
            return found, pictures_in(b)
    return None


def match(a: Sequence[Found], b: Sequence[Found]) -> tuple[list[Found], list[Found]]:
    """Pairs of files under the same name but for the suffix, and those that are left over."""
    of_a, of_b = ({Path(f.name).with_suffix("").as_posix(): f for f in some} for some in (a, b))
    pairs = [replace(f, partner=of_b[name].path) for name, f in of_a.items() if name in of_b]
    paired = {path for f in pairs for path in (f.path, f.partner)}
    return pairs, [f for f in (*a, *b) if f.path not in paired]


def matched(path: Path, a: Sequence[Found], b: Sequence[Found]) -> tuple[list[Found], Notes]:
    """The pairs below `path`, and a note on what is left over. DataError where there is none."""
    pairs, left = match(a, b)
    alone = sorted(str(f.path.relative_to(path)) for f in left)
    if not pairs:
        raise DataError(f"No two pictures in {path} go by the same name.", hint=LAYOUTS)
    return pairs, (
        (f"Skipped in {path}, as they have no partner: {shortened(alone)}.",) if alone else ()
    )


def read(
    pairs: Pictures,
    found: Sequence[Found],
    root: Path,
    places: Places,
    size: int,
    broken: str,
    say: Say,
    progress: Progress,
) -> Pictures:
    """`pairs` with the pictures of the files `found` below `root`, by way of the cache.

    Where `pairs` has a palette, B are label maps, of its colours alone.
    """
    files = hashed(VERSION, pairs.palette, pairs.notes, *map(stamp, found))

    def fill(into: RowWriter) -> Pictures:
        say(f"{root}: reading {len(found):,} pairs, once.")
        reasons = decode_all(into, found, size, pairs.palette, progress)
        notes = complaints(root, [f.name for f in found], reasons, broken)
        return replace(pairs, notes=pairs.notes + notes)

    # What was read whole serves either wish.
    wishes = dict.fromkeys((broken, "refuse"))
    paths = [kept_at(places, root, pairs.split, "A and B", size, wish) for wish in wishes]
    return cache.once(paths, files, fill, say)


def decode_all(
    into: RowWriter,
    found: Sequence[Found],
    size: int,
    palette: Palette = (),
    progress: Progress = silent,
) -> list[str]:
    """Write every readable pair, as uint8 (2, size, size, 3), in colour; why others are not."""

    def read(pair: Found, row: Any) -> str:
        try:
            first, second = halves(pair)
        except DataError as error:
            return error.message
        row[0] = np.asarray(ImageOps.fit(first, (size, size), Image.Resampling.LANCZOS))
        row[1] = snapped(second, size, palette)
        return ""

    return write_all(into, (2, size, size, 3), found, read, progress)


def halves(pair: Found) -> tuple[Image.Image, Image.Image]:
    """A and B of one pair, RGB and of one size. Raises DataError where they are not."""
    if pair.partner is None:
        return split(decode(pair.path))
    a, b = decode(pair.path).convert("RGB"), decode(pair.partner).convert("RGB")
    if a.size != b.size:
        (w, h), (v, g) = a.size, b.size
        raise DataError(f"A is {w}x{h}, B {v}x{g}")
    return a, b


def split(picture: Image.Image) -> tuple[Image.Image, Image.Image]:
    """The left and the right half. Raises DataError for a picture that cannot be two."""
    width, height = picture.size
    if width % 2 or width < 2:
        raise DataError(f"no two pictures side by side: {width} pixels wide")
    picture, half = picture.convert("RGB"), width // 2
    return picture.crop((0, 0, half, height)), picture.crop((half, 0, width, height))


def snapped(picture: Image.Image, size: int, palette: Palette) -> Any:
    """uint8 (size, size, 3), every pixel the nearest colour of `palette`, if there is one.

    JPEG blurs the edges between labels: colours are set right first and then resized unmixed.
    """
    if not palette:
        return np.asarray(ImageOps.fit(picture, (size, size), Image.Resampling.LANCZOS))
    crisp = Image.fromarray(colours(palette)[nearest(np.asarray(picture), palette)])
    return np.asarray(ImageOps.fit(crisp, (size, size), Image.Resampling.NEAREST))


def colours(palette: Palette) -> Any:
    """uint8 (K, 3)."""
    return np.array([colour for _, colour in palette], np.uint8)


def nearest(picture: Any, palette: Palette) -> Any:
    """The index in `palette` of the colour nearest to each pixel of uint8 (..., 3)."""
    # |p - c|^2 = |p|^2 - 2 p.c + |c|^2, and |p|^2 is the same for every c
    table = colours(palette).astype(np.float32)
    scores = picture.astype(np.float32) @ (2 * table.T) - np.square(table).sum(1)
    return scores.argmax(-1)
