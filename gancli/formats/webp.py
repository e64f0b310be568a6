"""WebP: every pixel exact, in gray and in colour; browsers show it.

Pillow keeps every frame until the last and merges equal ones, so the container is written here, as
Google's WebP Container Specification has it, around frames that Pillow compresses one by one.
"""

import io
import json
from collections.abc import Iterable
from pathlib import Path
from struct import pack

from PIL import Image

from gancli.files import check_writable, replacing
from gancli.formats import Recipe, check_sides, lasts, numbered
from gancli.images import Array, to_pillow

SUFFIXES = (".webp",)

LARGEST = 16383  # pixels a side
ANIMATED, HAS_EXIF = 0x02, 0x08
EXIF_DESCRIPTION = 0x010E  # the Exif tag ImageDescription, which holds the recipe


def check(path: Path, fps: float) -> None:
    """Raise FileError where no file can be; any `fps` will do."""
    check_writable(path)


def write(path: Path, frames: Iterable[Array], fps: float, recipe: Recipe | None = None) -> int:
    """Every frame is there, equal ones too; it loops for ever; `recipe` is its Exif description."""
    number = 0
    with replacing(path) as beside, beside.open("wb") as file:
        file.write(bytes(12))  # RIFF, the size, WEBP: when the size is known
        for number, frame in numbered(frames):
            if number == 0:
                file.write(_opening(frame, recipe))
            file.write(
                _chunk(b"ANMF", _place(frame, lasts(number, fps, 1000)) + _compressed(frame))
            )
        file.write(_exif(recipe))
        size = file.tell()
        file.seek(0)
        file.write(pack("<4sI4s", b"RIFF", size - 8, b"WEBP"))
    return number + 1


def recipe_text(picture: Image.Image) -> object:
    """The Exif description of a WebP."""
    return picture.getexif().get(EXIF_DESCRIPTION)


def _opening(frame: Array, recipe: Recipe | None) -> bytes:
    """What the file holds and how large it is; that it loops for ever."""
    check_sides(frame, LARGEST, ".webp")
    flags = ANIMATED | (HAS_EXIF if recipe is not None else 0)
    return _chunk(b"VP8X", pack("<Bxxx", flags) + _size(frame)) + _chunk(b"ANIM", bytes(6))


def _place(frame: Array, milliseconds: int) -> bytes:
    """At the upper left, whole, shown so long, replacing what was there (2: do not blend)."""
    return bytes(6) + _size(frame) + _three(milliseconds) + b"\x02"


def _compressed(frame: Array) -> bytes:
    """The frame's own chunk, out of a lossless WebP of it alone."""
    file = io.BytesIO()
    to_pillow(frame).save(file, format="WEBP", lossless=True, method=1, quality=0)
    return file.getvalue()[12:]


def _exif(recipe: Recipe | None) -> bytes:
    if recipe is None:
        return b""
    exif = Image.Exif()
    exif[EXIF_DESCRIPTION] = json.dumps(dict(recipe))
    return _chunk(b"EXIF", exif.tobytes().removeprefix(b"Exif\0\0"))


def _chunk(name: bytes, body: bytes) -> bytes:
    """Name, size, body, and a zero where that is odd."""
    return pack("<4sI", name, len(body)) + body + bytes(len(body) % 2)


def _size(frame: Array) -> bytes:
    height, width = frame.shape[:2]
    return _three(width - 1) + _three(height - 1)


def _three(number: int) -> bytes:
    return number.to_bytes(3, "little")
