"""The parts of a saved training state: each keeps its tensors under `part.name`."""

from collections.abc import Mapping

import torch
from torch import Tensor

from gancli.weights import fit

MAX_CLOCK = 2**53  # images


def add_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename every tensor to `prefix.name`."""
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def select_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Select the tensors named `prefix.name`, and rename them to `name`."""
    start = f"{prefix}."
    return {k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}


def read_clock(tensors: Mapping[str, Tensor]) -> int:
    """The images that the run had seen. Raises KeyError or ValueError if that is damaged."""
    clock = fit({"clock": tensors["clock"]}, {"clock": torch.tensor(0)})["clock"]
    if not 0 <= clock <= MAX_CLOCK:
        raise ValueError("its number of images is wrong")
    return int(clock)
