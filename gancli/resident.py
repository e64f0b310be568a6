"""A data set on the device as uint8: one host-to-device copy before training, none after."""

from functools import lru_cache

import torch
from torch import Tensor

from gancli.gan import Batch


class Resident:
    """Pictures (N, H, W, C) uint8 and labels (N,) int64 in device memory."""

    def __init__(
        self, images: Tensor, labels: Tensor | None, classes: int, device: torch.device
    ) -> None:
        self.images = images.to(device).contiguous()
        self.labels = None if labels is None else labels.to(device)
        self._one_hot = torch.eye(
            classes, device=device
        )  # rows; F.one_hot would look at the labels

    def __len__(self) -> int:
        return len(self.images)

    def batch(self, index: Tensor) -> Batch:
        """The pictures at `index` (B,): (B, C, H, W) in [-1, 1], channels_last."""
        image = self.images.index_select(0, index).float().div_(127.5).sub_(1)
        image = image.permute(0, 3, 1, 2)  # channels_last as it lies, with one channel, too
        label = None
        if self.labels is not None:
            label = self._one_hot.index_select(0, self.labels.index_select(0, index))
        return Batch(image=image, label=label)


def order(seed: int, count: int, start: int, stop: int) -> Tensor:
    """Indices of pictures `start` to `stop` in an endless stream of shuffled passes over `count`.

    Pass k is a permutation by (seed, k) alone, so any position is found again after a restart, and
    each pass shows every picture once.
    """
    first, last = start // count, (stop - 1) // count
    passes = torch.cat([_permutation(seed, k, count) for k in range(first, last + 1)])
    return passes[start - first * count : stop - first * count]


@lru_cache(maxsize=2)
def _permutation(seed: int, number: int, count: int) -> Tensor:
    return torch.randperm(count, generator=torch.Generator().manual_seed((seed << 24) + number))
