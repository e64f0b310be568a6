"""Padding of images to a size that can be halved several times, and its inverse."""

from math import ceil, log2

import torch.nn.functional as F
from torch import Tensor, nn


def ladder(size: int) -> list[int]:
    """Return the sizes of the network's scales, each half of the next; the last is `size`, padded.

    The smallest has 5 to 8 pixels:

    28 -> [8, 16, 32]; 36 -> [5, 10, 20, 40]; 64 -> [8, 16, 32, 64].
    """
    halvings = ceil(log2(size / 8))
    step = max(8, 2**halvings)
    side = ceil(size / step) * step
    return [side >> i for i in reversed(range(halvings + 1))]


class Pad(nn.Module):
    """Pad (B, C, size, size) to (B, C, side, side) on all sides, by repeating the edge pixels."""

    def __init__(self, size: int, side: int) -> None:
        super().__init__()
        low, high = (side - size) // 2, (side - size + 1) // 2
        self.margins = (low, high, low, high)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, size, size) to (B, C, side, side)."""
        return F.pad(x, self.margins, mode="replicate") if any(self.margins) else x


class Unpad(nn.Module):
    """Crop the middle (B, C, size, size) of (B, C, side, side): the inverse of `Pad`."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, side, side) to (B, C, size, size)."""
        low = (x.shape[-1] - self.size) // 2
        return x[..., low : low + self.size, low : low + self.size]
