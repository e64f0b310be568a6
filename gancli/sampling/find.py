"""Which generator file is meant by a word on the command line. Imports no torch.

runs/dcgan-fashion-mnist/
  generator.safetensors   the generator of a run, which a name leads to
  best.safetensors        that of its best epoch, which is named by its path
"""

from collections.abc import Callable
from pathlib import Path

from gancli import registry
from gancli.errors import FileError, UsageError
from gancli.shape import Direction
from gancli.weights import BEST, GENERATOR, digest, read_generator

RUNS = Path("runs")


def find(
    ref: str,
    runs: Path = RUNS,
    fits: Callable[[Path], bool] = lambda _: True,
    does: str = "",
    train: str = "gan train dcgan --dataset glyphs",
) -> Path:
    """The generator file meant by `ref`: a file, a run folder, or a name.

    A name is that of a run (`dcgan-mnist`), a model or a data set; of several runs that `fits`
    allows, the newest counts. Raises UsageError, with the runs there are and the command `train`
    that makes one, when nothing is meant, or nothing `does` what it should.
    """
    path = Path(ref)
    if path.is_file():
        return path
    if (path / GENERATOR).is_file():
        return path / GENERATOR
    meant = [f for f in _newest_first(runs) if ref == f.parent.name or ref in _names(f)]
    if found := next(filter(fits, meant), None):
        return found
    if meant:
        raise UsageError(f"No run of {ref} in {runs}/ {does}.", hint=train)
    if path.is_dir():  # a data set of that name may lie here, too
        raise UsageError(f"{ref} is a folder without a {GENERATOR}.", hint="gan train --help")
    known = sorted({f.parent.name for f in _newest_first(runs)})
    there = f"Trained here: {', '.join(known)}." if known else f"Nothing is trained in {runs}/ yet."
    raise UsageError(
        f"{ref} is neither a file, nor a run folder, nor the model or data set of a run. {there}",
        hint=train,
    )


def find_translator(ref: str, direction: Direction | None, runs: Path = RUNS) -> Path:
    """The generator meant by `ref` that translates pictures, in `direction` if that is given.

    Raises UsageError, naming the command that trains one, where there is none.
    """

    def fits(file: Path) -> bool:
        there = _direction(file)
        return there is not None and direction in (None, there)

    known = ref in registry.names("datasets") and registry.declared("datasets", ref, "PAIRS")
    data = ref if known else "toy-facades"
    file = find(ref, runs, fits, f"translates {direction or 'pictures'}", _command(data, direction))
    header = read_generator(file)
    if fits(file):
        return file
    there = header.direction
    trained = f"translates {there}, not {direction}" if there else "translates no pictures"
    data = (there and header.dataset.source) or data
    raise UsageError(f"{file}, a {header.model}, {trained}.", hint=_command(data, direction))


def _command(data: str, direction: Direction | None) -> str:
    """The command that trains a model to translate in `direction`."""
    return f"gan train pix2pix --dataset {data} --direction {direction or Direction.A2B}"


def _direction(file: Path) -> Direction | None:
    try:
        return read_generator(file).direction
    except FileError:
        return None


def find_digest(wanted: str, runs: Path = RUNS) -> Path:
    """The generator file with this digest. Raises UsageError where no run has it."""
    for file in (*_newest_first(runs), *runs.glob(f"*/{BEST}")):
        if digest(file) == wanted:
            return file
    raise UsageError(
        f"No generator in {runs}/ made this picture (its file begins with SHA-256 {wanted}).",
        hint="gan sample REF --like PICTURE, with the generator's file for REF",
    )


def _newest_first(runs: Path) -> list[Path]:
    files = runs.glob(f"*/{GENERATOR}")
    return sorted(files, key=lambda f: f.stat().st_mtime, reverse=True)


def _names(file: Path) -> set[str]:
    try:
        header = read_generator(file)
    except FileError:
        return set()
    return {header.model, header.dataset.name}
