"""GIF: plays everywhere; gray is exact, colour has 256 colours a frame, 50 frames a second at most.

Pillow keeps every frame until the last and merges equal ones, so the container is written here, as
the GIF89a specification (CompuServe, 1990) has it, around frames that Pillow compresses one by one.
"""

import io
import json
from collections.abc import Iterable
from pathlib import Path
from struct import pack

import numpy as np
from PIL import Image

from gancli.errors import UsageError
from gancli.files import check_writable, replacing
from gancli.formats import Recipe, check_sides, lasts, numbered
from gancli.images import Array

SUFFIXES = (".gif",)

LARGEST = 65535  # pixels a side
MAX_FPS = 50  # a delay is in hundredths, and browsers slow down what is shown for less than two
LOOP_FOREVER = b"!\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00"
SAMPLE = 2048  # pixels that a frame's colours are chosen from
GRAYS = bytes(level for level in range(256) for _ in range(3))


def check(path: Path, fps: float) -> None:
    """Raise UsageError for a rate that players would not keep."""
    if fps > MAX_FPS:
        raise UsageError(
            f"A GIF shows at most {MAX_FPS} frames a second, not {fps:g}.",
            hint=f"--fps {MAX_FPS}, or --out {path.with_suffix('.webp')}",
        )
    check_writable(path)


def write(path: Path, frames: Iterable[Array], fps: float, recipe: Recipe | None = None) -> int:
    """Every frame is there, equal ones too; it loops for ever; `recipe` is its comment."""
    number, shared = 0, b""
    with replacing(path) as beside, beside.open("wb") as file:
        for number, frame in numbered(frames):
            check_sides(frame, LARGEST, ".gif")
            table, pixels = _compressed(_indexed(frame))
            if number == 0:
                shared = table
                file.write(_opening(frame, table, recipe))
            own = b"" if table == shared else table
            file.write(_place(frame, own, lasts(number, fps, 100)) + pixels)
        file.write(b";")
    return number + 1


def recipe_text(picture: Image.Image) -> object:
    """The comment of a GIF."""
    return picture.info.get("comment")


def _opening(frame: Array, table: bytes, recipe: Recipe | None) -> bytes:
    """The size, the colours of every frame without its own, and that it loops for ever."""
    height, width = frame.shape[:2]
    header = pack("<6sHHBxx", b"GIF89a", width, height, _table_flags(table))
    return header + table + LOOP_FOREVER + _comment(recipe)


def _place(frame: Array, table: bytes, hundredths: int) -> bytes:
    """Shown so long, then left there; at the upper left, whole; with colours of its own or none."""
    height, width = frame.shape[:2]
    timing = pack("<4sHxx", b"!\xf9\x04\x04", hundredths)
    return timing + pack("<cHHHHB", b",", 0, 0, width, height, _table_flags(table)) + table


def _indexed(frame: Array) -> Image.Image:
    """(H, W, C) with a palette: every gray where it is gray, else the 256 colours nearest to it."""
    if frame.shape[-1] == 3:
        return _fewer_colours(frame)
    picture = Image.fromarray(frame[..., 0])
    picture.putpalette(GRAYS)
    return picture


def _fewer_colours(frame: Array) -> Image.Image:
    """The 256 colours that suit a sample of (H, W, 3), each pixel with the nearest; no dithering.

    Against a palette from all pixels of 25 faces side by side: 20 times as fast, 1 dB nearer,
    since there is time left to settle the sample's colours by k-means.
    """
    picture = Image.fromarray(frame)
    if picture.getcolors(256) is not None:
        return picture.quantize(256)  # exact
    pixels = frame.reshape(-1, 3)
    chosen = np.random.default_rng(0).integers(len(pixels), size=SAMPLE)
    palette = Image.fromarray(pixels[chosen][None]).quantize(256, kmeans=1)
    return picture.quantize(palette=palette, dither=Image.Dither.NONE)


def _compressed(picture: Image.Image) -> tuple[bytes, bytes]:
    """The colour table and the compressed pixels of a picture, out of a GIF of it alone."""
    file = io.BytesIO()
    picture.save(file, format="GIF", optimize=False, interlace=False)
    data = file.getvalue()
    end = 13 + 3 * (2 << (data[10] & 7))  # the header is 13 bytes, its table 2^(n+1) colours
    return data[13:end], data[data.index(b",", end) + 10 : -1]


def _table_flags(table: bytes) -> int:
    """That a table of 2^(n+1) colours follows, and its n; 0 for none."""
    return 0x80 | (len(table) // 3).bit_length() - 2 if table else 0


def _comment(recipe: Recipe | None) -> bytes:
    """The recipe as JSON in a comment, in blocks of up to 255 bytes with their length before."""
    if recipe is None:
        return b""
    text = json.dumps(dict(recipe)).encode()
    blocks = (text[i : i + 255] for i in range(0, len(text), 255))
    return b"!\xfe" + b"".join(bytes([len(block)]) + block for block in blocks) + b"\0"
