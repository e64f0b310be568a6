"""L1 and PSNR of photos that differ by a known amount."""

import numpy as np
import pytest

from gancli.evaluation.evidence import Translations
from gancli.evaluation.metrics.pixel_error import l1, psnr

TRUTH = np.full((16, 16, 3), 100, np.uint8)
OUTPUT = TRUTH + np.uint8(51)  # a fifth of 255


def test_l1_is_a_mean_over_pairs() -> None:
    photos = Translations(generated=[OUTPUT, TRUTH], truth=[TRUTH, TRUTH])
    assert l1(photos) == pytest.approx(0.1, abs=1e-4)


def test_psnr_is_in_decibels_and_at_most_100() -> None:
    photos = Translations(generated=[OUTPUT], truth=[TRUTH])
    assert psnr(photos) == pytest.approx(-20 * np.log10(0.2), abs=1e-3)
    assert psnr(Translations(generated=[TRUTH], truth=[TRUTH])) == pytest.approx(100)
