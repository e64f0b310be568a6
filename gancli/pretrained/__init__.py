"""Generators that come with gan, so that there is something to play with before any training.

Each is a file NAME.safetensors in this folder. Its header has a `Card` with the data and their
terms, the command that trained it, and how good it is. Imports no torch.
"""

from pathlib import Path

FOLDER = Path(__file__).parent
# The first one that fits is meant by the name of its model or its dataset.
NAMES = ("dcgan-fashion-mnist", "cgan-fashion-mnist", "acgan-mnist", "facades-A2B")


def files() -> list[Path]:
    """Return the files of the generators, in the order of NAMES."""
    return [FOLDER / f"{name}.safetensors" for name in NAMES]


def name_of(file: Path) -> str | None:
    """Return the name of the generator in `file` if it is one of these, else None."""
    return file.stem if file.parent == FOLDER else None
