"""The on-disk cache of prepared pictures: decoded, cropped or drawn once, one file per split.

A cache file starts with the pixel rows (see `rows`), appended as they are produced, so a split may
be larger than memory. A zip archive with the metadata follows the rows: labels, classes and shape
are known only at the end, and zip readers search for the archive from the end of the file. We do
not use numpy's open_memmap: it needs the number of pictures in advance, and it writes through a
map, where a full disk kills the process. safetensors can only write from memory.

A cache file that is damaged, truncated or made from other inputs counts as missing. The zip archive
has its own checksum. The pixels are checked against their SHA-256, unless they are larger than
MAX_HASHED_BYTES, so that large datasets start as fast as small ones.
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

MAX_HASHED_BYTES = 2**30  # check the SHA-256 up to this size at every start: about a second
METADATA_FILE = "about.json"  # its name inside the zip archive
# The fields of Pictures that are plain JSON; `labels` are stored beside them.
METADATA_FIELDS = ("name", "split", "classes", "palette", "digest", "notes")

Fill = Callable[[RowWriter], Pictures]


def load_or_create(
    paths: Sequence[Path],
    key: str,
    fill: Fill,
    say: Say,
    fits: Callable[[Pictures], bool] = lambda _: True,
) -> Pictures:
    """Load the first cache file of `paths` with this `key` that `fits`, or create it with `fill`.

    `key` identifies the inputs that the pictures are made from. `fill` appends the pixel rows to a
    RowWriter and returns everything else. The new cache file is `paths[0]`; if it cannot be
    written, the pictures stay in memory.
    """
    for path in paths:
        if (kept := load(path, key)) and fits(kept):
            return kept
    try:
        return _create_file(paths[0], key, fill)
    except FileError as error:
        say(f"{error.message} The pictures stay in memory and will be prepared again next time.")
        return _create_in_memory(fill)


def load(path: Path, key: str) -> Pictures | None:
    """Load the cache file `path`, or return None if it is missing, damaged or has another key.

    The pixels are memory-mapped. Only the SHA-256 check, up to MAX_HASHED_BYTES, reads them.
    """
    try:
        with path.open("rb") as file, ZipFile(file) as archive:
            about = json.loads(archive.read(METADATA_FILE))
            rows = Rows(
                path=path, shape=tuple(about["shape"]), stamp=stamp(os.fstat(file.fileno()))
            )
            # The archive must start where the rows end: else bytes were lost or added.
            complete = archive.getinfo(METADATA_FILE).header_offset == prod(rows.shape)
        if about["key"] != key or not complete:
            return None
        found = _pictures(rows, about)
        small = prod(rows.shape) <= MAX_HASHED_BYTES
        return None if small and _digest(found) != found.digest else found
    except Exception:  # zipfile and json raise many kinds of errors for damaged files
        return None


def _create_file(path: Path, key: str, fill: Fill) -> Pictures:
    """Write the cache file `path` with `fill` and load it. The file is complete or not created."""
    with replacing(path) as beside, beside.open("w+b") as file:
        writer = RowWriter(file)
        pictures = fill(writer)
        found = _digest(_with_images(pictures, writer.rows().mapped()))
        labels = None if pictures.labels is None else pictures.labels.tolist()
        plain = {name: getattr(pictures, name) for name in METADATA_FIELDS} | {"digest": found}
        about = {"key": key, "shape": writer.shape, "labels": labels, "plain": plain}
        with ZipFile(file, "w") as archive:
            archive.writestr(ZipInfo(METADATA_FILE), json.dumps(about))
    if kept := load(path, key):
        return kept
    raise FileError(f"{path} reads back differently than it was written.", hint="check the disk")


def _create_in_memory(fill: Fill) -> Pictures:
    """Run `fill` without a cache file and keep the rows in memory."""
    memory = io.BytesIO()
    writer = RowWriter(memory)
    pictures = fill(writer)
    rows = np.frombuffer(memory.getbuffer(), np.uint8).reshape(writer.shape)
    held = _with_images(pictures, rows)
    return replace(held, digest=_digest(held))


def _pictures(rows: Rows, about: dict[str, Any]) -> Pictures:
    """Build Pictures from mapped rows and the metadata of the cache file."""
    labels = None if about["labels"] is None else np.array(about["labels"], np.int64)
    plain = {name: _to_tuples(value) for name, value in about["plain"].items()}
    return _with_images(Pictures(images=None, labels=labels, stored=rows, **plain), rows.mapped())


def _with_images(pictures: Pictures, rows: Any) -> Pictures:
    """Return `pictures` with the arrays A, and B if there are pairs, as views of `rows`."""
    # rows are (N, P, H, W, C): P is 1, or 2 for pairs. The parts are views, not copies.
    images, *partners = np.moveaxis(rows, 1, 0)
    return replace(pictures, images=images, partners=partners[0] if partners else None)


def _digest(pictures: Pictures) -> str:
    return digest(pictures.images, pictures.labels, pictures.partners)


def _to_tuples(value: Any) -> Any:
    """Convert the lists of JSON back to tuples, at any depth."""
    return tuple(map(_to_tuples, value)) if isinstance(value, list) else value
