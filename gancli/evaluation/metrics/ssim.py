"""SSIM: how similar translations and the ground truth are in structure; 1 means equal."""

import torch
import torch.nn.functional as F
from torch import Tensor

from gancli.evaluation.evidence import Translations
from gancli.evaluation.metrics import EvidenceMetric, Kind

WINDOW, SIGMA = 11, 1.5  # pixels; the Gaussian window of the paper
K1, K2 = 0.01, 0.03


def ssim(a: Tensor, b: Tensor) -> Tensor:
    """Return the mean structural similarity of (B, C, H, W) in [0, 1], a scalar; 1 if equal.

    Wang, Bovik, Sheikh, Simoncelli 2004, doi:10.1109/TIP.2003.819861, eq. 13, over all places
    where the window fits into the picture.
    """
    x = torch.arange(WINDOW) - WINDOW // 2
    line = torch.exp(-x.square() / (2 * SIGMA**2))
    kernel = torch.outer(line, line).div(line.sum() ** 2)[None, None]

    def blur(t: Tensor) -> Tensor:
        return F.conv2d(t.flatten(0, 1)[:, None], kernel.to(t))

    mean_a, mean_b = blur(a), blur(b)
    var_a, var_b = blur(a * a) - mean_a**2, blur(b * b) - mean_b**2
    covariance = blur(a * b) - mean_a * mean_b
    c1, c2 = K1**2, K2**2
    numerator = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    return (numerator / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))).mean()


def _mean_ssim(photos: Translations) -> float:
    return photos.mean(lambda a, b: ssim((a + 1) / 2, (b + 1) / 2))


def _window(_: Translations) -> str:
    return f"SSIM with {WINDOW}x{WINDOW} Gaussian windows, per channel, for values in 0..1"


METRICS = (
    EvidenceMetric(
        "ssim",
        "higher",
        title="SSIM",
        of=Kind.PHOTOS,
        compute=_mean_ssim,
        protocol=_window,
        place=20,
        in_training=True,
    ),
)
