"""Measures of generated points: which Gaussians of a mixture they find, and how many are good.

As in VEEGAN (Srivastava et al. 2017, arXiv:1705.07761, section 4.1), a sample is good if it is
within 3 standard deviations of the nearest centre. We count a mode as found if it has at least a
fifth of its share of all samples, not from a single sample on.
"""

from typing import Any

import numpy as np

from gancli.points import Mixture

GOOD = 3.0  # standard deviations from a centre
FOUND = 0.2  # of its share of the samples, at least


def measure(points: Any, mixture: Mixture) -> dict[str, float]:
    """Return `modes_found`, a number, and `good_samples`, a share in 0..1, of `points` (N, 2)."""
    centres = np.array(mixture.centres)
    distance = np.linalg.norm(np.asarray(points)[:, None] - centres, axis=2)  # (N, modes)
    good = distance.min(1) <= GOOD * mixture.deviation
    counts = np.bincount(distance.argmin(1)[good], minlength=len(centres))
    found = counts >= FOUND * len(distance) / len(centres)
    return {"modes_found": float(found.sum()), "good_samples": float(good.mean())}
