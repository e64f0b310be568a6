"""What to draw, in the words of the command line: seeds, classes, grids, ranges. Imports no torch.

The command line passes on what was typed. From Python, `words` turns a value such as [3, 7] into
the same words, so both are checked here, and both end up in a picture's recipe. Every function
raises UsageError for words that it cannot use.
"""

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import nan
from textwrap import shorten

from gancli.config import LAST_SEED
from gancli.errors import UsageError
from gancli.points import check_pictures
from gancli.registry import closest, example_data
from gancli.weights import Header

MAX_COUNT = 1_000_000  # pictures in one command
MAX_STEPS = 100_000
POINTS = 1000  # drawn by default
MAX_SCALE = 64
MAX_CELLS = 10_000  # cells of a grid
MAX_COORDINATE = 1e6  # of --range
MAX_LISTED = 500  # characters of the list of a model's classes
STEPS, STRIP_STEPS = 50, 8  # default --steps of an animation, and of a strip of all its frames

Items = str | int | Iterable[str | int]  # seeds or classes: words, one number, or several of either


def words(items: Items | None) -> str | None:
    """Return `items` as they would be typed: [0, 1, 2, 7] as `0-2,7`. None stays None."""
    if items is None or isinstance(items, str):
        return items
    if not isinstance(items, Iterable):
        return str(items)
    return ",".join(_runs(items))


def _runs(items: Iterable[str | int]) -> Iterable[str]:
    """Yield names and numbers as words; numbers that count up become one range."""
    places = enumerate(items)  # in a run, number minus place is the same for all
    for key, run in groupby(places, lambda p: p[1] if isinstance(p[1], str) else p[1] - p[0]):
        found = [item for _, item in run]
        single = len(found) == 1 or isinstance(key, str)
        yield ",".join(map(str, found)) if single else f"{found[0]}-{found[-1]}"


def check_number(value: float | None, option: str, low: float, high: float) -> None:
    """Raise UsageError if the `value` of `option` is out of bounds; None is not checked."""
    if value is not None and not low <= value <= high:
        raise UsageError(
            f"{option} must be between {low:,} and {high:,}, not {value:,}.",
            hint=f"{option} {low}",
        )


def check_noise(header: Header, file: str, ref: str, points: bool = False) -> None:
    """Raise UsageError if the generator in `file` translates, or makes points without `points`."""
    if header.direction:
        raise UsageError(
            f"{file} is a {header.model}: it makes pictures from pictures, not from noise.",
            hint=f"gan translate {ref} in.jpg",
        )
    if not points:
        check_pictures(header.shape, file, ref)


def numbers(text: str, option: str) -> list[int]:
    """Parse `0-3,7` as [0, 1, 2, 3, 7]: at most MAX_COUNT numbers, none above LAST_SEED.

    Raises UsageError, with the name of the `option`, for anything else and for an empty range.
    """
    found: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not _is_number(first) or (dash and not _is_number(last)):
            raise UsageError(
                f"{option} takes numbers up to {LAST_SEED:,} and ranges such as 0-3, not {text!r}.",
                hint=f"{option} 0-3",
            )
        span = range(int(first), int(last or first) + 1)
        if not span:
            raise UsageError(
                f"{option} {part.strip()} is an empty range: it ends before it starts.",
                hint=f"{option} {last}-{first}",
            )
        if len(found) + len(span) > MAX_COUNT:
            raise UsageError(
                f"{option} takes at most {MAX_COUNT:,} numbers, and {text} has more.",
                hint=f"{option} 0-9999",
            )
        found.extend(span)
    return found


def _is_number(word: str) -> bool:
    return word.isdecimal() and len(word) <= len(str(LAST_SEED)) and int(word) <= LAST_SEED


def check_pairs(header: Header, ref: str) -> None:
    """Raise UsageError unless the generator that `ref` names translates pictures."""
    if not header.direction:
        raise UsageError(
            f"{ref} is a {header.model}: it does not translate pictures.",
            hint=f"gan train pix2pix {example_data(pairs=True)}",
        )


def seeds(
    count: int | None, per_class: int | None, seeds: str | None, labelled: bool
) -> tuple[str, list[int]]:
    """Return the seeds of samples, in words and as numbers.

    They are `seeds`; without them the first `count` or `per_class`, or by default the first 64, or
    10 per class if the samples are `labelled`. Raises UsageError if that is not their number.
    """
    if count and per_class:
        raise UsageError(
            "-n and --per-class both set the number of pictures: give only one.",
            hint="leave out --count",
        )
    wanted = count or per_class
    if seeds is None:
        seeds = f"0-{(wanted or (10 if labelled else 64)) - 1}"
    chosen = numbers(seeds, "--seeds")
    if wanted not in (None, len(chosen)):
        raise UsageError(
            f"--seeds {seeds} makes {len(chosen)} pictures, but {wanted} were requested.",
            hint=f"leave out {'--count' if count else '--per-class'}",
        )
    return seeds, chosen


def sample_labels(header: Header, text: str | None, per_class: int | None) -> list[int]:
    """Return the classes of samples; none if `text` is None."""
    found = labels(header, text, "--labels") if text is not None else []
    if per_class and not found:
        raise UsageError(
            "--per-class needs --labels.", hint=f"--labels all --per-class {per_class}"
        )
    return found


def sweep_classes(header: Header, text: str, ref: str) -> list[int]:
    """Return the classes of a sweep, at least two. `ref` names the generator in the hint."""
    found = labels(header, text, "--labels", f"gan interpolate {ref} --seeds 3,7,12")
    if len(found) < 2:
        raise UsageError("A sweep needs at least two classes.", hint="--labels all")
    return found


