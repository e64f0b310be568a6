"""The sliced Wasserstein distance between patches of Laplacian pyramids: it needs no network.

Progressive Growing of GANs for Improved Quality, Stability, and Variation. Tero Karras, Timo Aila,
Samuli Laine, Jaakko Lehtinen, 2017, arXiv:1710.10196, section 5.

Each level of the pyramid shows structure of one size: the first level the finest details, the last
one the coarse shapes. On each level, patches of 7x7 pixels from generated pictures are compared
with such patches from real ones. Colours are normalised first, so the distance is one of texture,
not of mean colour. As in the paper, values are multiplied by 1000.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from gancli.evaluation.evidence import Samples, Translations
from gancli.evaluation.metrics import EvidenceMetric, Kind, Rows

PATCH = 7  # pixels
SMALLEST = 14  # pixels of the last level, at least; the paper's is 16
PATCHES = 2**15  # from each set of pictures and level, at most
DIRECTIONS = 128  # onto which patches are projected
KERNEL = torch.tensor([1.0, 4, 6, 4, 1]) / 16  # of the Gaussian pyramid
SEED = 0  # of places and directions
CHUNK = 256  # pictures at once: memory, not results


def distances(a: Tensor, b: Tensor) -> list[float]:
    """Return the distance on each level between pictures (N, C, H, W) and (M, C, H, W), uint8.

    If N and M differ, the last ones of the larger set are left out.
    """
    rng = torch.Generator().manual_seed(SEED)
    count = min(len(a), len(b))
    both = [_descriptors(images[:count], rng) for images in (a, b)]
    return [1000 * sliced(x, y, rng) for x, y in zip(*both, strict=True)]


def sliced(a: Tensor, b: Tensor, rng: torch.Generator) -> float:
    """Return the mean distance of points (N, D) and (N, D), projected onto random directions.

    On a line, the Wasserstein distance is the mean difference of sorted points.
    """
    directions = F.normalize(torch.randn(a.shape[1], DIRECTIONS, generator=rng), dim=0)
    one, other = ((x @ directions).sort(0).values for x in (a, b))
    return (one - other).abs().mean().item()


def pyramid(images: Tensor) -> list[Tensor]:
    """Return the Laplacian pyramid of (B, C, H, W): differences to blurred copies, and the rest."""
    blurred = [images]
    while min(blurred[-1].shape[2:]) >= 2 * SMALLEST:
        blurred.append(_blur(blurred[-1])[..., ::2, ::2])
    details = [fine - _enlarge(coarse, fine) for fine, coarse in pairwise(blurred)]
    return [*details, blurred[-1]]


def _blur(images: Tensor, gain: float = 1.0) -> Tensor:
    channels = images.shape[1]
    kernel = gain * torch.outer(KERNEL, KERNEL).expand(channels, 1, 5, 5)
    return F.conv2d(F.pad(images, (2, 2, 2, 2), mode="reflect"), kernel, groups=channels)


def _enlarge(coarse: Tensor, like: Tensor) -> Tensor:
    """Return `coarse` in the size of `like`: zeros between its pixels, then blurred."""
    spread = torch.zeros_like(like)
    spread[..., ::2, ::2] = coarse
    return _blur(spread, gain=4.0)


def _descriptors(images: Tensor, rng: torch.Generator) -> list[Tensor]:
    """Return the normalised patches of each level, (PATCHES, C * 7 * 7) or somewhat fewer."""
    per_picture = max(1, PATCHES // len(images))
    levels: list[list[Tensor]] = []
    for chunk in torch.split(images, CHUNK):
        floats = chunk.float().div(127.5).sub(1)
        levels.append([_patches(level, per_picture, rng) for level in pyramid(floats)])
    return [_normalised(torch.cat(parts)) for parts in zip(*levels, strict=True)]


def _patches(level: Tensor, per_picture: int, rng: torch.Generator) -> Tensor:
    """Return patches (B * per_picture, C, 7, 7) from random places of (B, C, H, W)."""
    windows = level.unfold(2, PATCH, 1).unfold(3, PATCH, 1)  # (B, C, H - 6, W - 6, 7, 7), a view
    count = len(level) * per_picture
    picture = torch.arange(len(level)).repeat_interleave(per_picture)
    y, x = (torch.randint(0, windows.shape[i], (count,), generator=rng) for i in (2, 3))
    return windows[picture, :, y, x]


def _normalised(patches: Tensor) -> Tensor:
    """Give each colour channel the mean 0 and the deviation 1; return a row for each patch."""
    mean = patches.mean((0, 2, 3), keepdim=True)
    deviation = patches.std((0, 2, 3), keepdim=True).clamp_min(1e-8)
    return ((patches - mean) / deviation).flatten(1)


def _of_samples(samples: Samples) -> list[float]:
    return distances(samples.some, samples.some_of_test)


def _floor_of_samples(samples: Samples) -> list[float]:
    return distances(samples.some_of_train, samples.some_of_test)


def _of_photos(photos: Translations) -> list[float] | None:
    """Compare one half of the translations with the other half of the real pictures."""
    if photos.stacked is None:
        return None
    generated, truth = photos.stacked
    return distances(generated[::2], truth[1::2])


def _floor_of_photos(photos: Translations) -> list[float] | None:
    if photos.stacked is None:
        return None
    _, truth = photos.stacked
    return distances(truth[::2], truth[1::2])


def _mean(levels: Sequence[float]) -> str:
    return f"{sum(levels) / len(levels):.1f}"


def _by_level(levels: Sequence[float]) -> Rows:
    return [("  from fine to coarse", ", ".join(f"{value:.1f}" for value in levels))]


TITLE = "sliced Wasserstein distance"
METRICS = (
    EvidenceMetric(
        "sliced_wasserstein",
        "lower",
        _mean,
        title=TITLE,
        of=Kind.SAMPLES,
        compute=_of_samples,
        details=_by_level,
        protocol=lambda samples: f"{len(samples.some):,} samples and as many test pictures",
        place=15,
        slow=True,
    ),
    EvidenceMetric(
        "sliced_wasserstein_floor",
        show=_mean,
        title="  of real training pictures (floor)",
        of=Kind.SAMPLES,
        compute=_floor_of_samples,
        place=16,
        slow=True,
    ),
    EvidenceMetric(
        "photos_sliced_wasserstein",
        "lower",
        _mean,
        title=TITLE,
        of=Kind.PHOTOS,
        compute=_of_photos,
        details=_by_level,
        protocol=lambda photos: f"{TITLE}: every other translation and the other real pictures",
        place=35,
    ),
    EvidenceMetric(
        "photos_sliced_wasserstein_floor",
        show=_mean,
        title="  of real pictures among themselves (floor)",
        of=Kind.PHOTOS,
        compute=_floor_of_photos,
        place=36,
    ),
)
