"""Which classes the samples show."""

import pytest
import torch
from evaluation.bars import Bars

from gancli.evaluation.evaluate import measure
from gancli.evaluation.metrics.classes_hit import classes_hit


def test_classes_hit_asks_for_a_tenth_of_the_expected_frequency() -> None:
    labels = torch.tensor([0] * 50 + [1] * 50)  # class 2 is not there, and left out
    assert classes_hit(torch.tensor([95, 5, 0]), labels) == 1
    assert classes_hit(torch.tensor([96, 4, 0]), labels) == 0.5
    assert classes_hit(torch.tensor([0, 4, 96]), labels) == 0


def test_a_class_that_never_comes_is_missed(real_bars: Bars) -> None:
    images = real_bars.real[torch.from_numpy(real_bars.train.labels) != 2]
    found = measure(real_bars.samples(images)).as_dict()
    assert found["classes_hit"] == 0.75
    assert found["shares"]["lower"] < 0.02
    assert found["shares"]["top"] == pytest.approx(1 / 3, abs=0.02)
    assert sum(found["shares"].values()) == pytest.approx(1)
