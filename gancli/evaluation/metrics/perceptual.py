"""FLIP and LPIPS: how different translations and the ground truth look; 0 means they look the same.

FLIP models human vision. LPIPS compares the features of a network, whose weights are downloaded.
Both are computed only if their libraries are installed.
"""

import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from importlib.util import find_spec

import torch
from torch import Tensor

from gancli.evaluation.evidence import Translations
from gancli.evaluation.metrics import EvidenceMetric, Kind

Distance = Callable[[Tensor, Tensor], float]  # between two pictures (1, C, H, W) in [-1, 1]


def flip(photos: Translations) -> float | None:
    """Return the mean FLIP, 0..1; None if its library is not installed."""
    return _mean(photos, "FLIP", "flip-evaluator", _flip)


def lpips(photos: Translations) -> float | None:
    """Return the mean LPIPS; None if its library is not installed or its weights are missing."""
    return _mean(photos, "LPIPS", "lpips", _lpips)


def _mean(
    photos: Translations, name: str, package: str, make: Callable[[], Distance]
) -> float | None:
    if find_spec(package.replace("-", "_")) is None:
        photos.say(f"{name} is left out; to add it: pip install {package}")
        return None
    try:
        distance = make()
    except Exception as error:  # LPIPS downloads weights; its libraries raise many kinds of errors
        photos.say(f"{name} is left out: its weights could not be downloaded ({error}).")
        return None
    return photos.mean(distance)


def _flip() -> Distance:
    """FLIP, Andersson et al. 2020, doi:10.1145/3406183, at 67 pixels per degree of vision."""
    import flip_evaluator

    def distance(a: Tensor, b: Tensor) -> float:
        ours, theirs = (
            ((t + 1) / 2)[0].expand(3, -1, -1).permute(1, 2, 0).contiguous().numpy() for t in (a, b)
        )
        return float(flip_evaluator.evaluate(theirs, ours, "LDR", applyMagma=False)[1])

    return distance


def _lpips() -> Distance:
    """LPIPS, Zhang et al. 2018, arXiv:1801.03924, with the features of AlexNet."""
    import lpips

    with redirect_stdout(
        sys.stderr
    ):  # torch.hub says on stdout, before the JSON, what it downloads
        network = lpips.LPIPS(net="alex", verbose=False).eval()
    return lambda a, b: float(torch.inference_mode()(network)(a, b).mean())


METRICS = (
    EvidenceMetric("flip", "lower", title="FLIP", of=Kind.PHOTOS, compute=flip, place=30),
    EvidenceMetric("lpips", "lower", title="LPIPS", of=Kind.PHOTOS, compute=lpips, place=30),
)
