"""Pictures that are held out from training, to choose the best epoch by (`--evaluate-every`).

The test split stays for `gan evaluate`: a figure that chose the epoch would flatter it.
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gancli.config import Job
from gancli.data.pictures import Pictures
from gancli.images import Array
from gancli.reporting import Say

Indices = NDArray[np.int64]
SHARE, MOST = 10, 5_000  # about one in SHARE of the training pictures is held out, at most MOST
FEWEST = 2  # of which a covariance can be computed


@dataclass(frozen=True, kw_only=True)
class Validation:
    """The indices (int64) of the pictures to train on, and of those to choose the best epoch by.

    `trained` is None if training sees all pictures, those in `chosen` too.
    """

    trained: Indices | None = None
    chosen: Indices = field(default_factory=lambda: np.arange(0, dtype=np.int64))

    @property
    def held_out(self) -> int:
        """How many pictures training does not see."""
        return 0 if self.trained is None else len(self.chosen)

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

    They are held out if the run started with `--evaluate-every`. A run that started without it, or
    in a version that did not hold them out, has trained on all pictures, so its metrics compare
    samples with pictures that it has seen.
    """
    wanted = bool(job.evaluate_every)
    held_out = wanted if plan is None else bool(plan.get("validation"))
    if not (wanted or held_out):
        return Validation()
    chosen, count = choose(pictures.images), len(pictures.images)
    if not held_out:
        say(
            "This run has trained on all pictures, so its epochs are measured on pictures "
            "it has seen."
        )
        return Validation(chosen=chosen)
    if plan is None:
        say(f"{len(chosen):,} of the {count:,} training pictures are held out for validation.")
    return Validation(trained=np.delete(np.arange(count, dtype=np.int64), chosen), chosen=chosen)


def choose(images: Array) -> Indices:
    """Return the indices of the pictures to hold out, by a hash of their pixels.

    Pictures that are added to a folder do not move others from training to validation, and copies
    of a picture are held out together.
    """
    hashes = np.array([zlib.crc32(image.tobytes()) for image in images], np.uint32)
    part = min(np.count_nonzero(hashes < 2**32 // SHARE), MOST)
    order = np.argsort(hashes, kind="stable")
    return np.sort(order[: max(part, FEWEST)])
