"""Classes to ask a generator for, as often as they occur among real pictures.

If a fifth of the real pictures are shirts, then a fifth of a perfect generator's samples are, too.
With every class equally often, even real pictures would seem far from real ones.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

GOLDEN = (math.sqrt(5) - 1) / 2


def natural_labels(labels: Any, seeds: Sequence[int]) -> list[int]:
    """Return the class of each seed, which depends on that seed alone.

    Any len(labels) consecutive seeds have the classes of `labels` (N,) exactly as often as they
    occur there, and fewer seeds have nearly their frequencies: steps of the golden ratio through
    the sorted labels spread evenly.
    """
    count, ordered = len(labels), np.sort(labels)
    step = round(count * GOLDEN) or 1
    while math.gcd(step, count) > 1:  # so that the steps visit every place
        step += 1
    return [int(ordered[seed * step % count]) for seed in seeds]
