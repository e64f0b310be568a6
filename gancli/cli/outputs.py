"""Where results are written: names of output files, checked before any slow work starts."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from gancli import files, formats
from gancli.cli.parsing import is_video
from gancli.errors import UsageError


def check_picture(out: Path) -> None:
    """Raise UsageError unless `out` is a .png, FileError if it cannot be written."""
    _check_png(out, "a .png")


def check_picture_or_folder(out: Path) -> None:
    """Raise UsageError unless `out` is a .png or a folder, FileError if it cannot be written."""
    if out.is_dir() or not out.suffix:
        files.check_writable(out / "0.png")
    else:
        _check_png(out, "a .png or a folder")


def _check_png(out: Path, expected: str) -> None:
    if out.suffix.lower() != ".png":
        raise UsageError(f"--out {out} is not {expected}.", hint=f"--out {out.with_suffix('.png')}")
    files.check_writable(out)


def check_free(targets: Sequence[Path], force: bool) -> None:
    """Raise UsageError if a target exists, unless `force`; FileError if one cannot be written."""
    existing = [target for target in targets if target.exists()]
    if existing and not force:
        more = f" (and {len(existing) - 1} more)" if len(existing) > 1 else ""
        raise UsageError(
            f"{existing[0]} already exists{more}.",
            hint="--force to overwrite, or --out DIR to write elsewhere",
        )
    for target in targets:
        files.check_writable(target)


def targets(
    sources: Sequence[Path], out: Path | None, ending: str, count: int = 1
) -> list[list[Path]]:
    """Return the files for the `count` results of each source.

    A result is `in-ENDING.png` beside its source, or in the folder `out`. `out` may be a file if
    there is one source. Several results per source are numbered. Results of videos are videos.
    Raises UsageError if the suffix of `out` does not fit, or if two results would share a name.
    """
    numbers = [""] if count == 1 else [f"-{k}" for k in range(1, count + 1)]
    if out is not None and out.suffix and not out.is_dir():
        _check_file(sources, out)
        return [[out.with_stem(f"{out.stem}{number}") for number in numbers]]
    results = [
        [folder / f"{stem}-{ending}{number}{suffix}" for number in numbers]
        for folder, stem, suffix in _names(sources, out)
    ]
    uses = Counter(first for first, *_ in results)
    if shared := [first for first, *_ in results if uses[first] > 1]:
        raise UsageError(
            f"{len(shared)} inputs would overwrite each other's results, such as {shared[0]}.",
            hint="run gan translate once per folder, each time with another --out",
        )
    return results


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
