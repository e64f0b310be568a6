"""The shape of the images a model is built for, and the direction in which it translates pairs.

Points in the plane are images of one pixel, whose two channels are x and y. So a model, the trainer
and the losses need not know of points, except for those who draw them or need real pictures.
"""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, TypeVar

from gancli.errors import UsageError

T = TypeVar("T")

SMALLEST, LARGEST, STEP = 16, 256, 4
SIZES = range(SMALLEST, LARGEST + 1, STEP)  # image sizes that models support
POINT_SIZE, COORDINATES = 1, 2  # the size and the channels of a point in the plane
MAX_CLASSES = 50_000  # more than twice as many as ImageNet-21k has
Byte = Annotated[int, (0, 255)]


@dataclass(frozen=True, kw_only=True)
class Shape:
    """The images a model generates: `channels` x `size` x `size`, in `classes` classes.

    Points in the plane have 2 channels, x and y, and the size 1.

    `source` is the number of channels of the input images, for models that translate images;
    otherwise 0. `palette` holds the colours, (R, G, B) in 0..255, if the images are label maps.
    """

    channels: Literal[1, 2, 3]
    size: Annotated[int, frozenset({POINT_SIZE, *SIZES})]
    classes: Annotated[int, (0, MAX_CLASSES)] = 0
    source: Literal[0, 1, 3] = 0
    palette: Annotated[tuple[tuple[Byte, Byte, Byte], ...], (0, 256)] = ()

    def __post_init__(self) -> None:
        if (self.channels == COORDINATES) != (self.size == POINT_SIZE):
            raise ValueError("shape.channels and shape.size do not belong together")

    @property
    def points(self) -> bool:
        """Whether the samples are points in the plane, as images of one pixel."""
        return self.channels == COORDINATES


class Direction(str, enum.Enum):
    """Which half of a pair (A, B) is the input, and which half is generated from it.

    If B is a label map, A2B generates labels from a photo and B2A a photo from labels.
    """

    A2B = "A2B"
    B2A = "B2A"

    def __str__(self) -> str:
        return self.value

    @property
    def given(self) -> int:
        """The index of the input half in a pair (A, B)."""
        return 0 if self is Direction.A2B else 1

    @property
    def generated(self) -> int:
        """The index of the generated half in a pair (A, B)."""
        return 1 - self.given

    @property
    def generates_b(self) -> bool:
        """Whether B, the half that may be a label map, is generated; otherwise it is the input."""
        return self is Direction.A2B

    def of(self, pair: Sequence[T]) -> tuple[T, T]:
        """Return a pair (A, B) as (input, target)."""
        return pair[self.given], pair[self.generated]


def read_direction(word: str | None) -> Direction | None:
    """Return the direction that `word` names; None stays None. Raises UsageError for others."""
    if word is not None and word not in [*Direction]:
        raise UsageError(f"--direction must be A2B or B2A, not {word!r}.", hint="--direction A2B")
    return None if word is None else Direction(word)


def check_size(size: int) -> None:
    """Raise UsageError, with the nearest supported size, if models do not support `size`."""
    if size not in SIZES:
        nearest = min(max(round(size / STEP) * STEP, SMALLEST), LARGEST)
        raise UsageError(
            f"--image-size {size} is not supported: "
            f"sizes are multiples of {STEP} from {SMALLEST} to {LARGEST}.",
            hint=f"--image-size {nearest}",
        )
