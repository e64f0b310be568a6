"""Find the generator file that a word on the command line names. Imports no torch.

runs/dcgan-fashion-mnist/
  generator.safetensors   the generator of a run; found by the name of the run, model or dataset
  best.safetensors        the generator of its best epoch; used only when its path is given
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
    wanted: str = "",
    train_command: str = "gan train dcgan --dataset glyphs",
) -> Path:
    """Return the generator file that `ref` names: a file, a run folder, or a name.

    A name is that of a run (`dcgan-mnist`), a model or a dataset. If several runs match, the
    newest one that `fits` accepts is returned. Raises UsageError if no run matches, or if none of
    them fits. The message then lists the known runs, or says what none of them does (`wanted`, such
    as "translates pictures"); the hint is `train_command`.
    """
    path = Path(ref)
    if path.is_file():
        return path
    if (path / GENERATOR).is_file():
        return path / GENERATOR
    matches = [f for f in _newest_first(runs) if ref == f.parent.name or ref in _names(f)]
    if found := next(filter(fits, matches), None):
        return found
    if matches:
        raise UsageError(f"No run of {ref} in {runs}/ {wanted}.", hint=train_command)
    if path.is_dir():  # checked after the names: the folder of a dataset may have the same name
        raise UsageError(
            f"The folder {ref} does not contain a {GENERATOR}.", hint="gan train --help"
        )
    known = sorted({f.parent.name for f in _newest_first(runs)})
    listed = f"The runs in {runs}/ are: {', '.join(known)}."
    raise UsageError(
        f"{ref} is not a file, a run folder, or the name of a run, its model or its dataset. "
        f"{listed if known else f'No run has been trained in {runs}/ yet.'}",
        hint=train_command,
    )


def find_translator(ref: str, direction: Direction | None, runs: Path = RUNS) -> Path:
    """Return the generator file named `ref` that translates pictures, in `direction` if given.

    Raises UsageError, with the command that trains one as the hint, if there is none.
    """

    def fits(file: Path) -> bool:
        trained = _direction(file)
        return trained is not None and direction in (None, trained)

    has_pairs = ref in registry.names("datasets") and registry.declared("datasets", ref, "PAIRS")
    data = ref if has_pairs else "toy-facades"
    wanted = f"translates {direction or 'pictures'}"
    file = find(ref, runs, fits, wanted, _train_command(data, direction))
    header = read_generator(file)
    if fits(file):
        return file
    trained = header.direction
    reason = f"translates {trained}, not {direction}" if trained else "does not translate pictures"
    data = (trained and header.dataset.source) or data
    raise UsageError(
        f"The {header.model} in {file} {reason}.", hint=_train_command(data, direction)
    )


def _train_command(data: str, direction: Direction | None) -> str:
    """Return the command that trains a model to translate in `direction`."""
    return f"gan train pix2pix --dataset {data} --direction {direction or Direction.A2B}"


def _direction(file: Path) -> Direction | None:
    try:
        return read_generator(file).direction
    except FileError:
        return None


def find_digest(wanted: str, runs: Path = RUNS) -> Path:
    """Return the generator file whose SHA-256 starts with `wanted`; UsageError if there is none."""
    for file in (*_newest_first(runs), *runs.glob(f"*/{BEST}")):
        if digest(file) == wanted:
            return file
    raise UsageError(
        f"The generator that made this picture is not in {runs}/, or it was trained further since: "
        f"no SHA-256 starts with {wanted}.",
        hint="gan sample REF --like PICTURE, where REF is the generator's file",
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
