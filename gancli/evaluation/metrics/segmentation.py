"""How many pixels of label maps are right: accuracy and intersection over union (IoU).

All of them are computed from one confusion matrix over all pictures (Long, Shelhamer, Darrell 2015,
arXiv:1411.4038, section 5). Means are over the classes that occur in the ground truth.
"""

from collections.abc import Callable
from typing import Any

from gancli.evaluation.evidence import Translations
from gancli.evaluation.metrics import EvidenceMetric, Kind, Rows


def accuracy(maps: Translations) -> float:
    """Return the share of pixels with the right label."""
    return float(maps.confusion.trace() / maps.confusion.sum())


def class_accuracy(maps: Translations) -> float:
    """Return the mean over the classes of their accuracy."""
    matrix, present = maps.confusion, _present(maps)
    return float((matrix.diagonal()[present] / matrix.sum(1)[present]).mean())


def mean_iou(maps: Translations) -> float:
    """Return the mean over the classes of their IoU."""
    return float(_iou(maps).mean())


def iou_by_class(maps: Translations) -> dict[str, float]:
    """Return the IoU of each class that occurs in the ground truth."""
    present = _present(maps)
    names = [name for (name, _), occurs in zip(maps.palette, present, strict=True) if occurs]
    return dict(zip(names, map(float, _iou(maps)), strict=True))


def _iou(maps: Translations) -> Any:
    matrix, present = maps.confusion, _present(maps)
    right = matrix.diagonal()
    return right[present] / (matrix.sum(1) + matrix.sum(0) - right)[present]


def _present(maps: Translations) -> Any:
    """Return which classes occur in the ground truth, bool (K,)."""
    return maps.confusion.sum(1) > 0


def _rows(ious: dict[str, float]) -> Rows:
    return [(f"  IoU of {name}", f"{iou:.3f}") for name, iou in ious.items()]


def _classes_present(maps: Translations) -> str:
    return f"means over the {_present(maps).sum()} classes in the ground truth"


def _metric(
    name: str, title: str, compute: Callable[[Translations], Any], **options: Any
) -> EvidenceMetric:
    of = Kind.LABEL_MAPS
    return EvidenceMetric(name, "higher", title=title, of=of, compute=compute, place=10, **options)


METRICS = (
    _metric("accuracy", "per-pixel accuracy", accuracy, in_training=True),
    _metric(
        "class_accuracy",
        "mean class accuracy",
        class_accuracy,
        protocol=_classes_present,
        in_training=True,
    ),
    _metric("mean_iou", "mean IoU", mean_iou, in_training=True, best_epoch=True),
    _metric("iou_by_class", "", iou_by_class, details=_rows),
)
