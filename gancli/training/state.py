"""Names in a saved training state: dotted, so that each part keeps its own under one prefix."""

from collections.abc import Mapping

from torch import Tensor


def nest(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Every name as `prefix.name`."""
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def unnest(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Those named `prefix.name`, as `name`."""
    start = f"{prefix}."
    return {k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}
