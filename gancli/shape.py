"""What a model is built for: the shape of its pictures, and which half of a pair it generates."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from gancli.errors import UsageError

T = TypeVar("T")

SMALLEST, LARGEST, STEP = 16, 256, 4
SIZES = range(SMALLEST, LARGEST + 1, STEP)  # of pictures that models can be built for


@dataclass(frozen=True, kw_only=True)
class Shape:
    """The pictures a model is built for: `channels` x `size` x `size`, in `classes` classes.

    `source` are the channels of the pictures that they are made from, where a model is given any.
    `palette` are their colours, (R, G, B) in 0..255, where they are maps of labels.
    """

    channels: int
    size: int
    classes: int = 0
    source: int = 0
    palette: tuple[tuple[int, int, int], ...] = ()


class Direction(str, enum.Enum):
    """Which half of a pair (A, B) is given, and which is generated from it.

    Where a data set says that B is a map of labels, A2B generates labels and B2A is given them.
    """

    A2B = "A2B"
    B2A = "B2A"

    def __str__(self) -> str:
        return self.value

    @property
    def given(self) -> int:
        """The index in a pair (A, B) of the half that is given."""
        return 0 if self is Direction.A2B else 1

    @property
    def generated(self) -> int:
        """The index in a pair (A, B) of the half that is generated."""
        return 1 - self.given

    def of(self, pair: Sequence[T]) -> tuple[T, T]:
        """A pair (A, B) as what is given and what is generated."""
        return pair[self.given], pair[self.generated]


def check_size(size: int) -> None:
    """Raise UsageError, naming the nearest legal size, unless models can be built for `size`."""
    if size not in SIZES:
        nearest = min(max(round(size / STEP) * STEP, SMALLEST), LARGEST)
        raise UsageError(
            f"--image-size {size} is not a size a model can be built for: "
            f"multiples of {STEP} from {SMALLEST} to {LARGEST} are.",
            hint=f"--image-size {nearest}",
        )
