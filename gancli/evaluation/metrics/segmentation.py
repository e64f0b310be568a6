"""How many pixels of label maps are right: accuracy and intersection over union (IoU).

All of them are read from the confusion of all pictures together (Long, Shelhamer, Darrell 2015,
arXiv:1411.4038, section 5). Means are over the classes that the truth shows.
"""

from typing import Any

from gancli.evaluation.evidence import Translations
from gancli.evaluation.metrics import Kind, Metric, Rows

IN_TRAINING = ("accuracy", "class_accuracy", "mean_iou")


def accuracy(maps: Translations) -> float:
    """The share of pixels with the right label."""
    return float(maps.confusion.trace() / maps.confusion.sum())


def class_accuracy(maps: Translations) -> float:
    """The mean over the classes of the share of their pixels with the right label."""
    table, there = maps.confusion, _there(maps)
    return float((table.diagonal()[there] / table.sum(1)[there]).mean())


def mean_iou(maps: Translations) -> float:
    """The mean over the classes of their IoU."""
    return float(_iou(maps).mean())


def iou_by_class(maps: Translations) -> dict[str, float]:
    """The IoU of each class that the truth shows."""
    names = [name for (name, _), there in zip(maps.palette, _there(maps), strict=True) if there]
    return dict(zip(names, map(float, _iou(maps)), strict=True))


def _iou(maps: Translations) -> Any:
    table, there = maps.confusion, _there(maps)
    right = table.diagonal()
    return right[there] / (table.sum(1) + table.sum(0) - right)[there]


def _there(maps: Translations) -> Any:
    """Which classes the truth shows, bool (K,)."""
    return maps.confusion.sum(1) > 0


def _rows(found: dict[str, float]) -> Rows:
    return [(f"  IoU of {name}", f"{iou:.3f}") for name, iou in found.items()]


def _classes_shown(maps: Translations) -> str:
    return f"means over the {_there(maps).sum()} classes shown"


MAPS = Kind.LABEL_MAPS
METRICS = (
    Metric("accuracy", "per-pixel accuracy", MAPS, accuracy, "higher", place=10),
    Metric(
        "class_accuracy",
        "mean class accuracy",
        MAPS,
        class_accuracy,
        "higher",
        protocol=_classes_shown,
        place=10,
    ),
    Metric("mean_iou", "mean IoU", MAPS, mean_iou, "higher", place=10),
    Metric("iou_by_class", "", MAPS, iou_by_class, "higher", details=_rows, place=10),
)
