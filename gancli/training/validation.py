"""Pictures that are held out from training, to choose the best epoch by (`--evaluate-every`).

The test split stays for `gan evaluate`: a figure that chose the epoch would flatter it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch

from gancli.config import Job
from gancli.data.pictures import Pictures
from gancli.images import Array
from gancli.reporting import Say

SHARE, MOST = 10, 5_000  # one in SHARE of the training pictures is held out, at most MOST
SEED = 1_618_033  # of the choice: the same pictures in every run


@dataclass(frozen=True, kw_only=True)
class Validation:
    """The indices (int64) of the pictures to train on, and of those to choose the best epoch by.

    `trained` is None if it is all of them. `held_out` is their number in `chosen` that training
    does not see: all or none.
    """

    trained: Array | None
    chosen: Array
    held_out: int

    def take(self, pictures: Pictures) -> Pictures:
        """Return the pictures to choose the best epoch by, as a copy in memory."""
        one_of_two = (pictures.images, pictures.labels, pictures.partners)
        images, labels, partners = (None if a is None else a[self.chosen] for a in one_of_two)
        return replace(
            pictures,
            split="validation",
            images=images,
            labels=labels,
            partners=partners,
            digest="",
            stored=None,
        )


def split(pictures: Pictures, job: Job, plan: Mapping[str, Any] | None, say: Say) -> Validation:
    """Choose the validation pictures of a run; `plan` is that of the run to resume.

    They are held out if the run started with `--evaluate-every`. A run that started without it has
    trained on all pictures, so its metrics compare samples with pictures that it has seen.
    """
    count = len(pictures.images)
    part = max(1, min(count // SHARE, MOST))
    order = torch.randperm(count, generator=torch.Generator().manual_seed(SEED))
    chosen = order[:part].sort().values.numpy()
    wanted = bool(job.evaluate_every) and count > 1
    held_out = wanted if plan is None else bool(plan.get("validation", 0))
    if held_out:
        if plan is None:
            say(f"{part:,} of the {count:,} training pictures are held out to measure epochs by.")
        return Validation(trained=order[part:].sort().values.numpy(), chosen=chosen, held_out=part)
    if wanted:
        say(
            "This run started without --evaluate-every and has trained on all pictures, so its "
            "epochs are measured by pictures that it has seen."
        )
    return Validation(trained=None, chosen=chosen, held_out=0)
