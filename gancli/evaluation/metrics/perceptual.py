"""FLIP and LPIPS: how different photos and the truth look, 0 where they look the same.

FLIP goes by a person's sight, LPIPS by a network's features, whose weights are fetched. They are
taken where their libraries are installed.
"""

from collections.abc import Callable
from importlib.util import find_spec

import torch
from torch import Tensor

from gancli.evaluation.evidence import Translations
from gancli.evaluation.metrics import Kind, Metric

Distance = Callable[[Tensor, Tensor], float]  # of two pictures (1, C, H, W) in [-1, 1]


def flip(photos: Translations) -> float | None:
    """The mean FLIP, 0..1; None where its library is not installed."""
    return _mean(photos, "FLIP", "flip_evaluator", _flip)


def lpips(photos: Translations) -> float | None:
    """The mean LPIPS; None where its library is not installed, or its weights are not there."""
    return _mean(photos, "LPIPS", "lpips", _lpips)


def _mean(
    photos: Translations, name: str, library: str, make: Callable[[], Distance]
) -> float | None:
    if find_spec(library) is None:
        photos.say(f"{name} is left out: pip install 'gancli[perceptual]' adds it.")
        return None
    try:
        distance = make()
    except Exception as error:  # LPIPS fetches weights, in whatever way its libraries do
        photos.say(f"{name} is left out: its weights cannot be had ({error}).")
        return None
    return photos.mean(distance)


def _flip() -> Distance:
    """Andersson et al. 2020, doi:10.1145/3406183, as seen on a screen at 67 pixels a degree."""
    import flip_evaluator

    def distance(a: Tensor, b: Tensor) -> float:
        ours, theirs = (
            ((t + 1) / 2)[0].expand(3, -1, -1).permute(1, 2, 0).contiguous().numpy() for t in (a, b)
        )
        return float(flip_evaluator.evaluate(theirs, ours, "LDR", applyMagma=False)[1])

    return distance


def _lpips() -> Distance:
    """Zhang et al. 2018, arXiv:1801.03924, in the features of AlexNet."""
    import lpips

    network = lpips.LPIPS(net="alex", verbose=False).eval()
    return lambda a, b: float(torch.inference_mode()(network)(a, b).mean())


METRICS = (
    Metric("flip", "FLIP", Kind.PHOTOS, flip, "lower", place=30),
    Metric("lpips", "LPIPS", Kind.PHOTOS, lpips, "lower", place=30),
)
