"""A dataset held in device memory: copied there once, before training.

Pictures are uint8; points in the plane are float32 (N, 1, 1, 2).

`streaming` has the alternative for data that does not fit. Both build batches with `make_batch`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from gancli.gan import Batch, Share
from gancli.training import augment

IndexAt = Callable[[int], Tensor]  # from a position in `order` to the indices of the step there


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How images are augmented when a batch is built, see `augment`.

    The last two say which half of a pair is a label map, whose colours must not be mixed.
    """

    jitter: float = 0.0
    mirror: bool = False
    image_is_label_map: bool = False
    source_is_label_map: bool = False


class ResidentDataset:
    """Images (N, H, W, C) uint8 and labels (N,) int64 in device memory.

    For pairs, `images` are the halves to generate and `sources` (N, H, W, C') uint8 the halves to
    generate them from.
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
        augmentation: Augmentation = Augmentation(),
    ) -> None:
        self.images = images.to(device).contiguous()
        self.labels = None if labels is None else labels.to(device)
        self.sources = None if sources is None else sources.to(device).contiguous()
        self.augmentation = augmentation
        # Row k is the one-hot of class k. F.one_hot would check the labels on the host.
        self._one_hot = torch.eye(classes, device=device)

    def __len__(self) -> int:
        return len(self.images)

    def fetch(self, start: int, size: int, index_at: IndexAt) -> None:
        """Do nothing: everything is on the device already."""

    def close(self) -> None:
        """Do nothing."""

    def batch(self, index: Tensor) -> Batch:
        """The batch of the images at `index` (B,): (B, C, H, W) in [-1, 1], channels_last."""
        image = self.images.index_select(0, index)
        source = None if self.sources is None else self.sources.index_select(0, index)
        label = None
        if self.labels is not None:
            label = self._one_hot.index_select(0, self.labels.index_select(0, index))
        return make_batch(image, label, source, self.augmentation, self.share)


def make_batch(
    image: Tensor,
    label: Tensor | None,
    source: Tensor | None,
    augmentation: Augmentation,
    share: Share,
) -> Batch:
    """Scale and augment images (B, H, W, C) on the device, as a model sees them."""
    image = _to_float(image)
    source = None if source is None else _to_float(source)
    if augmentation.jitter or augmentation.mirror:
        # Crops are drawn for the global batch, and each process keeps its share.
        count = share.world_size * len(image)
        crops = augment.random_crops(
            count, augmentation.jitter, augmentation.mirror, image.device, share.rng
        )
        crops = share.of(crops)
        image = augment.crop(image, crops, augmentation.image_is_label_map)
        if source is not None:  # both halves of a pair get the same crop
            source = augment.crop(source, crops, augmentation.source_is_label_map)
    return Batch(image=image, label=label, source=source)


def _to_float(images: Tensor) -> Tensor:
    """(B, H, W, C) uint8 as (B, C, H, W) in [-1, 1]; points, which are float32, are not scaled.

    The result is only permuted, so it is channels_last, also with one channel.
    """
    if images.is_floating_point():
        return images.permute(0, 3, 1, 2)
    return images.float().div_(127.5).sub_(1).permute(0, 3, 1, 2)


def order(seed: int, count: int, start: int, stop: int) -> Tensor:
    """Image indices at positions `start` to `stop` of an endless stream of shuffled passes.

    Pass k is a permutation of `count` images that depends on (seed, k) alone. So a resumed run
    finds any position again, and each pass shows every image once.
    """
    first, last = start // count, (stop - 1) // count
    passes = [_permutation(seed, k, count) for k in range(first, last + 1)]
    order = torch.cat(passes) if last > first else passes[0]  # no copy in most steps
    return order[start - first * count : stop - first * count]


@lru_cache(maxsize=2)  # a batch spans at most two passes, since a batch never exceeds the data
def _permutation(seed: int, number: int, count: int) -> Tensor:
    # torch's CPU generator uses the lower 32 bits of a seed. Multiplying by odd constants gives
    # neighbouring seeds and passes different values.
    mixed = (seed * 0x9E3779B1 + number * 0x85EBCA6B) % 2**32
    return torch.randperm(count, generator=torch.Generator().manual_seed(mixed))
