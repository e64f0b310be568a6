"""L1 and PSNR: how far translations are from the ground truth, pixel by pixel."""

from torch import Tensor

from gancli.evaluation.evidence import Translations
from gancli.evaluation.metrics import EvidenceMetric, Kind


def l1(photos: Translations) -> float:
    """Return the mean absolute difference of values in 0..1."""
    return photos.mean(lambda a, b: (a - b).abs().div(2).mean())


def psnr(photos: Translations) -> float:
    """Return the peak signal-to-noise ratio in dB; it is limited to 100, for equal pictures."""

    def of_pair(a: Tensor, b: Tensor) -> Tensor:
        error = (a - b).div(2).square().mean().clamp(min=1e-10)
        return -10 * error.log10()

    return photos.mean(of_pair)


METRICS = (
    EvidenceMetric(
        "l1",
        "lower",
        title="L1, values in 0..1",
        of=Kind.PHOTOS,
        compute=l1,
        place=10,
        in_training=True,
    ),
    EvidenceMetric(
        "psnr",
        "higher",
        "{:.1f} dB".format,
        title="PSNR",
        of=Kind.PHOTOS,
        compute=psnr,
        place=40,
    ),
)
