"""PNG: one lossless picture, with its recipe."""

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
    """Raise FileError if `path` cannot be written; `fps` does not matter for one picture."""
    check_writable(path)


def write(path: Path, frames: Iterable[Array], fps: float, recipe: Recipe | None = None) -> int:
    """Write the one frame. Raises UsageError if there are more."""
    first, *more = (frame for _, frame in islice(numbered(frames), 2))
    if more:
        raise UsageError(
            "A .png holds only one picture; an animation needs a .gif, .webp or .mp4.",
            hint=f"--out {path.with_suffix('.gif')}",
        )
    save_png(path, first, recipe, follow_links=True)
    return 1


def recipe_text(picture: Image.Image) -> object:
    """Return the text chunk of a PNG that holds the recipe."""
    return picture.info.get(RECIPE_KEY)
