"""A data set on the device as uint8: one host-to-device copy before training, none after."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from gancli.gan import Batch, Share
from gancli.training import augment

IndexAt = Callable[[int], Tensor]  # from a position in the order to the pictures of the step there


@dataclass(frozen=True, kw_only=True)
class Vary:
    """How pictures are augmented as they are drawn; label maps are `crisp`, see `augment`."""

    jitter: float = 0.0
    mirror: bool = False
    crisp_image: bool = False
    crisp_source: bool = False


class Resident:
    """Pictures (N, H, W, C) uint8 and labels (N,) int64 in device memory.

    Of pairs, `sources` (N, H, W, C') uint8 are the halves that the pictures are to be made from.
    """

    share = Share()  # set by the trainer

    def __init__(
        self,
        images: Tensor,
        labels: Tensor | None,
        classes: int,
        device: torch.device,
        *,
        sources: Tensor | None = None,
        vary: Vary = Vary(),
    ) -> None:
        self.images = images.to(device).contiguous()
        self.labels = None if labels is None else labels.to(device)
        self.sources = None if sources is None else sources.to(device).contiguous()
        self.vary = vary
        # Rows to select from: F.one_hot would check the labels on the host.
        self._one_hot = torch.eye(classes, device=device)

    def __len__(self) -> int:
        return len(self.images)

    def fetch(self, start: int, size: int, index_at: IndexAt) -> None:
        """Nothing to do: everything is on the device already."""

    def close(self) -> None:
        """Nothing to do."""

    def batch(self, index: Tensor) -> Batch:
        """The pictures at `index` (B,): (B, C, H, W) in [-1, 1], channels_last."""
        image = self.images.index_select(0, index)
        source = None if self.sources is None else self.sources.index_select(0, index)
        label = None
        if self.labels is not None:
            label = self._one_hot.index_select(0, self.labels.index_select(0, index))
        return shown(image, label, source, self.vary, self.share)


def shown(
    image: Tensor, label: Tensor | None, source: Tensor | None, vary: Vary, share: Share
) -> Batch:
    """The batch that a model sees, augmented: from pictures (B, H, W, C) uint8 on the device."""
    image = _to_floats(image)
    source = None if source is None else _to_floats(source)
    if vary.jitter or vary.mirror:
        count = share.world * len(image)
        crops = augment.random_crops(count, vary.jitter, vary.mirror, image.device, share.rng)
        crops = share.of(crops)
        image = augment.crop(image, crops, vary.crisp_image)
        if source is not None:  # both halves of a pair are cropped alike
            source = augment.crop(source, crops, vary.crisp_source)
    return Batch(image=image, label=label, source=source)


def _to_floats(pictures: Tensor) -> Tensor:
    """(B, C, H, W) in [-1, 1]; permuted only, so they are channels_last, also with one channel."""
    return pictures.float().div_(127.5).sub_(1).permute(0, 3, 1, 2)


def order(seed: int, count: int, start: int, stop: int) -> Tensor:
    """Indices of pictures `start` to `stop` in an endless stream of shuffled passes over `count`.

    Pass k is a permutation that depends on (seed, k) alone: a restart finds any position again, and
    each pass shows every picture once.
    """
    first, last = start // count, (stop - 1) // count
    passes = [_permutation(seed, k, count) for k in range(first, last + 1)]
    order = torch.cat(passes) if last > first else passes[0]  # no copy in most steps
    return order[start - first * count : stop - first * count]


@lru_cache(maxsize=2)
def _permutation(seed: int, number: int, count: int) -> Tensor:
    # torch's generator takes 32 bits: odd factors, so that neighbours among seeds and passes differ
    mixed = (seed * 0x9E3779B1 + number * 0x85EBCA6B) % 2**32
    return torch.randperm(count, generator=torch.Generator().manual_seed(mixed))
