"""The datasets of points in the plane, each against its definition."""

import math

import numpy as np
import pytest

from gancli import registry
from gancli.data.pictures import Pictures, places

NAMES = [n for n in registry.names("datasets") if registry.declared("datasets", n, "POINTS")]


def opened(name: str, split: str = "train") -> Pictures:
    found: Pictures = registry.load("datasets", name).load(places(), split)
    return found


def points(name: str) -> np.ndarray:
    return opened(name).images.reshape(-1, 2).astype(float)


@pytest.mark.parametrize("name", NAMES)
def test_points_are_floats_that_depend_on_the_split_alone(name: str) -> None:
    train, again, test = opened(name), opened(name), opened(name, "test")
    assert train.images.shape == (20_000, 1, 1, 2)
    assert train.images.dtype == np.float32
    assert train.digest == again.digest != test.digest
    assert len(test.images) == 10_000
    rows = [set(map(tuple, each.images.reshape(-1, 2).tolist())) for each in (train, test)]
    assert not rows[0] & rows[1]
    assert np.abs(train.images).max() < 1.3


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("count", [1, 7, 1000])
def test_any_number_of_points_can_be_drawn(name: str, count: int) -> None:
    draw = registry.load("datasets", name).draw
    found, part = draw(count, np.random.default_rng(3))
    assert found.shape == (count, 2)
    assert part.shape == (count,)
    assert np.array_equal(found, draw(count, np.random.default_rng(3))[0])
    assert not np.array_equal(found, draw(count, np.random.default_rng(4))[0])


def test_the_ring_is_eight_gaussians_on_a_circle() -> None:
    x, y = points("ring").T
    angle = np.arctan2(y, x)
    number = np.round(angle / (math.pi / 4)).astype(int) % 8
    assert (np.bincount(number) == 2500).all()
    for k in range(8):
        here = np.stack([x, y], 1)[number == k]
        centre = (math.cos(k * math.pi / 4), math.sin(k * math.pi / 4))
        np.testing.assert_allclose(here.mean(0), centre, atol=0.002)
        np.testing.assert_allclose(here.std(0), 0.02, rtol=0.05)


def test_the_grid_is_25_gaussians_two_apart_divided_by_four() -> None:
    found = points("grid") * 4  # centres at -4, -2, 0, 2, 4, deviation 0.05
    cell = np.round(found / 2).astype(int)
    assert set(map(tuple, cell.tolist())) == {(i, j) for i in range(-2, 3) for j in range(-2, 3)}
    np.testing.assert_allclose((found - 2 * cell).std(0), 0.05, rtol=0.03)
    _, counts = np.unique(cell, axis=0, return_counts=True)
    assert (counts == 800).all()


def test_the_moons_are_half_circles() -> None:
    x, y = (points("moons") * 1.5 + (0.5, 0.25)).T
    upper = np.abs(np.hypot(x, y) - 1)[0::2]
    lower = np.abs(np.hypot(x - 1, y - 0.5) - 1)[1::2]
    assert max(np.quantile(upper, 0.95), np.quantile(lower, 0.95)) < 0.16  # 2 deviations of 0.075
    assert (y[0::2] > -0.3).all()


def test_the_spiral_has_an_angle_that_grows_with_the_radius() -> None:
    x, y = points("spiral").T
    radius, angle = np.hypot(x, y), np.arctan2(y, x)
    turned = angle - 2 * np.pi * 1.25 * radius - np.pi * (np.arange(len(x)) % 2)
    off = np.abs(np.angle(np.exp(1j * turned)))[radius > 0.4]
    assert np.quantile(off, 0.95) < 0.5


def test_the_checkerboard_has_points_in_every_second_square_only() -> None:
    found = points("checkerboard")
    assert (np.abs(found) <= 1).all()
    column, row = np.minimum((found + 1) * 2, 3.999).astype(int).T
    assert ((row + column) % 2 == 0).all()
    assert len(set(zip(row.tolist(), column.tolist(), strict=True))) == 8
