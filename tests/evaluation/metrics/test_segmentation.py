"""Metrics of label maps, against numbers counted by hand and by numpy."""

import numpy as np
import pytest

from gancli.data.cmp import PALETTE
from gancli.evaluation.evidence import Translations
from gancli.evaluation.metrics.segmentation import accuracy, class_accuracy, iou_by_class, mean_iou

COLOURS = np.array([colour for _, colour in PALETTE], np.uint8)


def translations(output: np.ndarray, truth: np.ndarray) -> Translations:
    return Translations(generated=output, truth=truth, palette=PALETTE)


def test_metrics_agree_with_a_count_by_hand() -> None:
    truth = COLOURS[np.array([[[0, 0, 0, 0], [1, 1, 2, 2]]])]
    output = COLOURS[np.array([[[0, 0, 0, 1], [1, 1, 1, 2]]])]
    maps = translations(output, truth)
    assert accuracy(maps) == pytest.approx(6 / 8)
    assert class_accuracy(maps) == pytest.approx((3 / 4 + 2 / 2 + 1 / 2) / 3)
    assert mean_iou(maps) == pytest.approx((3 / 4 + 2 / 4 + 1 / 2) / 3)
    assert iou_by_class(maps) == {
        "background": pytest.approx(3 / 4),
        "facade": pytest.approx(2 / 4),
        "window": pytest.approx(1 / 2),
    }


def test_a_colour_counts_as_the_nearest_label() -> None:
    truth = COLOURS[np.array([[[0, 1, 11]]])]
    output = np.clip(truth.astype(int) + np.array([9, -9, 9]), 0, 255).astype(np.uint8)
    assert accuracy(translations(output, truth)) == 1


def test_metrics_are_computed_over_all_pictures_together() -> None:
    output, truth = np.random.default_rng(0).integers(0, 12, (2, 5, 8, 8))
    maps = translations(COLOURS[output], COLOURS[truth])
    right = [((output == k) & (truth == k)).sum() for k in range(12)]
    shown = [(truth == k).sum() for k in range(12)]
    either = [((output == k) | (truth == k)).sum() for k in range(12)]
    assert accuracy(maps) == pytest.approx((output == truth).mean())
    assert class_accuracy(maps) == pytest.approx(np.divide(right, shown).mean())
    assert mean_iou(maps) == pytest.approx(np.divide(right, either).mean())
