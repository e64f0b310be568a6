"""What can go wrong in a training, recognised from the metrics of an epoch, with a remedy.

The metrics are those of metrics.jsonl: they are computed in `training.health`, `nn.losses` and the
models. Each function here returns a message, or None if it finds nothing wrong. A model calls the
ones that apply to it in `GAN.symptoms`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

Findings = dict[str, str | None]  # name of a symptom -> its message, or None if it is absent

COLLAPSE_RATIO = 8.0  # data spread / sample spread: collapse if at least this; healthy: below 3
CLASSES_HIT = 0.5  # share of the classes that samples must show
D_WIN_RATE = 0.995  # from this win rate on, the generator gets no useful gradient
ZERO_GRADIENT = 1e-7  # norm of all gradients: too small to move Adam, whose epsilon is 1e-8


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """The mean metrics of an epoch, the steps before it, and the number of classes in the data."""

    metrics: Mapping[str, float]
    steps: int
    classes: int = 0


def common(epoch: Epoch) -> Findings:
    """Return what can go wrong in any GAN; the first one found is reported."""
    return {
        "mode_collapse": mode_collapse(epoch),
        "missing_classes": missing_classes(epoch),
        "zero_gradients": zero_gradients(epoch),
        "discriminator_too_strong": discriminator_too_strong(epoch),
    }


def mode_collapse(epoch: Epoch, remedy: str = "a lower --lr") -> str | None:
    """Find samples that all look alike, compared to the data in the same batches."""
    real, fake = (epoch.metrics.get(f"{images}_spread", 0.0) for images in ("real", "fake"))
    if real < COLLAPSE_RATIO * fake or real == 0:
        return None
    identical = real > 1000 * fake
    how = (
        "all samples are the same, unlike"
        if identical
        else f"samples vary {real / fake:.0f} times less than"
    )
    return f"mode collapse ({how} the data). Try {remedy}."


def missing_classes(epoch: Epoch) -> str | None:
    """Find samples that show too few classes, by the classifier of `--evaluate-every`."""
    hit, classes = epoch.metrics.get("classes_hit", 1.0), epoch.classes
    if hit >= CLASSES_HIT:
        return None
    return (
        f"mode collapse (samples show only {round(hit * classes)} of {classes} classes). "
        "Try a lower --lr or a larger --batch-size."
    )


def zero_gradients(epoch: Epoch) -> str | None:
    """Find a generator that gets no gradients."""
    if epoch.metrics.get("g_gradient", 1.0) > ZERO_GRADIENT:
        return None
    return (
        "the generator has stopped learning (its gradients are zero). "
        "Try a lower --lr with --fresh."
    )


def discriminator_too_strong(
    epoch: Epoch, effect: str = "the generator learns little from it"
) -> str | None:
    """Find a discriminator that is never wrong, with its effect on the generator."""
    wins = epoch.metrics.get("d_wins", 0.0)
    if wins < D_WIN_RATE:
        return None
    return (
        f"the discriminator is too strong (right {wins:.1%} of the time), so {effect}. "
        "Try a lower --set d_lr_scale."
    )
