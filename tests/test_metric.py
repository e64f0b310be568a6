"""Which of two values of a metric is the better one."""

import math

import pytest

from gancli.metric import Metric


@pytest.mark.parametrize(
    ("better", "value", "best", "expected"),
    [
        ("lower", 0.9, 1.0, True),
        ("lower", 1.1, 1.0, False),
        ("higher", 1.1, 1.0, True),
        ("higher", 0.9, 1.0, False),
        ("lower", 1.0, 1.0, False),
        ("lower", -1.1, -1.0, True),  # a score may be negative
        ("higher", -0.9, -1.0, True),
    ],
)
def test_the_direction_decides_which_value_is_better(
    better: str, value: float, best: float, expected: bool
) -> None:
    metric = Metric("score", better)  # type: ignore[arg-type]
    assert metric.improves(value, best) is expected
    assert metric.improves(value, best, margin=0.2) is False
    assert metric.improves(value, math.inf)  # no value yet
    assert not metric.improves(math.nan, math.inf)
