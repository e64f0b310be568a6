"""Find the generator that a command names, and describe it."""

from pathlib import Path

from gancli.cli import console
from gancli.errors import UsageError
from gancli.sampling.find import find
from gancli.weights import BEST, GENERATOR, Header, read_generator


def choose(ref: str) -> tuple[Path, Header]:
    """Return the generator file that `ref` names and its header, and describe it on stderr.

    Raises UsageError if none is found, or if it translates pictures.
    """
    file = find(ref)
    header = read_generator(file)
    if header.direction:
        raise UsageError(
            f"{file} is a {header.model}: it makes pictures from pictures, not from noise.",
            hint=f"gan translate {ref} in.jpg",
        )
    console.say(f"{file}: {describe(header)}.")
    return file, header


def describe(header: Header) -> str:
    """Describe a generator in a few words: model, training, size and colour."""
    shape = header.shape
    colour = "gray" if shape.channels == 1 else "colour"
    return (
        f"{header.model}, trained on {header.dataset.name} ({header.images_seen:,} images seen), "
        f"{shape.size}x{shape.size} {colour}"
    )


def stem(file: Path) -> str:
    """Return the start of the default names of results: the run's name, or the file's stem."""
    names = {GENERATOR: file.parent.name, BEST: f"{file.parent.name}-best"}
    return names.get(file.name, file.stem)
