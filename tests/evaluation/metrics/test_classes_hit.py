"""The share of classes that samples hit, and the share of each class."""

import pytest
import torch
from evaluation.bars import Bars

from gancli.evaluation.evaluate import measure
from gancli.evaluation.metrics.classes_hit import classes_hit


def test_a_class_is_hit_from_a_tenth_of_its_expected_frequency() -> None:
    labels = torch.tensor([0] * 50 + [1] * 50)  # class 2 does not occur and is left out
    assert classes_hit(torch.tensor([95, 5, 0]), labels) == 1
    assert classes_hit(torch.tensor([96, 4, 0]), labels) == 0.5
    assert classes_hit(torch.tensor([0, 4, 96]), labels) == 0


def test_a_class_without_samples_is_not_hit(real_bars: Bars) -> None:
    images = real_bars.real[torch.from_numpy(real_bars.train.labels) != 2]
    found = measure(real_bars.samples(images)).as_dict()
    assert found["classes_hit"] == 0.75
    assert found["shares"]["lower"] < 0.02
    assert found["shares"]["top"] == pytest.approx(1 / 3, abs=0.02)
    assert sum(found["shares"].values()) == pytest.approx(1)
