"""SSIM against the equation of the paper, computed window by window."""

import numpy as np
import pytest
import torch

from gancli.evaluation.metrics.ssim import ssim


def slow_ssim(a: np.ndarray, b: np.ndarray) -> float:
    """Return SSIM by eq. 13, window by window, for (H, W) in 0..1."""
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


def test_ssim_agrees_with_the_paper() -> None:
    rng = np.random.default_rng(0)
    a = rng.random((16, 18))
    b = np.clip(a + rng.normal(0, 0.2, a.shape), 0, 1)
    found = ssim(torch.tensor(a)[None, None], torch.tensor(b)[None, None]).item()
    assert found == pytest.approx(slow_ssim(a, b), abs=1e-5)
    assert 0.2 < found < 0.99
    assert ssim(torch.tensor(a)[None, None], torch.tensor(a)[None, None]).item() == 1
