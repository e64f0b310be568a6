"""Compute the statistics of a dataset as training sees it: the code behind `gan datasets stats`."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from gancli.data.pictures import SLICE, Pictures
from gancli.reporting import Progress, silent

QUANTILES = (0.01, 0.25, 0.5, 0.75, 0.99)
HISTOGRAM_CHARS = " .:-=+*#"  # histogram bars in the table, from empty to highest
HISTOGRAM_BINS = 16  # bars in the table; the JSON has all 256 values


@dataclass(frozen=True, kw_only=True)
class DatasetStats:
    """The statistics of one split. Means, standard deviations and quantiles are of values in 0..1.

    `spread` is the standard deviation of a pixel across pictures, averaged over all pixels. Near 0,
    all pictures look alike.
    """

    pictures: int
    size: tuple[int, int]  # height, width
    megabytes: float  # in memory, as uint8
    mean: tuple[float, ...]  # per channel
    std: tuple[float, ...]  # per channel
    spread: float
    quantiles: dict[str, float]  # of all values; keys like "25%"
    histogram: tuple[int, ...]  # how often each of the 256 values occurs
    classes: dict[str, int]  # pictures per class

    def rows(self) -> list[tuple[str, str]]:
        """Return the statistics as the rows of a two-column table."""
        height, width = self.size
        bars = np.array(self.histogram).reshape(HISTOGRAM_BINS, -1).sum(1)
        shades = (
            HISTOGRAM_CHARS[int(n * (len(HISTOGRAM_CHARS) - 1) / max(1, bars.max()) + 0.999)]
            for n in bars
        )
        return [
            ("pictures", f"{self.pictures:,}"),
            ("size", f"{width}x{height}, {len(self.mean)} channel{'s'[: len(self.mean) > 1]}"),
            ("in memory", f"{self.megabytes:,.1f} MB"),
            ("mean (values 0..1)", " ".join(f"{v:.3f}" for v in self.mean)),
            ("standard deviation", " ".join(f"{v:.3f}" for v in self.std)),
            ("spread across pictures", f"{self.spread:.3f}"),
            ("quantiles", "  ".join(f"{k}: {v:.2f}" for k, v in self.quantiles.items())),
            ("dark to bright", f"[{''.join(shades)}]"),
            *((f"class {name}", f"{count:,}") for name, count in self.classes.items()),
        ]


def stats(pictures: Pictures, progress: Progress = silent) -> DatasetStats:
    """Compute the statistics of `pictures` (of pairs: of A), with SLICE in memory at a time."""
    images = pictures.images
    count, height, width, channels = images.shape
    counts = np.zeros((channels, 256), np.int64)
    total = np.zeros(
        (2, height, width, channels), np.int64
    )  # sums of the values and of their squares
    for start in range(0, count, SLICE):
        some = np.asarray(images[start : start + SLICE])
        for channel in range(channels):
            counts[channel] += np.bincount(some[..., channel].reshape(-1), minlength=256)
        values = some.astype(np.uint32)
        total += values.sum(0, dtype=np.int64), np.square(values).sum(0, dtype=np.int64)
        progress("counting", min(start + SLICE, count), count)
    mean, square = total[0] / count / 255, total[1] / count / 255**2
    return DatasetStats(
        pictures=count,
        size=(height, width),
        megabytes=images.nbytes / 1e6,
        mean=tuple(_rounded(mean.mean((0, 1)))),
        std=tuple(_rounded(_deviation(mean.mean((0, 1)), square.mean((0, 1))))),
        spread=_rounded([_deviation(mean, square).mean()])[0],
        quantiles=_quantiles(counts.sum(0)),
        histogram=tuple(counts.sum(0).tolist()),
        classes=_classes(pictures),
    )


def _deviation(mean: Any, square: Any) -> Any:
    """Return the standard deviation from E[x] and E[x^2]; rounding can make the variance < 0."""
    return np.sqrt((square - np.square(mean)).clip(0))


def _quantiles(counts: Any) -> dict[str, float]:
    """Return the quantiles, in 0..1, of a histogram of the 256 values."""
    below = counts.cumsum() / counts.sum()
    return {f"{q:.0%}": round(int(np.searchsorted(below, q)) / 255, 4) for q in QUANTILES}


def _classes(pictures: Pictures) -> dict[str, int]:
    """Count the pictures of each class; {} without labels."""
    if pictures.labels is None:
        return {}
    counts = np.bincount(pictures.labels, minlength=len(pictures.classes)).tolist()
    return dict(zip(pictures.classes, counts, strict=True))


def _rounded(values: Any) -> list[float]:
    return [round(float(v), 4) for v in values]
