"""Find the generator that a command names, and describe it."""

import os
from pathlib import Path

from gancli.cli import console
from gancli.plugins import digest
from gancli.pretrained import name_of
from gancli.sampling import choices
from gancli.sampling.find import find, model_of, newest
from gancli.weights import BEST, GENERATOR, Header, read_generator


def choose(
    ref: str | None, model_file: str | None, labelled: bool = False, points: bool = False
) -> tuple[Path, Header]:
    """Return the generator file that `ref` names and its header, and describe it on stderr.

    Without `ref` it is that of the newest run, or the newest with labels if `labelled`, else a
    pretrained one. Raises
    UsageError if none is found, if it translates pictures, if it makes points in the plane (unless
    those are welcome: `points`), and as `announce` does.
    """
    file = find(ref) if ref is not None else newest(labelled)
    header = read_generator(file)
    choices.check_noise(header, name_of(file) or str(file), ref or str(file), points)
    announce(file, header, model_file)
    return file, header


def announce(file: Path, header: Header, model_file: str | None) -> None:
    """Describe a generator on stderr, and tell if the file of its model was edited since.

    Raises UsageError, before anything slow is imported, if `model_file` is missing or superfluous.
    """
    model_of(file, header, model_file)
    pretrained = name_of(file)
    console.say(f"{f'Pretrained {pretrained}' if pretrained else file}: {describe(header)}.")
    if model_file and header.model_file and digest(model_file) != header.model_file.digest:
        console.say(f"{model_file} was edited after this training, so the pictures may differ.")


def describe(header: Header) -> str:
    """Describe a generator in a few words: model, training, size and colour."""
    shape = header.shape
    colour = "gray" if shape.channels == 1 else "colour"
    kind = "points in the plane" if shape.points else f"{shape.size}x{shape.size} {colour}"
    seen = f"{header.images_seen:,} {'points' if shape.points else 'images'} seen"
    return f"{header.model}, trained on {header.dataset.name} ({seen}), {kind}"


def stem(file: Path) -> str:
    """Return the start of the default names of results: the run's name, or the file's stem."""
    run = Path(os.path.abspath(file)).parent.name  # noqa: PTH100 - resolve would follow links
    names = {GENERATOR: run, BEST: f"{run}-best"}
    return names.get(file.name, file.stem)
