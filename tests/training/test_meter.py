"""Means of what steps report."""

import pytest
import torch

from gancli.training.meter import Meter


def test_read_returns_the_means_since_the_last_reset() -> None:
    meter = Meter(torch.device("cpu"))
    for value in (1.0, 2.0, 6.0):
        meter.add({"a": torch.tensor(value), "b": torch.tensor(-value)})
    assert meter.read(reset=False) == pytest.approx({"a": 3.0, "b": -3.0})
    assert meter.read() == pytest.approx({"a": 3.0, "b": -3.0})
    meter.add({"b": torch.tensor(1.0), "a": torch.tensor(5.0)})
    assert meter.read() == pytest.approx({"a": 5.0, "b": 1.0})


def test_load_continues_the_means_of_an_epoch() -> None:
    first, second = Meter(torch.device("cpu")), Meter(torch.device("cpu"))
    first.add({"a": torch.tensor(1.0)})
    second.load(first.state())
    second.add({"a": torch.tensor(2.0)})
    assert second.read() == pytest.approx({"a": 1.5})


def test_an_empty_meter_reads_no_metrics() -> None:
    assert Meter(torch.device("cpu")).read() == {}
