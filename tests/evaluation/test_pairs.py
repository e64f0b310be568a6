"""Measures of translated pictures, against independent computations."""

import sys

import numpy as np
import pytest
import torch

from gancli.data.cmp import PALETTE
from gancli.evaluation import pairs

COLOURS = np.array([colour for _, colour in PALETTE], np.uint8)


def maps(*rows: list[int]) -> np.ndarray:
    return COLOURS[np.array(rows)]


def test_shares_of_labels_as_counted_by_hand() -> None:
    truth = maps([0, 0, 0, 0], [1, 1, 2, 2])
    made = maps([0, 0, 0, 1], [1, 1, 1, 2])
    found = pairs.of_labels([made], [truth], PALETTE)
    assert found.accuracy == pytest.approx(6 / 8)
    assert found.class_accuracy == pytest.approx((3 / 4 + 2 / 2 + 1 / 2) / 3)
    assert found.mean_iou == pytest.approx((3 / 4 + 2 / 4 + 1 / 2) / 3)
    assert found.iou_by_class == {
        "background": pytest.approx(3 / 4),
        "facade": pytest.approx(2 / 4),
        "window": pytest.approx(1 / 2),
    }


def test_colours_between_count_as_the_nearest() -> None:
    truth = maps([0, 1, 11])
    made = np.clip(truth.astype(int) + np.array([9, -9, 9]), 0, 255).astype(np.uint8)
    assert pairs.of_labels([made], [truth], PALETTE).accuracy == 1


def test_the_confusion_is_that_of_all_pictures_together() -> None:
    rng = np.random.default_rng(0)
    made, truth = rng.integers(0, 12, (2, 5, 8, 8))
    found = pairs.of_labels(COLOURS[made], COLOURS[truth], PALETTE)
    table = np.zeros((12, 12))
    for m, t in zip(made.ravel(), truth.ravel(), strict=True):
        table[t, m] += 1
    right = np.diag(table)
    assert found.accuracy == pytest.approx(right.sum() / table.sum())
    assert found.class_accuracy == pytest.approx((right / table.sum(1)).mean())
    assert found.mean_iou == pytest.approx((right / (table.sum(0) + table.sum(1) - right)).mean())


def slow_ssim(a: np.ndarray, b: np.ndarray) -> float:
    """Eq. 13 window by window, (H, W) in 0..1."""
    x = np.arange(11) - 5
    w = np.exp(-(x[:, None] ** 2 + x**2) / (2 * 1.5**2))
    w /= w.sum()
    values = []
    for i in range(a.shape[0] - 10):
        for j in range(a.shape[1] - 10):
            p, q = a[i : i + 11, j : j + 11], b[i : i + 11, j : j + 11]
            mp, mq = (w * p).sum(), (w * q).sum()
            vp, vq = (w * (p - mp) ** 2).sum(), (w * (q - mq) ** 2).sum()
            cov = (w * (p - mp) * (q - mq)).sum()
            above = (2 * mp * mq + 1e-4) * (2 * cov + 9e-4)
            values.append(above / ((mp**2 + mq**2 + 1e-4) * (vp + vq + 9e-4)))
    return float(np.mean(values))


def test_ssim_is_that_of_the_paper() -> None:
    rng = np.random.default_rng(0)
    a = rng.random((16, 18))
    b = np.clip(a + rng.normal(0, 0.2, a.shape), 0, 1)
    found = pairs.ssim(torch.tensor(a)[None, None], torch.tensor(b)[None, None]).item()
    assert found == pytest.approx(slow_ssim(a, b), abs=1e-5)
    assert 0.2 < found < 0.99
    assert pairs.ssim(torch.tensor(a)[None, None], torch.tensor(a)[None, None]).item() == 1


def test_photos_by_l1_and_psnr(monkeypatch: pytest.MonkeyPatch) -> None:
    for library in ("flip_evaluator", "lpips"):  # which have tests of their own
        monkeypatch.setitem(sys.modules, library, None)
    truth = np.full((16, 16, 3), 100, np.uint8)
    made = truth + np.uint8(51)  # a fifth of 255
    found = pairs.of_photos([made, truth], [truth, truth])
    assert found.l1 == pytest.approx(0.1, abs=1e-4)
    one = pairs.of_photos([made], [truth])
    assert one.psnr == pytest.approx(-20 * np.log10(0.2), abs=1e-3)
    assert one.pairs == 1
    assert ("PSNR", "14.0 dB") in one.rows()
