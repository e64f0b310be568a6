"""Points in the plane as a dataset: drawn at random, or read from a .csv file of the user's.

They are `Pictures` of one pixel, float32 (N, 1, 1, 2), whose two channels are x and y.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from gancli.data.pictures import Info, Pictures, digest
from gancli.errors import DataError, FileError
from gancli.points import Frame, Mixture

MOST = 1_000_000  # points of a file
MOST_BYTES = 100_000_000  # of a file
LONGEST = 60  # characters of a line that are shown
EXAMPLE = "write one point per line, such as 0.5,-1.25"

# Draws points (count, 2) and the number of the part, say a Gaussian, that each belongs to (count,).
Draw = Callable[[int, np.random.Generator], tuple[Any, Any]]


def drawn(
    name: str, split: str, info: Info, draw: Draw, mixture: Mixture | None = None, seed: int = 0
) -> Pictures:
    """Return the points of a split, drawn with `seed`; `train` and `test` have points of their own.

    If the points come in classes, `draw` returns theirs.
    """
    count = info.train if split == "train" else info.test
    rng = np.random.default_rng([seed, split == "test"])
    points, labels = draw(count, rng)
    return of_points(name, split, points, labels if info.classes else None, info.classes, mixture)


def of_points(
    name: str,
    split: str,
    points: Any,
    labels: Any = None,
    classes: tuple[str, ...] = (),
    mixture: Mixture | None = None,
    frame: Frame | None = None,
) -> Pictures:
    """Return `points` (N, 2) as pictures of one pixel."""
    images = np.ascontiguousarray(points, np.float32).reshape(-1, 1, 1, 2)
    return Pictures(
        name=name,
        split=split,
        images=images,
        labels=None if labels is None else np.asarray(labels, np.int64),
        classes=classes,
        digest=digest(images, labels),
        mixture=mixture,
        frame=frame,
    )


def read(path: Path, split: str) -> Pictures:
    """Read the points of a .csv file: x and y in each line, below a first line with names, or not.

    They are moved and scaled to [-1, 1]. Both splits have all of them. Raises FileError if the file
    cannot be read, and DataError for a line that is not a point, and unless there are from 2 to
    MOST points that differ.
    """
    points = np.array([*_parse(path)], np.float64).reshape(-1, 2)
    if len(points) < 2:
        found = f"{len(points)} point{'' if len(points) == 1 else 's'}"
        raise DataError(f"{path} has {found}, which is too few to learn from.", hint=EXAMPLE)
    low, high = points.min(0), points.max(0)
    scale = float((high - low).max() / 2)
    if not scale:
        raise DataError(f"All points in {path} are the same.", hint=EXAMPLE)
    x, y = ((low + high) / 2).tolist()
    frame = Frame(x=x, y=y, scale=scale)
    return of_points(path.stem, split, (points - (x, y)) / scale, frame=frame)


def _parse(path: Path) -> Iterator[tuple[float, float]]:
    """Yield the points of a file, in its units."""
    count = 0
    for number, line in enumerate(_lines(path), 1):
        if not line.strip():
            continue
        try:
            x, y = (float(word) for word in line.split(","))
        except ValueError:
            if number == 1:  # the names of the columns
                continue
            raise DataError(f"{_place(path, number, line)}, not two numbers.", EXAMPLE) from None
        if not np.isfinite([x, y]).all() or max(abs(x), abs(y)) > 1e30:
            raise DataError(f"{_place(path, number, line)}, which is not a point.", EXAMPLE)
        count += 1
        if count > MOST:
            raise DataError(
                f"{path} has more than {MOST:,} points.", hint=f"head -n {MOST} {path} > some.csv"
            )
        yield x, y


def _lines(path: Path) -> list[str]:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise DataError(f"{path} is larger than {MOST_BYTES // 10**6} MB.", hint=EXAMPLE)
        return path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise FileError(f"Cannot read {path}: {error.strerror}.", hint=EXAMPLE) from None
    except ValueError:
        raise DataError(f"{path} is not a text file.", hint=EXAMPLE) from None


def _place(path: Path, number: int, line: str) -> str:
    shown = line if len(line) <= LONGEST else f"{line[:LONGEST]}..."
    return f"Line {number} of {path} is {shown!r}"


def from_mixture(mixture: Mixture, count: int, rng: np.random.Generator) -> tuple[Any, Any]:
    """Draw points (count, 2), the same number from each Gaussian in turn, and their Gaussians."""
    number = np.arange(count) % len(mixture.centres)
    noise = mixture.deviation * rng.standard_normal((count, 2))
    return np.array(mixture.centres)[number] + noise, number
