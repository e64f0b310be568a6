"""The training doctor: recognises a failing training from its metrics and suggests a remedy.

It reads the metrics of each epoch as they stand in metrics.jsonl, and nothing else. The metrics
themselves are computed in `health`, in `nn.losses.win_rate` and in the models.

Each rule takes the metrics of an epoch and the number of classes. It returns a message, or None if
it finds nothing wrong.
"""

from collections.abc import Mapping, Sequence

EpochMetrics = Mapping[str, float]

MIN_STEPS = 500  # no diagnosis of an epoch that began earlier: its means include the first steps
MIN_STEPS_LOW_K = 5000  # for BEGAN with k below 0.5: it starts from one picture, with k near 0
COLLAPSE_RATIO = 8.0  # data spread / sample spread: collapse if at least this; healthy: below 3
ABOVE_CHANCE = 0.1  # accuracy on samples must beat chance by this fraction of (1 - chance)
HEAD_ACCURACY = 0.8  # a class head must recognise this share of real pictures to be trusted
CLASSES_HIT = 0.5  # share of the classes that samples must show
D_WIN_RATE = 0.995  # from this win rate on, the generator gets no useful gradient
ZERO_GRADIENT = 1e-7  # norm of all gradients: too small to move Adam, whose epsilon is 1e-8
K_LOW, K_HIGH = 1e-4, 0.99  # as fractions of k's maximum: a healthy k may come close to either
POOR_AUTOENCODER = 0.6  # l_real / data spread: at or above this, it cannot reconstruct images
REPEAT_AFTER = 5  # epochs before the same finding is reported again


def mode_collapse(m: EpochMetrics, classes: int) -> str | None:
    """Find samples that all look alike, compared to the data in the same batches."""
    real, fake = m.get("real_spread", 0.0), m.get("fake_spread", 0.0)
    if real < COLLAPSE_RATIO * fake or real == 0:
        return None
    identical = real > 1000 * fake
    how = (
        "all samples are the same, unlike"
        if identical
        else f"samples vary {real / fake:.0f} times less than"
    )
    gamma = "a higher --set gamma or " if "k" in m else ""
    return f"mode collapse ({how} the data). Try {gamma}a lower --lr."


def ignored_labels(m: EpochMetrics, classes: int) -> str | None:
    """Find samples that a class head does not recognise as the class they were generated for.

    Applies only if the head recognises real pictures reliably (HEAD_ACCURACY).
    """
    if m.get("real_recognised", 0.0) < HEAD_ACCURACY or classes < 2:
        return None
    recognised, chance = m["fake_recognised"], 1 / classes
    if recognised > chance + ABOVE_CHANCE * (1 - chance):
        return None
    return (
        f"mode collapse (only {recognised:.0%} of the samples are recognised as their class). "
        "Try a higher --set g_class_weight or a lower --lr."
    )


def missing_classes(m: EpochMetrics, classes: int) -> str | None:
    """Find samples that show too few classes, by the classifier of `--evaluate-every`."""
    hit = m.get("classes_hit", 1.0)
    if hit >= CLASSES_HIT:
        return None
    return (
        f"mode collapse (samples show only {round(hit * classes)} of {classes} classes). "
        "Try a lower --lr or a larger --batch-size."
    )


def zero_gradients(m: EpochMetrics, classes: int) -> str | None:
    """Find a generator that gets no gradients."""
    if m.get("g_gradient", 1.0) > ZERO_GRADIENT:
        return None
    return (
        "the generator has stopped learning (its gradients are zero). "
        "Try a lower --lr with --fresh."
    )


def discriminator_too_strong(m: EpochMetrics, classes: int) -> str | None:
    """Find a discriminator that is never wrong, in models where it alone teaches the generator."""
    if m.get("d_wins", 0.0) < D_WIN_RATE or "l1" in m:
        return None
    return (
        f"the discriminator is too strong (right {m['d_wins']:.1%} of the time), so the generator "
        "learns little from it. Try a lower --set d_lr_scale."
    )


def k_at_limit(m: EpochMetrics, classes: int) -> str | None:
    """Find BEGAN's k at 0 or at its maximum for a complete epoch: no equilibrium in reach.

    At the maximum the loss hardly rewards reconstructing real pictures, and the discriminator may
    forget how. If it still reconstructs them well, a high k is healthy: samples have become hard to
    tell from data, as at the end of a good run.
    """
    k, maximum = m.get("k", 0.5), m.get("k_max", 1.0)
    if K_LOW < k / maximum < K_HIGH:
        return None
    if k < maximum / 2:
        return "the two losses are out of balance (k stayed at 0). Try a higher --set gamma."
    if m.get("l_real", 1.0) < POOR_AUTOENCODER * m.get("real_spread", 0.0):
        return None
    return (
        f"the discriminator does not keep up (k stayed at its maximum, {maximum:g}). "
        "Try a higher --set d_lr_scale or a lower --set gamma."
    )


RULES = (  # the first that finds something wins
    mode_collapse,
    ignored_labels,
    missing_classes,
    zero_gradients,
    k_at_limit,
    discriminator_too_strong,
)


def diagnose(m: EpochMetrics, steps: int, classes: int = 0) -> tuple[str, str] | None:
    """The first problem found, as the name of its rule and a message; None if there is none.

    `m` are the metrics of an epoch that began after `steps` steps, `classes` is the number of
    classes in the data.
    """
    low_k = m.get("k", 1.0) < 0.5
    if steps < (MIN_STEPS_LOW_K if low_k else MIN_STEPS):
        return None
    found = ((rule.__name__, rule(m, classes)) for rule in RULES)
    return next(((name, message) for name, message in found if message), None)


def new_finding(epochs: Sequence[EpochMetrics], batch_size: int, classes: int = 0) -> str | None:
    """The message for the last of these epochs; None if a recent epoch had the same problem.

    The result depends on the epochs alone, so a resumed run repeats no message.
    """
    began = [0.0, *(m["images_seen"] / batch_size for m in epochs)]
    found = [diagnose(m, round(at), classes) for m, at in zip(epochs, began, strict=False)]
    recent = found[-REPEAT_AFTER - 1 :]
    if not recent or recent[-1] is None:
        return None
    name, message = recent[-1]
    return None if any(found and found[0] == name for found in recent[:-1]) else message
