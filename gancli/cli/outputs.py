"""Where results are written: names of output files, checked before any slow work starts."""

import shlex
from collections import Counter
from collections.abc import Sequence
from itertools import chain, count
from pathlib import Path

from gancli import files, formats, points
from gancli.cli.parsing import is_video
from gancli.errors import UsageError


def inside(folder: Path, name: str) -> Path:
    """Return the file `name` in `folder`. Raises UsageError if that is anywhere else.

    Parts of a name may come from a stranger's file, and `a/../../b` would leave the folder.
    """
    path = folder / name
    if path.parent != folder or path.name != name or name == ".." or "\0" in name:
        raise UsageError(f"{name!r} is not a file name.", hint="--out out.png")
    return path


def unused(name: str, folder: Path = Path()) -> Path:
    """Return the file of a result for which no `--out` was given: one that does not exist yet."""
    path = inside(folder, name)
    numbers = count(2)
    while path.exists() or path.is_symlink():
        path = inside(folder, f"{Path(name).stem}-{next(numbers)}{Path(name).suffix}")
    return path


def is_folder(out: Path) -> bool:
    """Return whether `--out` names a folder and not a file."""
    return out.is_dir() or not out.suffix


def check_picture(out: Path) -> None:
    """Raise UsageError unless `out` is a .png, FileError if it cannot be written."""
    _check_png(out, "a .png")


def check_picture_or_folder(out: Path, force: bool) -> None:
    """Raise UsageError unless `out` is a .png or a folder, FileError if it cannot be written.

    A folder must not hold pictures, unless `force`.
    """
    if is_folder(out):
        check_folder(out, force)
    else:
        _check_png(out, "a .png or a folder")


def check_drawing_or_csv(out: Path) -> None:
    """Raise UsageError unless `out`, of points, is a .png or .csv file."""
    if points.is_file(out.name):
        files.check_writable(out)
    else:
        _check_png(out, "a .png or .csv file, which points need")


def check_folder(out: Path, force: bool) -> None:
    """Raise UsageError if `out` or a folder in it holds pictures, unless `force`.

    Their names could be those of the results: there would be no telling old from new. Raises
    FileError if it cannot be written.
    """
    found = (path for pattern in ("*", "*/*") for path in out.glob(pattern))
    if not force and any(path.suffix.lower() in formats.PICTURES for path in found):
        raise UsageError(
            f"The folder {out} already holds pictures; --force writes into it anyway.",
            hint=f"--out {shlex.quote(str(unused(out.name, out.parent)))}",
        )
    files.check_writable(out / "0.png")


def _check_png(out: Path, expected: str) -> None:
    if out.suffix.lower() != ".png":
        named = out.with_suffix(".png") if out.name else "picture.png"  # `.` has no name
        raise UsageError(f"--out {out} is not {expected}.", hint=f"--out {named}")
    files.check_writable(out)


def targets(
    sources: Sequence[Path], out: Path | None, ending: str, variations: int = 1, force: bool = False
) -> list[list[Path]]:
    """Return the files for the results of each source, one for each of its `variations`.

    A result is `in-ENDING.png` beside its source, where it gets a number if that exists, unless
    `force`; or it is in the folder `out`. `out` may be a file if there is one source. Several
    results per source are numbered. Results of videos are videos. Raises UsageError if the suffix
    of `out` does not fit, if `out` holds pictures (unless `force`), or if two results would share a
    name; FileError if a file cannot be written.
    """
    numbers = [""] if variations == 1 else [f"-{k}" for k in range(1, variations + 1)]
    if out is not None and not is_folder(out):
        _check_file(sources, out)
        found = [[out.with_stem(f"{out.stem}{number}") for number in numbers]]
    else:
        if out is not None:
            check_folder(out, force)
        free = inside if force else _unused
        found = [
            [free(folder, f"{stem}-{ending}{number}{suffix}") for number in numbers]
            for folder, stem, suffix in _names(sources, out)
        ]
        _check_distinct(found)
    for target in chain(*found):
        files.check_writable(target)
    return found


def _unused(folder: Path, name: str) -> Path:
    return unused(name, folder)


def _check_distinct(results: Sequence[Sequence[Path]]) -> None:
    """Raise UsageError if two sources have the same result."""
    uses = Counter(first for first, *_ in results)
    if shared := [first for first, *_ in results if uses[first] > 1]:
        raise UsageError(
            f"{len(shared)} inputs would overwrite each other's results, such as {shared[0]}.",
            hint="run gan translate once per folder, each time with another --out",
        )


def _names(sources: Sequence[Path], out: Path | None) -> list[tuple[Path, str, str]]:
    """Return the folder, stem and suffix of each source's result."""
    stems = Counter((s.parent if out is None else out, s.stem) for s in sources)
    names = []
    for source in sources:
        folder = source.parent if out is None else out
        ambiguous = stems[folder, source.stem] > 1  # in.jpg and in.png become in-jpg and in-png
        stem = source.name.replace(".", "-") if ambiguous else source.stem
        names.append((folder, stem, ".mp4" if is_video(source) else ".png"))
    return names


def _check_file(sources: Sequence[Path], out: Path) -> None:
    """Raise UsageError unless the result of `sources` can be the one file `out`."""
    from gancli.images import SUFFIXES

    if len(sources) > 1:
        raise UsageError(
            f"--out must be a folder for {len(sources)} inputs, but {out} is a file name.",
            hint=f"--out {out.with_suffix('')}",
        )
    video = is_video(sources[0])
    kinds = formats.moving() if video else list(SUFFIXES)
    if out.suffix.lower() not in kinds:
        hint = "--out out.mp4" if video else "--out out.png"
        raise UsageError(f"--out {out} must end in one of: {', '.join(kinds)}.", hint=hint)
