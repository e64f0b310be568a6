"""The modes that points find, and the share of good ones, by hand."""

import pytest

from gancli.evaluation.planar import measure
from gancli.points import Mixture

TWO = Mixture(centres=((0.0, 0.0), (1.0, 0.0)), deviation=0.1)


@pytest.mark.parametrize(
    ("points", "modes", "good"),
    [
        ([(0, 0)] * 5 + [(1, 0)] * 5, 2, 1.0),
        ([(0, 0)] * 10, 1, 1.0),
        ([(0, 0.29), (0.8, 0.2)], 2, 1.0),  # within 0.3 of a centre
        ([(0, 0.31), (0.7, 0.3)], 0, 0.0),
        ([(0, 0)] * 9 + [(1, 0)], 2, 1.0),  # a fifth of its half
        ([(0, 0)] * 19 + [(1, 0)], 1, 1.0),
        ([(0, 0)] * 9 + [(0.5, 0)], 1, 0.9),
        ([(float("nan"), 0), (0, 0)], 1, 0.5),
    ],
)
def test_modes_and_good_samples(points: list[tuple[float, float]], modes: int, good: float) -> None:
    assert measure(points, TWO) == {"modes_found": modes, "good_samples": pytest.approx(good)}
