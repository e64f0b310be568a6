"""PNG: one picture, exact, with its recipe."""

from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from PIL import Image

from gancli.errors import UsageError
from gancli.files import check_writable
from gancli.formats import Recipe, numbered
from gancli.images import RECIPE_KEY, Array, save_png

SUFFIXES = (".png",)
STILL = True


def check(path: Path, fps: float) -> None:
    """Raise FileError where no file can be; any `fps` will do for one picture."""
    check_writable(path)


def write(path: Path, frames: Iterable[Array], fps: float, recipe: Recipe | None = None) -> int:
    """Write the one frame there is. Raises UsageError for more."""
    first, *more = (frame for _, frame in islice(numbered(frames), 2))
    if more:
        raise UsageError(
            "A .png holds one picture; what moves goes into a .gif, .webp or .mp4.",
            hint=f"--out {path.with_suffix('.gif')}",
        )
    save_png(path, first, recipe)
    return 1


def recipe_text(picture: Image.Image) -> object:
    """What the text of a PNG holds under our key."""
    return picture.info.get(RECIPE_KEY)
