"""Pictures that are made once and kept: decoded, cropped or drawn, one file a split.

The file is the rows of the pictures (see `rows`), written as they are made, so that it may be
larger than memory. Behind them lies a zip archive, which readers look for at the end of a file,
with all that is known only then. numpy's open_memmap needs the number of pictures beforehand, and
writes through a map, where a full disk kills the process; safetensors writes from memory only.

A file that is damaged, cut short, or made from something else counts as absent. The archive has a
checksum; the pictures are compared with their digest, but for those of more than CHECKED bytes: a
start takes no longer for more of them.
"""

import io
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any
from zipfile import ZipFile, ZipInfo

import numpy as np

from gancli.data.pictures import Pictures, digest
from gancli.data.rows import Rows, RowWriter, stamp
from gancli.errors import FileError
from gancli.files import replacing
from gancli.reporting import Say

CHECKED = 2**30  # bytes: fewer are hashed at every start, in about a second
ABOUT = "about.json"  # in the archive
PLAIN = ("name", "split", "classes", "palette", "digest", "notes")

Fill = Callable[[RowWriter], Pictures]


def once(
    paths: Sequence[Path],
    key: str,
    fill: Fill,
    say: Say,
    fits: Callable[[Pictures], bool] = lambda _: True,
) -> Pictures:
    """What is kept at the first of `paths` that has it and `fits`, or else what `fill` makes now.

    `key` tells what the pictures are made from. `fill` writes them as rows and returns all else; it
    is kept at `paths[0]`, or held in memory where that cannot be.
    """
    for path in paths:
        if (kept := recall(path, key)) and fits(kept):
            return kept
    try:
        return _written(paths[0], key, fill)
    except FileError as error:
        say(f"{error.message} The pictures are held in memory, and made anew at the next start.")
        return _held(fill)


def recall(path: Path, key: str) -> Pictures | None:
    """What was kept at `path` under `key`, or None. The pictures are mapped, not read."""
    try:
        with path.open("rb") as file, ZipFile(file) as archive:
            about = json.loads(archive.read(ABOUT))
            rows = Rows(
                path=path, shape=tuple(about["shape"]), stamp=stamp(os.fstat(file.fileno()))
            )
            whole = archive.getinfo(ABOUT).header_offset == prod(rows.shape)
        if about["key"] != key or not whole:
            return None
        found = _pictures(rows, about)
        small = prod(rows.shape) <= CHECKED
        return None if small and _digest(found) != found.digest else found
    except Exception:  # of the many that zipfile and json raise over what is no archive of ours
        return None


def _written(path: Path, key: str, fill: Fill) -> Pictures:
    """What `fill` makes, by way of the file `path`, which is whole or not there."""
    with replacing(path) as beside, beside.open("w+b") as file:
        writer = RowWriter(file)
        pictures = fill(writer)
        found = _digest(_with_images(pictures, writer.rows().mapped()))
        labels = None if pictures.labels is None else pictures.labels.tolist()
        plain = {name: getattr(pictures, name) for name in PLAIN} | {"digest": found}
        about = {"key": key, "shape": writer.shape, "labels": labels, "plain": plain}
        with ZipFile(file, "w") as archive:
            archive.writestr(ZipInfo(ABOUT), json.dumps(about))
    if kept := recall(path, key):
        return kept
    raise FileError(f"{path} does not hold what was written to it.", hint="check the disk")


def _held(fill: Fill) -> Pictures:
    """The same in memory."""
    memory = io.BytesIO()
    writer = RowWriter(memory)
    pictures = fill(writer)
    rows = np.frombuffer(memory.getbuffer(), np.uint8).reshape(writer.shape)
    held = _with_images(pictures, rows)
    return replace(held, digest=_digest(held))


def _pictures(rows: Rows, about: dict[str, Any]) -> Pictures:
    labels = None if about["labels"] is None else np.array(about["labels"], np.int64)
    plain = {name: _tuples(value) for name, value in about["plain"].items()}
    return _with_images(Pictures(images=None, labels=labels, stored=rows, **plain), rows.mapped())


def _with_images(pictures: Pictures, rows: Any) -> Pictures:
    images, *partners = np.moveaxis(rows, 1, 0)
    return replace(pictures, images=images, partners=partners[0] if partners else None)


def _digest(pictures: Pictures) -> str:
    return digest(pictures.images, pictures.labels, pictures.partners)


def _tuples(value: Any) -> Any:
    """Tuples, where JSON has lists."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
