"""A folder of frames: 00000.png, 00001.png, ..., lossless, each with its recipe."""

from collections.abc import Iterable
from pathlib import Path

from gancli.errors import FileError
from gancli.files import OUT_HINT, check_writable, replacing
from gancli.formats import Recipe, numbered
from gancli.images import Array, encode_png

SUFFIXES = ("",)


def check(path: Path, fps: float) -> None:
    """Raise FileError if the folder cannot be created, or exists and is not empty."""
    if path.is_dir() and any(path.iterdir()):
        raise FileError(f"The folder {path} is not empty.", hint=OUT_HINT)
    check_writable(path / "00000.png")


def write(path: Path, frames: Iterable[Array], fps: float, recipe: Recipe | None = None) -> int:
    """Write frame k as `k.png` with `recipe` and k in it; the folder appears when all are done."""
    number = 0
    with replacing(path, follow_links=True) as beside:
        beside.mkdir()
        for number, frame in numbered(frames):
            text = None if recipe is None else {**recipe, "frame": str(number)}
            (beside / f"{number:05d}.png").write_bytes(encode_png(frame, text))
    return number + 1
