"""WebP: lossless animations in gray and colour, which browsers play.

Pillow would keep all frames in memory and merge equal ones. So Pillow compresses single frames,
and this module writes the file around them, as Google's WebP Container Specification says.
"""

import io
import json
from collections.abc import Iterable
from pathlib import Path
from struct import pack

from PIL import Image

from gancli.files import check_writable, replacing
from gancli.formats import Recipe, check_sides, timed
from gancli.images import Array, to_pillow

SUFFIXES = (".webp",)
HOLDS = True

MAX_SIDE = 16383  # pixels
ANIMATED, HAS_EXIF = 0x02, 0x08
EXIF_DESCRIPTION = 0x010E  # the Exif tag ImageDescription, which holds the recipe


def check(path: Path, fps: float) -> None:
    """Raise FileError if `path` cannot be written; every `fps` is possible."""
    check_writable(path)


def write(
    path: Path,
    frames: Iterable[Array],
    fps: float,
    recipe: Recipe | None = None,
    hold: float = 0.0,
) -> int:
    """Write every frame, equal ones too, as a loop; `recipe` becomes the Exif description.

    The last frame is shown `hold` seconds longer.
    """
    number = 0
    with replacing(path, follow_links=True) as beside, beside.open("wb") as file:
        file.write(bytes(12))  # for "RIFF", the size and "WEBP", which are written at the end
        for number, frame, duration in timed(frames, fps, 1000, hold):
            if number == 0:
                file.write(_file_header(frame, recipe))
            file.write(
                _chunk(
                    b"ANMF",
                    _frame_header(frame, duration) + _compress(frame),
                )
            )
        file.write(_exif(recipe))
        size = file.tell()
        file.seek(0)
        file.write(pack("<4sI4s", b"RIFF", size - 8, b"WEBP"))
    return number + 1


def recipe_text(picture: Image.Image) -> object:
    """Return the Exif description of a WebP."""
    return picture.getexif().get(EXIF_DESCRIPTION)


def _file_header(frame: Array, recipe: Recipe | None) -> bytes:
    """Return the VP8X chunk (features and size) and the ANIM chunk (0: loop for ever)."""
    check_sides(frame, MAX_SIDE, ".webp")
    flags = ANIMATED | (HAS_EXIF if recipe is not None else 0)
    return _chunk(b"VP8X", pack("<Bxxx", flags) + _size(frame)) + _chunk(b"ANIM", bytes(6))


def _frame_header(frame: Array, milliseconds: int) -> bytes:
    """Return a frame's place (upper left), size, duration and flags (2: overwrite, not blend)."""
    return bytes(6) + _size(frame) + _uint24(milliseconds) + b"\x02"


def _compress(frame: Array) -> bytes:
    """Return the compressed frame, cut out of a lossless WebP that Pillow writes."""
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
    """Return a RIFF chunk: name, size, body, and a zero byte if the body's length is odd."""
    return pack("<4sI", name, len(body)) + body + bytes(len(body) % 2)


def _size(frame: Array) -> bytes:
    height, width = frame.shape[:2]
    return _uint24(width - 1) + _uint24(height - 1)


def _uint24(number: int) -> bytes:
    return number.to_bytes(3, "little")
