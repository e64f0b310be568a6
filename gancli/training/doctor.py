"""The training doctor: asks a model for symptoms after each epoch, and reports each problem once.

It reads the metrics as they stand in metrics.jsonl, and nothing else. What can be wrong, and what
to do about it, is in `gancli.symptoms` and in the models.
"""

from collections.abc import Mapping, Sequence

from gancli.gan import GAN
from gancli.symptoms import Epoch

MIN_STEPS = 500  # no diagnosis of an epoch that began earlier: its means include the first steps
REPEAT_AFTER = 5  # epochs before the same finding is reported again


def diagnose(gan: GAN, epoch: Epoch) -> tuple[str, str] | None:
    """The first problem found, as the name of the symptom and a message; None if there is none."""
    if epoch.steps < MIN_STEPS:
        return None
    found = gan.symptoms(epoch).items()
    return next(((name, message) for name, message in found if message), None)


def new_finding(
    gan: GAN, records: Sequence[Mapping[str, float]], images_per_step: int
) -> str | None:
    """The message for the last of these epochs; None if a recent epoch had the same problem.

    The result depends on the epochs alone, so a resumed run repeats no message.
    """
    began = [0.0, *(m["images_seen"] / images_per_step for m in records)]
    epochs = (
        Epoch(metrics=m, steps=round(at), classes=gan.shape.classes)
        for m, at in zip(records, began, strict=False)
    )
    recent = [diagnose(gan, epoch) for epoch in epochs][-REPEAT_AFTER - 1 :]
    if not recent or recent[-1] is None:
        return None
    name, message = recent[-1]
    return None if any(found and found[0] == name for found in recent[:-1]) else message
