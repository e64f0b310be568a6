"""The parts of a saved training state: each keeps its tensors under `part.name`."""

from collections.abc import Mapping

import torch
from torch import Tensor

from gancli.weights import fit

MAX_COUNT = 2**53  # images


def add_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename every tensor to `prefix.name`."""
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def select_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Select the tensors named `prefix.name`, and rename them to `name`."""
    start = f"{prefix}."
    return {k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}


def clock(images_seen: int, pictures: int) -> dict[str, Tensor]:
    """The images that the run has seen, and the number of pictures in one of its epochs."""
    return {"clock": torch.tensor(images_seen), "pictures": torch.tensor(pictures)}


def read_clock(tensors: Mapping[str, Tensor], pictures: int) -> int:
    """The images that the run had seen, as a number of passes over `pictures` pictures.

    If the run had another number of pictures when its state was saved, the passes stay the same.
    Earlier versions did not save that number. Raises KeyError or ValueError if it is damaged.
    """
    seen = _read_count("clock", tensors)
    before = _read_count("pictures", tensors) if "pictures" in tensors else pictures
    if before == 0:
        raise ValueError("its number of pictures is wrong")
    return seen * pictures // before


def _read_count(name: str, tensors: Mapping[str, Tensor]) -> int:
    count = int(fit({name: tensors[name]}, {name: torch.tensor(0)})[name])
    if not 0 <= count <= MAX_COUNT:
        raise ValueError("its number of images is wrong")
    return count
