"""Where results go: names beside their inputs or under `--out`, checked before any work."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from gancli import files, formats
from gancli.cli.parsing import is_video
from gancli.errors import UsageError


def check_picture(out: Path) -> None:
    """Raise UsageError unless `out` is a .png, FileError where none can be written."""
    _check_png(out, "a .png")


def check_picture_or_folder(out: Path) -> None:
    """Raise UsageError unless `out` is a .png or a folder, FileError where it cannot be written."""
    if out.is_dir() or not out.suffix:
        files.check_writable(out / "0.png")
    else:
        _check_png(out, "a .png or a folder")


def _check_png(out: Path, known: str) -> None:
    if out.suffix.lower() != ".png":
        raise UsageError(f"--out {out} is not {known}.", hint=f"--out {out.with_suffix('.png')}")
    files.check_writable(out)


def check_free(targets: Sequence[Path], force: bool) -> None:
    """Raise UsageError for what would be overwritten, FileError for what cannot be written."""
    there = [target for target in targets if target.exists()]
    if there and not force:
        more = f" and {len(there) - 1} more" if len(there) > 1 else ""
        raise UsageError(f"{there[0]}{more} is there already.", hint="--force, or --out DIR")
    for target in targets:
        files.check_writable(target)


def targets(
    sources: Sequence[Path], out: Path | None, ending: str, count: int = 1
) -> list[list[Path]]:
    """Where the `count` results of each source go: `in-ENDING.png` beside it, or in the folder
    `out`; of a single source to the file `out`. Results are numbered where there are several.

    A video's results are videos. Raises UsageError for a suffix that does not suit, or where two
    results would have one name.
    """
    numbers = [""] if count == 1 else [f"-{k}" for k in range(1, count + 1)]
    if out is not None and out.suffix and not out.is_dir():
        _check_file(sources, out)
        return [[out.with_stem(f"{out.stem}{number}") for number in numbers]]
    every = [
        [folder / f"{stem}-{ending}{number}{suffix}" for number in numbers]
        for folder, stem, suffix in _names(sources, out)
    ]
    made = Counter(results[0] for results in every)
    if shared := [results[0] for results in every if made[results[0]] > 1]:
        raise UsageError(
            f"{len(shared)} inputs would become {shared[0]} or the like, each over the other.",
            hint="gan translate them apart, each folder with an --out of its own",
        )
    return every


def _names(sources: Sequence[Path], out: Path | None) -> list[tuple[Path, str, str]]:
    """The folder, stem and suffix of each source's result."""
    stems = Counter((s.parent if out is None else out, s.stem) for s in sources)
    names = []
    for source in sources:
        folder = source.parent if out is None else out
        twice = stems[folder, source.stem] > 1  # in.jpg and in.png
        stem = source.name.replace(".", "-") if twice else source.stem
        names.append((folder, stem, ".mp4" if is_video(source) else ".png"))
    return names


def _check_file(sources: Sequence[Path], out: Path) -> None:
    """Raise UsageError unless the file `out` can be what becomes of `sources`."""
    from gancli.images import SUFFIXES

    if len(sources) > 1:
        raise UsageError(
            f"{len(sources)} inputs need a folder, not the file {out}.",
            hint=f"--out {out.with_suffix('')}",
        )
    video = is_video(sources[0])
    kinds = formats.moving() if video else list(SUFFIXES)
    if out.suffix.lower() not in kinds:
        hint = "--out out.mp4" if video else "--out out.png"
        raise UsageError(f"--out {out} is none of {', '.join(kinds)}.", hint=hint)
