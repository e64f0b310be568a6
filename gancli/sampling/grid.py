"""`Grid`: pictures side by side, as one picture that can be saved, shown or used as an array."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from gancli import images
from gancli.errors import UsageError
from gancli.formats import Recipe
from gancli.images import Array
from gancli.sampling.recipes import with_scale

SHOWN_SIDE = 600  # pixels; smaller grids are enlarged to about this side to be looked at


@dataclass(frozen=True, kw_only=True)
class Grid:
    """`pictures`, uint8 (N, H, W, C), arranged in `rows`, `gap` pixels apart.

    Without `rows` and `columns` the grid is nearly square. `scale` enlarges saved files;
    None makes them about SHOWN_SIDE pixels large. `recipe` is stored in them.
    """

    pictures: Array = field(repr=False)
    rows: int | None = None
    columns: int | None = None
    gap: int = 2
    scale: int | None = 1
    recipe: Recipe | None = None

    @cached_property
    def array(self) -> Array:
        """The grid as one picture, not enlarged: uint8 (H, W, C)."""
        return images.grid(self.pictures, rows=self.rows, columns=self.columns, gap=self.gap)

    def save(self, out: str | Path) -> None:
        """Write the grid as a picture. Only a .png holds the recipe.

        Raises UsageError for a suffix that is not a picture's, FileError if `out` cannot be
        written.
        """
        path = Path(out)
        if path.suffix.lower() not in images.SUFFIXES:
            listed = ", ".join(images.SUFFIXES)
            raise UsageError(
                f"{path} must end in one of: {listed}.", hint=str(path.with_suffix(".png"))
            )
        times = self.scale or self._fitting
        recipe = self.recipe if self.scale else with_scale(self.recipe, times)
        images.save(path, images.enlarge(self.array, times), recipe, follow_links=True)

    @property
    def _fitting(self) -> int:
        """The scale that makes the grid about SHOWN_SIDE pixels large."""
        side: int = max(self.array.shape)
        return max(1, round(SHOWN_SIDE / side))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.array(self.array, dtype) if copy else np.asarray(self.array, dtype)

    def _repr_png_(self) -> bytes:
        """Show the grid in a notebook, small ones enlarged to about SHOWN_SIDE pixels."""
        return images.encode_png(images.enlarge(self.array, self._fitting))
