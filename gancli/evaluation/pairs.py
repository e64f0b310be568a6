"""How near translated pictures come to the truth, where there is one.

For maps of labels: every pixel counts as the label whose colour is nearest; then per-pixel
accuracy, mean class accuracy and mean IoU over the confusion of all pictures (Long, Shelhamer,
Darrell 2015, arXiv:1411.4038, section 5). For photos: L1, PSNR and SSIM, and two distances that go
by how pictures look, where their libraries are installed: FLIP, of a person's sight, and LPIPS, of
a network's features, whose weights are fetched.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gancli.data.pairs import Palette, nearest
from gancli.images import Array, from_uint8
from gancli.reporting import Say, silent

WINDOW, SIGMA = 11, 1.5  # of SSIM's Gaussian, pixels
K1, K2 = 0.01, 0.03


@dataclass(frozen=True, kw_only=True)
class Fidelity:
    """Translated pictures against the truth: the first three for label maps, the rest for photos.

    Accuracies and IoU are shares in 0..1, `iou_by_class` by the names of the classes that the truth
    shows; `l1` is the mean absolute difference of values in 0..1, `psnr` is in dB, `ssim` is at
    most 1, `flip` (0..1) and `lpips` are 0 for what looks the same.
    """

    pairs: int
    accuracy: float | None = None
    class_accuracy: float | None = None
    mean_iou: float | None = None
    iou_by_class: dict[str, float] | None = None
    l1: float | None = None
    psnr: float | None = None
    ssim: float | None = None
    flip: float | None = None
    lpips: float | None = None
    protocol: str = ""

    def rows(self) -> list[tuple[str, ...]]:
        """The measures that there are, as rows of a table."""
        shares = {
            "per-pixel accuracy": self.accuracy,
            "mean class accuracy": self.class_accuracy,
            "mean IoU": self.mean_iou,
            **{f"  IoU of {name}": iou for name, iou in (self.iou_by_class or {}).items()},
            "L1 (of 0..1)": self.l1,
            "SSIM": self.ssim,
            "FLIP": self.flip,
            "LPIPS": self.lpips,
        }
        rows: list[tuple[str, ...]] = [(k, f"{v:.3f}") for k, v in shares.items() if v is not None]
        rows += [] if self.psnr is None else [("PSNR", f"{self.psnr:.1f} dB")]
        return [*rows, ("pairs", f"{self.pairs:,}"), ("protocol", self.protocol)]


def of_labels(made: Iterable[Array], truth: Sequence[Array], palette: Palette) -> Fidelity:
    """Label maps, uint8 (H, W, 3), against the true ones, by their nearest colours."""
    table = np.zeros((len(palette), len(palette)), np.int64)
    for ours, theirs in zip(made, truth, strict=True):
        table += confusion(nearest(ours, palette), nearest(theirs, palette), len(palette))
    right, shown = table.diagonal(), table.sum(1)
    there = shown > 0
    recall = right[there] / shown[there]
    iou = right[there] / (shown + table.sum(0) - right)[there]
    names = [name for (name, _), known in zip(palette, there, strict=True) if known]
    return Fidelity(
        pairs=len(truth),
        accuracy=float(right.sum() / table.sum()),
        class_accuracy=float(recall.mean()),
        mean_iou=float(iou.mean()),
        iou_by_class=dict(zip(names, map(float, iou), strict=True)),
        protocol=f"nearest of {len(palette)} colours; means over the {len(names)} classes shown",
    )


def confusion(made: Any, truth: Any, classes: int) -> Any:
    """How many pixels of true class i were made class j, int64 (classes, classes)."""
    joint = truth.reshape(-1).astype(np.int64) * classes + made.reshape(-1)
    return np.bincount(joint, minlength=classes**2).reshape(classes, classes)


def of_photos(made: Iterable[Array], truth: Sequence[Array], say: Say = silent) -> Fidelity:
    """Photos, uint8 (H, W, C), against the true ones; means over the pairs."""
    judges = _judges(say)
    found = []
    for ours, theirs in zip(made, truth, strict=True):
        a, b = from_uint8(ours[None].copy()), from_uint8(theirs[None].copy())
        error = (a - b).div(2).square().mean().clamp(min=1e-10)
        row = [(a - b).abs().div(2).mean(), -10 * error.log10(), ssim((a + 1) / 2, (b + 1) / 2)]
        found.append([*map(float, row), *(judge(a, b) for judge in judges.values())])
    means = np.mean(found, axis=0).tolist()
    return Fidelity(
        pairs=len(truth),
        l1=means[0],
        psnr=means[1],
        ssim=means[2],
        **dict(zip(judges, means[3:], strict=True)),
        protocol="means over pairs; SSIM by 11x11 Gaussian windows, each channel of values in 0..1",
    )


def ssim(a: Tensor, b: Tensor) -> Tensor:
    """Structural similarity of (B, C, H, W) in [0, 1]: a scalar, 1 where they are equal.

    Wang, Bovik, Sheikh, Simoncelli 2004, doi:10.1109/TIP.2003.819861, eq. 13; where the window
    fits.
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
    above = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    return (above / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))).mean()


Judge = Callable[[Tensor, Tensor], float]  # of two pictures (1, C, H, W) in [-1, 1]


def _judges(say: Say) -> dict[str, Judge]:
    """Those distances by how pictures look that are there, by their field of `Fidelity`."""
    makers = {"flip": ("flip_evaluator", _flip), "lpips": ("lpips", _lpips)}
    judges = {}
    for name, (library, maker) in makers.items():
        if find_spec(library) is None:
            say(f"{name.upper()} is left out: pip install 'gancli[perceptual]' adds it.")
            continue
        try:
            judges[name] = maker()
        except Exception as error:  # LPIPS fetches weights, in whatever way its libraries do
            say(f"{name.upper()} is left out: its weights cannot be had ({error}).")
    return judges


def _flip() -> Judge:
    """Andersson et al. 2020, doi:10.1145/3406183, as seen on a screen at 67 pixels a degree."""
    import flip_evaluator

    def judge(a: Tensor, b: Tensor) -> float:
        ours, theirs = (
            ((t + 1) / 2)[0].expand(3, -1, -1).permute(1, 2, 0).contiguous().numpy() for t in (a, b)
        )
        return float(flip_evaluator.evaluate(theirs, ours, "LDR", applyMagma=False)[1])

    return judge


def _lpips() -> Judge:
    """Zhang et al. 2018, arXiv:1801.03924, in the features of AlexNet."""
    import lpips

    network = lpips.LPIPS(net="alex", verbose=False).eval()
    return lambda a, b: float(torch.inference_mode()(network)(a, b).mean())
