"""Find the generator file that a word on the command line names. Imports no torch.

A word names the newest of the user's runs that it fits, else one of the pretrained generators.

runs/dcgan-fashion-mnist/
  generator.safetensors   the generator of a run; found by the name of the run, model or dataset
  best.safetensors        the generator of its best epoch; used only when its path is given
"""

import shlex
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from gancli import plans, plugins, pretrained, registry
from gancli.errors import FileError, GanError, UsageError
from gancli.formats import PICTURES, read_recipe
from gancli.shape import Direction
from gancli.weights import BEST, GENERATOR, Header, digest, read_generator

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
    newest one that `fits` accepts is returned, else the first pretrained generator. Raises
    UsageError if none matches, or if none of them fits. The message then says what none of them
    does (`wanted`, such as "translates pictures"); the hint is `train_command`.
    """
    path = Path(ref)
    if path.is_file():
        _check_not_a_picture(path)
        return path
    if (path / GENERATOR).is_file():
        return path / GENERATOR
    if stopped := _stopped(ref, runs):
        raise _without_checkpoint(stopped)
    word = registry.folded(ref)
    matches = [f for f in _all(runs) if word in map(registry.folded, _names(f))]
    if found := next(filter(fits, matches), None):
        return found
    if matches:
        raise UsageError(f"No run of {ref} in {runs}/ {wanted}.", hint=train_command)
    if path.is_dir():  # checked after the names: the folder of a dataset may have the same name
        holds_files = any(not file.name.startswith(".") for file in path.iterdir())
        raise UsageError(
            f"The folder {ref} {'does not contain a generator' if holds_files else 'is empty'}.",
            hint=f"gan train dcgan --dataset {shlex.quote(ref)}" if holds_files else train_command,
        )
    raise _unknown(ref, runs, train_command)


def _stopped(ref: str, runs: Path) -> Path | None:
    """Return the folder named `ref` of a run that has a plan and no generator; None if it has."""
    for folder in (Path(ref), runs / ref):
        if (folder / plans.FILE).is_file() and not (folder / GENERATOR).is_file():
            return folder
    return None


def _without_checkpoint(folder: Path) -> UsageError:
    """Return the error for the folder of a run that has a plan and no generator."""
    message = f"The run in {folder} was stopped before its first checkpoint."
    quoted = shlex.quote(str(folder))
    try:
        plans.read(folder / plans.FILE)
    except (OSError, ValueError):
        return UsageError(
            f"{message} Its {plans.FILE} is damaged, too.",
            hint=f"gan train dcgan --dataset glyphs --out {quoted} --fresh",
        )
    return UsageError(message, hint=f"gan train --config {quoted} --out {quoted}")


def _unknown(ref: str, runs: Path, train_command: str) -> UsageError:
    """Return the error for a word that names nothing, with what to train or to choose from."""
    model, dataset = (registry.canonical(kind, ref) for kind in ("models", "datasets"))
    if model in registry.names("models"):
        data = registry.example_data(registry.declared("models", model, "PAIRS", False))
        return UsageError(
            f"No {model} has been trained in {runs}/ yet.", hint=f"gan train {model} {data}"
        )
    if dataset in registry.names("datasets"):
        return UsageError(
            f"No model has been trained on {dataset} in {runs}/ yet.",
            hint=train_command.replace("glyphs", dataset),
        )
    guess = registry.did_you_mean(ref, names(runs))
    return UsageError(
        f"{ref} is not a file, a run folder, or the name of a run, its model or its dataset{guess}",
        hint="gan runs",
    )


def model_of(file: Path, header: Header, model_file: str | None) -> str:
    """Return what to pass to `registry.load` for the model of a generator, `model_file` or a name.

    A header may come from a stranger, so it never decides which file is run. Raises UsageError for
    a model from a file that the user has not named, and if a package that defines the model is not
    installed.
    """
    if header.model_file is None:
        if model_file:
            raise UsageError(
                f"{file} was made by the model {header.model}, not by one in a file of your own.",
                hint="leave out --model-file",
            )
        registry.check("models", header.model)
        return header.model
    if model_file is None:
        raise UsageError(
            f"{file} was made by the model in {header.model_file.name}. gan runs such a "
            "file only if you name it.",
            hint=f"--model-file {_beside(header.model_file.name)}",
        )
    if not plugins.is_file(model_file):
        raise UsageError(
            f"--model-file takes the path of a .py file, not {model_file!r}.",
            hint=f"--model-file {_beside(header.model_file.name)}",
        )
    plugins.find_file(model_file)
    return model_file


def dataset_of(header: Header, dataset: str | None) -> str:
    """Return what to pass to `open_pictures` for the data of a generator: `dataset`, if not None.

    Raises UsageError if the header names a .py file and the user has not named any data.
    """
    source = header.dataset.source
    if dataset is None and plugins.is_file(source):
        raise UsageError(
            f"The generator was trained on the pictures of {source}. gan runs such a file "
            "only if you name it.",
            hint=f"--dataset {_beside(source)}",
        )
    return dataset or source


def _beside(name: str) -> str:
    """Return the path of a file in the working directory, as a shell needs it."""
    return shlex.quote(f"./{Path(name).name}")


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
    for file in (*_all(runs), *runs.glob(f"*/{BEST}")):
        if digest(file) == wanted:
            return file
    raise UsageError(
        f"The generator that made this picture is not in {runs}/, or it was trained further since: "
        f"no SHA-256 starts with {wanted}.",
        hint="gan sample REF --like PICTURE, where REF is the generator's file",
    )


def newest(labelled: bool = False, translators: bool = False, runs: Path = RUNS) -> Path:
    """Return the generator of the newest run that makes pictures from noise, else a pretrained one.

    With `labelled` it must take labels; with `translators` it may translate pictures instead.
    Raises UsageError if there is none.
    """
    for file in _all(runs):
        with suppress(FileError):
            header = read_generator(file)
            if (translators or not header.direction) and (header.labelled or not labelled):
                return file
    model = "acgan" if labelled else "dcgan"
    raise UsageError(
        f"There is no trained {'generator with labels' if labelled else 'generator'} in {runs}/ "
        "yet.",
        hint=f"gan train {model} --dataset glyphs --minutes 2",
    )


def newest_first(runs: Path = RUNS) -> list[Path]:
    """Return the generator files of the runs in the folder `runs`, the newest first."""
    files = runs.glob(f"*/{GENERATOR}")
    return sorted(files, key=lambda f: f.stat().st_mtime, reverse=True)


def _all(runs: Path) -> list[Path]:
    """Return the generator files of the runs, the newest first, and then the pretrained ones."""
    return [*newest_first(runs), *pretrained.files()]


def _check_not_a_picture(path: Path) -> None:
    """Raise UsageError if `path` is a picture: one that a generator has made, or any other."""
    if path.suffix.lower() in PICTURES:
        recipe = None
        with suppress(GanError):
            recipe = read_recipe(path)
        raise UsageError(
            f"{path} is a picture, not a generator.",
            hint=f"gan sample --like {shlex.quote(str(path))}" if recipe else "gan runs",
        )


def names(runs: Path = RUNS) -> list[str]:
    """Return the names that `find` knows in the folder `runs`, sorted."""
    return sorted({name for file in _all(runs) for name in _names(file)})


def _names(file: Path) -> set[str]:
    """Return the words for a generator: its run or its own name, its model and its dataset."""
    name = pretrained.name_of(file) or file.parent.name
    try:
        header = read_generator(file)
    except FileError:
        return {name}
    return {name, header.model, header.dataset.name}
