"""The generator that a command line names, and what is said of it."""

from pathlib import Path

from gancli.cli import console
from gancli.errors import UsageError
from gancli.sampling.find import find
from gancli.weights import BEST, GENERATOR, Header, read_generator


def choose(ref: str) -> tuple[Path, Header]:
    """The file that `ref` means and its header; what it is goes to stderr.

    Raises UsageError for one that makes pictures from pictures, and where nothing is meant.
    """
    file = find(ref)
    header = read_generator(file)
    if header.direction:
        raise UsageError(
            f"{file}, a {header.model}, makes pictures from pictures.",
            hint=f"gan translate {ref} in.jpg",
        )
    console.say(f"{file}: {describe(header)}.")
    return file, header


def describe(header: Header) -> str:
    """What a generator is, in a few words."""
    shape = header.shape
    colour = "gray" if shape.channels == 1 else "colour"
    return (
        f"{header.model}, trained on {header.images_seen:,} pictures of "
        f"{header.dataset.name}, {shape.size}x{shape.size} {colour}"
    )


def stem(file: Path) -> str:
    """What results made from a generator file are called."""
    names = {GENERATOR: file.parent.name, BEST: f"{file.parent.name}-best"}
    return names.get(file.name, file.stem)
