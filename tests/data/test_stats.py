"""Dataset statistics, compared with a direct computation over the complete array."""

import json

import numpy as np
import pytest

from gancli.data import stats
from gancli.data.pictures import Pictures


@pytest.mark.parametrize("channels", [1, 3])
def test_stats_match_a_direct_computation(channels):
    noise = np.random.default_rng(0)
    images = noise.integers(0, 200, (300, 8, 12, channels), np.uint8)
    images[..., 0] //= 2
    labels = np.arange(300) % 2
    found = stats.stats(
        Pictures(name="n", split="train", images=images, labels=labels, classes=("a", "b", "c"))
    )
    values = images / 255
    assert (found.pictures, found.size) == (300, (8, 12))
    assert found.megabytes == images.size / 1e6
    assert found.mean == pytest.approx(values.mean((0, 1, 2)), abs=1e-4)
    assert found.std == pytest.approx(values.std((0, 1, 2)), abs=1e-4)
    assert found.spread == pytest.approx(values.std(0).mean(), abs=1e-4)
    assert found.quantiles["50%"] == pytest.approx(np.median(values), abs=1 / 255)
    assert found.histogram == tuple(np.bincount(images.reshape(-1), minlength=256))
    assert found.classes == {"a": 150, "b": 150, "c": 0}


def test_constant_pictures_have_zero_std_for_every_gray():
    """For some grays, rounding makes E[x^2] less than E[x]^2."""
    for value in range(256):
        images = np.full((7, 5, 5, 1), value, np.uint8)
        found = stats.stats(Pictures(name="n", split="train", images=images))
        assert (found.std, found.spread) == ((0.0,), 0.0)


def test_identical_pictures_have_zero_spread():
    images = np.full((5, 4, 4, 1), 51, np.uint8)
    images[:, :2] = 204
    found = stats.stats(Pictures(name="n", split="train", images=images))
    assert (found.spread, found.mean, found.std) == (0, (0.5,), (0.3,))
    assert dict(found.rows())["dark to bright"] == "[   #        #   ]"


def test_the_command_prints_a_table_or_json(gan, pictures):
    rows = dict(
        line.split("\t") for line in gan("datasets", "stats", "./pictures").stdout.splitlines()
    )
    found = json.loads(gan("datasets", "stats", "./pictures", "--json").stdout)
    assert rows["size"] == "16x16, 1 channel"
    assert rows["pictures"] == str(found["pictures"])
    assert sum(found["classes"].values()) == found["pictures"]
    assert 0.4 < found["mean"][0] < 0.6
