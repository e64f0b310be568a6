"""Charts: lines go through their values, in different colours, and ticks are round numbers."""

import math

import numpy as np
import pytest

from gancli.report.charts import COLOURS, loss_chart, tick_labels, ticks

EPOCHS = range(1, 26)
FALLING = [(k, 2.0 - k / 25) for k in EPOCHS]
RISING = [(k, 1.0 + k / 25) for k in EPOCHS]


def _where(chart, colour):
    """Return (rows, columns) of the pixels with exactly that colour below the legend."""
    rgb = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    rows, columns = np.nonzero((chart == rgb).all(axis=2))
    return rows[rows > 90], columns[rows > 90]


def test_a_chart_is_a_uint8_picture_of_960x540():
    chart = loss_chart({"generator": FALLING}, "title", "epoch")
    assert chart.shape == (540, 960, 3) and chart.dtype == np.uint8


def test_lines_rise_and_fall_with_their_values():
    chart = loss_chart({"falling": FALLING, "rising": RISING}, "title", "epoch")
    for colour, slope in zip(COLOURS[:2], (1, -1), strict=True):
        rows, columns = _where(chart, colour)
        assert np.ptp(columns) > 800
        assert slope * np.corrcoef(rows, columns)[0, 1] > 0.999


def test_the_y_axis_is_linear():
    """Of the values 0, 1, 2, the second is half way between the first and the third."""
    rows, columns = _where(loss_chart({"a": [(0, 0), (1, 1), (2, 2)]}, "t", "x"), COLOURS[0])
    middle = rows[np.abs(columns - (columns.min() + columns.max()) / 2) < 1].mean()
    assert middle == pytest.approx((rows.min() + rows.max()) / 2, abs=1.5)


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
def test_a_line_is_interrupted_where_a_value_is_not_finite(broken):
    points = [(k, 1.0) for k in range(100)]
    points[40:60] = [(k, broken) for k in range(40, 60)]
    _, columns = _where(loss_chart({"a": points}, "title", "epoch"), COLOURS[0])
    gaps = np.diff(np.unique(columns))
    assert sorted(gaps)[-1] > 150 and sorted(gaps)[-2] == 1


@pytest.mark.parametrize(
    "series",
    [
        {},
        {"a": []},
        {"a": [(1, math.nan)]},
        {"a": [(1, 0.69)]},
        {"a": [(1, 0.0), (2, 0.0)]},
        {"a": [(1, -1e30), (2, 1e30)]},
        {"a": [(1, 1e-30), (2, 2e-30)]},
        {"a": [(0, 0.1), (1e9, 0.1 + 1e-15)]},
        {"a" * 500: FALLING},
        {f"series {k}": FALLING for k in range(20)},
    ],
)
def test_any_series_can_be_drawn(series):
    assert loss_chart(series, "title " * 50, "epoch").shape == (540, 960, 3)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.13, 1.94, [0.0, 0.5, 1.0, 1.5, 2.0]),
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (-3, 3, [-3, -2, -1, 0, 1, 2, 3]),
        (1.1, 1.2, [1.1, 1.12, 1.14, 1.16, 1.18, 1.2]),
        (0, 60_000, [0, 10_000, 20_000, 30_000, 40_000, 50_000, 60_000]),
    ],
)
def test_ticks_are_round_numbers_that_cover_the_range(low, high, expected):
    assert ticks(low, high, 6) == pytest.approx(expected)


def test_ticks_of_epochs_are_integers():
    assert ticks(1, 3, 10, integers=True) == [1, 2, 3]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 0.5, 1.0], ["0.0", "0.5", "1.0"]),
        ([-0.02, 0.0], ["-0.02", "0.00"]),
        ([5, 10], ["5", "10"]),
        ([0, 20_000], ["0k", "20k"]),
        ([500_000, 1_000_000], ["0.5M", "1.0M"]),
        ([1], ["1"]),
        ([0, 1e-7], ["0", "1e-07"]),
    ],
)
def test_tick_labels_are_short_with_equal_decimals(values, expected):
    assert tick_labels(values) == expected