@dataclass(frozen=True, kw_only=True)
class Walk:
    """The seeds of a walk, in words and as numbers, and the classes to show side by side."""

    seed_words: str
    seeds: list[int]
    labels: list[int]


def sweep_seeds(text: str, cells: str | None) -> tuple[list[int], int]:
    """Return the seeds of the pictures in a frame of a sweep, and the number of columns.

    One seed counts up in a grid of `cells`. Several need no grid: they stand side by side.
    """
    found = numbers(text, "--seeds")
    rows, columns = grid(cells) if cells else (1, len(found))
    if len(found) == 1:
        found = [*range(found[0], found[0] + rows * columns)]
    if len(found) != rows * columns:
        raise UsageError(
            f"--grid {cells} has {rows * columns} cells, but --seeds {text} names {len(found)} "
            "seeds.",
            hint="leave out --grid",
        )
    return found, columns


def walk(header: Header, seed_words: str | None, label: str | None) -> Walk:
    """Return the seeds of a walk, at least two, and its classes, by default all."""
    labels = walk_labels(header, label)
    seed_words = "0-3" if seed_words is None else seed_words
    seeds = numbers(seed_words, "--seeds")
    if len(seeds) < 2:
        raise UsageError("A walk needs at least two seeds.", hint="--seeds 3,7")
    return Walk(seed_words=seed_words, seeds=seeds, labels=labels)


@dataclass(frozen=True, kw_only=True)
class Plane:
    """A map of the latent space: its seeds, class and `span`, and how seeds and span are typed."""

    seed_words: str
    range: str
    seeds: list[int]
    label: int | None
    span: tuple[float, float]
    grid: tuple[int, int]


def plane(
    header: Header, seed_words: str | None, label: str | None, range_: str | None, cells: str
) -> Plane:
    """Return a map of all of z if it has two numbers, else of the plane through three seeds."""
    labels = walk_labels(header, label)
    if label and len(labels) > 1:
        raise UsageError("--plane shows only one class.", hint="--labels 3 --plane")
    seed_words = "0-2" if seed_words is None else seed_words
    seeds = numbers(seed_words, "--seeds")
    two_dimensional = header.settings.get("z_dim") == 2
    if not two_dimensional and len(seeds) != 3:
        raise UsageError(
            f"--plane needs exactly three seeds, not {len(seeds)}.",
            hint="--seeds 3,7,12 --plane",
        )
    default = (-1.0, 1.0) if two_dimensional else (0.0, 1.0)
    low, high = span(range_) if range_ else default
    return Plane(
        seed_words=seed_words,
        range=f"{low:g},{high:g}",
        seeds=seeds,
        label=labels[0] if labels else None,
        span=(low, high),
        grid=grid(cells),
    )


def labels(header: Header, text: str, option: str, unlabelled_hint: str | None = None) -> list[int]:
    """Parse classes given by name, number or range, or as `all`, from the value of `option`.

    Raises UsageError for an unknown class, and, with the hint `unlabelled_hint`, for a model that
    was trained without labels.
    """
    names = [name.lower() for name in header.classes] if header.labelled else []
    if not names:
        raise UsageError(
            f"{header.model} was not trained with labels.",
            hint=unlabelled_hint or f"leave out {option}",
        )
    if text.lower() == "all":
        return list(range(len(names)))
    found = []
    for part in [text] if text.lower() in names else text.split(","):  # a name may have a comma
        word = part.strip().lower()
        is_name = word in names
        found += [names.index(word)] if is_name else _class_numbers(word, header.classes, option)
    return found


def _class_numbers(word: str, classes: Sequence[str], option: str) -> list[int]:
    chosen = numbers(word, option) if word[:1].isdecimal() else []
    if not chosen or max(chosen) >= len(classes):
        listed = ", ".join(
            f"{i} {name}" if name != str(i) else name for i, name in enumerate(classes)
        )
        close = None if chosen else closest(word, classes)
        raise UsageError(
            f"The model has no class {max(chosen) if chosen else repr(word)}. Its classes are: "
            f"{shorten(listed, MAX_LISTED, placeholder=' ...')}.",
            hint=f"{option} {shlex.quote(close) if close else f'0-{len(classes) - 1}'}",
        )
    return chosen


def walk_labels(header: Header, text: str | None) -> list[int]:
    """Return the classes of a walk: those in `text`, else all that the model was trained with."""
    if text is None and not header.labelled:
        return []
    return labels(header, "all" if text is None else text, "--labels")


def grid(text: str) -> tuple[int, int]:
    """Parse `10x20` as (10, 20): rows and columns of at most MAX_CELLS cells."""
    rows, _, columns = text.lower().partition("x")
    if not (_is_number(rows) and _is_number(columns) and 0 < int(rows) * int(columns) <= MAX_CELLS):
        raise UsageError(
            f"--grid takes ROWSxCOLUMNS with at most {MAX_CELLS:,} cells, not {text!r}.",
            hint="--grid 10x10",
        )
    return int(rows), int(columns)


def span(text: str) -> tuple[float, float]:
    """Parse `-1,1` as (-1.0, 1.0)."""
    try:
        low, high = map(float, text.split(","))
    except ValueError:
        low = high = nan
    if not -MAX_COORDINATE <= low < high <= MAX_COORDINATE:
        raise UsageError(
            f"--range takes LOW,HIGH: two numbers up to {MAX_COORDINATE:g}, the lower one first, "
            f"not {text!r}.",
            hint="--range=-1,1",
        )
    return low, high
