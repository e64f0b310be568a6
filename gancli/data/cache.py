"""Pictures kept on disk so that a second start is instant: one safetensors file a split.

The file names what it was made from (`key`) and the digest of what it holds; one that is damaged,
or made from something else, counts as absent. It is written row by row as pictures are decoded, so
that it may be larger than memory, beside its name, so that half of one is never taken for all.

When it is opened its length, and a checksum of all but the pictures, are compared; pictures of more
than CHECKED bytes are not read for that, so that a start takes no longer for more of them. What
makes them fresh is `key`, which the stamps (size and time) of the files they were made from are in.
"""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from gancli.data.pictures import Pictures, digest
from gancli.data.rows import BLOCK, Gathered, Rows, Sink, Written, stamp
from gancli.errors import FileError
from gancli.files import replacing
from gancli.reporting import Say

START = 4096  # bytes before the pictures: the header of safetensors, filled up with spaces
CHECKED = 2**30  # bytes: fewer are hashed at every start, in about a second
PLAIN = ("name", "split", "classes", "palette", "digest", "notes")


def recall(path: Path, key: str) -> Pictures | None:
    """What was remembered at `path` under `key`, or None. The pictures are mapped, not read."""
    try:
        with path.open("rb") as file:
            rows, found = _read(file, key)
        if len(rows) * rows.row_bytes > CHECKED or found.digest == _digest(rows, found.labels):
            return found
    except (OSError, ValueError, TypeError, KeyError, IndexError):
        pass
    return None


def remember(path: Path, key: str, pictures: Pictures) -> bool:
    """Write `path`, whole. False where that fails: nothing depends on it."""
    halves = [h for h in (pictures.images, pictures.partners) if h is not None]

    def fill(into: Sink) -> Pictures:
        for start in range(0, len(halves[0]), BLOCK):
            into.append(np.stack([half[start : start + BLOCK] for half in halves], axis=1))
        return pictures

    try:
        _write(path, key, fill)
    except FileError:
        return False
    return True


def made(path: Path, key: str, fill: Callable[[Sink], Pictures], say: Say) -> Pictures:
    """What `fill` makes, by way of `path`: it puts the pictures into a sink and returns the rest.

    Where `path` cannot be written they are gathered in memory.
    """
    try:
        _write(path, key, fill)
    except FileError as error:
        say(f"{error.message} The pictures are held in memory, and read anew at the next start.")
        into = Gathered()
        pictures = fill(into)
        images, *partners = np.moveaxis(into.all(), 1, 0)
        found = digest(images, pictures.labels, *partners)
        return replace(
            pictures, images=images, partners=partners[0] if partners else None, digest=found
        )
    kept = recall(path, key)
    if kept is None:
        raise FileError(f"{path} does not hold what was written to it.", hint="check the disk")
    return kept


def _write(path: Path, key: str, fill: Callable[[Sink], Pictures]) -> None:
    with replacing(path) as beside:
        with beside.open("w+b") as file:
            written = Written(file, START)
            pictures = fill(written)
            _complete(file, key, written, pictures)
        beside.chmod(path.parent.stat().st_mode & 0o666)


def _complete(file: BinaryIO, key: str, written: Written, pictures: Pictures) -> None:
    """After the pictures, the labels and all else; then the header before them."""
    rows = written.rows()
    found = replace(pictures, digest=_digest(rows, pictures.labels))
    about = json.dumps({name: getattr(found, name) for name in PLAIN}).encode()
    labels = b"" if found.labels is None else found.labels.astype("<i8").tobytes()
    file.seek(written.end)
    file.write(labels + about)
    file.seek(0)
    file.write(_header(key, rows.shape, labels, about))


def _header(key: str, shape: tuple[int, ...], labels: bytes, about: bytes) -> bytes:
    """START bytes: where each tensor lies, as safetensors has it, and what the file was made of."""
    ends = np.cumsum([0, int(np.prod(shape)), len(labels), len(about)]).tolist()
    lies = ("dtype", "shape", "data_offsets")
    tensors = {
        "images": ("U8", list(shape), ends[0:2]),
        **({"labels": ("I64", [len(labels) // 8], ends[1:3])} if labels else {}),
        "about": ("U8", [len(about)], ends[2:4]),
    }
    header = {
        "__metadata__": {"key": key, "rest": _hashed(labels + about)},
        **{k: dict(zip(lies, v, strict=True)) for k, v in tensors.items()},
    }
    text = json.dumps(header).encode().ljust(START - 8)
    return len(text).to_bytes(8, "little") + text


def _read(file: BinaryIO, key: str) -> tuple[Rows, Pictures]:
    """The rows and the pictures in them, unread. Raises where anything is not as written."""
    length = int.from_bytes(file.read(8), "little")
    if length != START - 8:
        raise ValueError("another format")
    header = json.loads(file.read(length))
    shape = tuple(header["images"]["shape"])
    begin, end = (START + at for at in header["images"]["data_offsets"])
    file.seek(end)
    rest = file.read()
    whole = len(shape) == 5 and end - begin == int(np.prod(shape))
    if not whole or header["__metadata__"] != {"key": key, "rest": _hashed(rest)}:
        raise ValueError("made of something else, or damaged")
    split = header["labels"]["shape"][0] * 8 if "labels" in header else 0
    labels = np.frombuffer(rest[:split], "<i8").astype(np.int64) if split else None
    rows = Rows(
        path=Path(file.name), offset=begin, shape=shape, stamp=stamp(os.fstat(file.fileno()))
    )
    return rows, _pictures(rows, labels, json.loads(rest[split:]))


def _pictures(rows: Rows, labels: Any, about: dict[str, Any]) -> Pictures:
    images, *partners = np.moveaxis(rows.mapped(), 1, 0)
    return Pictures(
        name=about["name"],
        split=about["split"],
        images=images,
        labels=labels,
        partners=partners[0] if partners else None,
        classes=tuple(about["classes"]),
        palette=tuple((name, tuple(colour)) for name, colour in about.get("palette", ())),
        digest=about["digest"],
        notes=tuple(about["notes"]),
        stored=rows,
    )


def _digest(rows: Rows, labels: Any) -> str:
    images, *partners = rows.parts()
    return digest(images, labels, *partners)


def _hashed(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
