"""Store weights in 16 or 8 bits, both networks in one file, and restore them.

In 8 bits, every row of a weight w (its first index) is stored as round(w / s), with a scale s of
its own: 1/127 of the largest absolute value in the row. The scales are beside it, as NAME:scale.
Vectors (biases, statistics of batch norm) are few, so they stay as they are. The names of the
discriminator's tensors start with `discriminator:`.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor

Bits = Literal[8, 16]
SCALE = ":scale"  # ends the name of a tensor of scales
LARGEST = 127  # of 8 bits
DISCRIMINATOR = "discriminator:"


def compress(tensors: "Mapping[str, Tensor]", bits: Bits) -> "dict[str, Tensor]":
    """Return float32 `tensors` with all matrices and kernels in `bits` bits."""
    found: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if not tensor.is_floating_point() or tensor.ndim < 2:
            found[name] = tensor
        elif bits == 16:
            found[name] = tensor.half()
        else:
            scale = tensor.flatten(1).abs().amax(1).clamp_min(1e-12) / LARGEST
            rows = tensor / _beside(scale, tensor)
            found[name], found[name + SCALE] = rows.round().char(), scale
    return found


def expand(tensors: "Mapping[str, Tensor]") -> "dict[str, Tensor]":
    """Return `tensors` with those that have scales as float32. Those in 16 bits stay in them.

    Raises KeyError if scales do not belong to the rows of a tensor in 8 bits.
    """
    import torch

    found = dict(tensors)
    for name in [n for n in tensors if n.endswith(SCALE)]:
        scale, rows = found.pop(name), found.get(name.removesuffix(SCALE))
        if (
            rows is None
            or rows.dtype != torch.int8
            or not rows.ndim
            or scale.shape != rows.shape[:1]
        ):
            raise KeyError(f"{name} does not belong to a tensor")
        found[name.removesuffix(SCALE)] = rows.float() * _beside(scale.float(), rows)
    return found


def join(
    generator: "Mapping[str, Tensor]", discriminator: "Mapping[str, Tensor]"
) -> "dict[str, Tensor]":
    """Return the tensors of both networks, with names that tell them apart."""
    return {**generator, **{DISCRIMINATOR + name: t for name, t in discriminator.items()}}


def split(tensors: "Mapping[str, Tensor]") -> "tuple[dict[str, Tensor], dict[str, Tensor]]":
    """Return the tensors of the generator and of the discriminator, which may have none."""
    of_d = {n: t for n, t in tensors.items() if n.startswith(DISCRIMINATOR)}
    generator = {n: t for n, t in tensors.items() if n not in of_d}
    return generator, {n.removeprefix(DISCRIMINATOR): t for n, t in of_d.items()}


def _beside(scale: "Tensor", tensor: "Tensor") -> "Tensor":
    """Return a scale for each row in a shape that multiplies `tensor`."""
    return scale.view(-1, *[1] * (tensor.ndim - 1))
