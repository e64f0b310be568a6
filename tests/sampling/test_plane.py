"""Drawings of points: what is where, and in which colour."""

import numpy as np
import pytest

from gancli.sampling import plane
from gancli.sampling.plane import HEADER, SIDE, Scene, draw, half_side, places


def at(picture: np.ndarray, x: float, y: float, half: float = 1.0) -> tuple[int, ...]:
    """The colour at the point (x, y); y points up."""
    column = int((x / half + 1) / 2 * SIDE)
    row = HEADER + int((1 - y / half) / 2 * SIDE)
    return tuple(picture[row, column].tolist())


def rgb(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour[1:]))


def test_points_are_where_they_belong() -> None:
    picture = draw(Scene(half=2.0, real=np.array([(1.0, 1.5)]), fake=np.array([(-1.0, -0.5)])))
    assert picture.shape == (SIDE + HEADER, SIDE, 3)
    assert at(picture, 1, 1.5, half=2) == rgb(plane.REAL)
    assert at(picture, -1, -0.5, half=2) == rgb(plane.FAKE)
    assert at(picture, 0, 0, half=2) == rgb(plane.PAPER)


def test_the_background_is_blue_where_the_discriminator_believes() -> None:
    grid = places(1.0, 10)
    belief = (grid[:, 1] > 0).astype(np.float32).reshape(10, 10)  # real in the upper half
    picture = draw(Scene(half=1.0, belief=belief))
    assert at(picture, 0.5, 0.8) == tuple(map(int, plane.HEAT[2]))
    assert at(picture, 0.5, -0.8) == tuple(map(int, plane.HEAT[0]))
    undecided = draw(Scene(half=1.0, belief=np.full((10, 10), 0.5)))
    assert at(undecided, 0.3, 0.3) == (255, 255, 255)


def test_places_cover_the_square_row_by_row_from_the_top() -> None:
    found = places(2.0, 4).reshape(4, 4, 2)
    np.testing.assert_allclose(found[0, :, 0], [-1.5, -0.5, 0.5, 1.5])
    np.testing.assert_allclose(found[:, 0, 1], [1.5, 0.5, -0.5, -1.5])


def test_points_that_are_far_away_or_not_finite_do_no_harm() -> None:
    wild = np.array([(1e30, 0), (np.nan, 0), (np.inf, -np.inf), (0, 0)])
    assert at(draw(Scene(half=1.0, fake=wild)), 0, 0) == rgb(plane.FAKE)
    assert np.isfinite(half_side(wild))


@pytest.mark.parametrize("points", [np.zeros((3, 2)), np.zeros((0, 2))])
def test_the_square_has_a_size_even_if_the_points_have_none(points: np.ndarray) -> None:
    assert half_side(points) == plane.MARGIN


def test_the_square_shows_all_points_with_a_margin() -> None:
    assert half_side(np.array([(0.5, -2.0), (1, 1)])) == pytest.approx(2 * plane.MARGIN)


def test_lines_of_noise_enclose_equal_shares_of_it() -> None:
    lines = plane.noise_lines("normal")
    assert lines.shape == (2 * plane.LINES, plane.STEPS, 2)
    first = lines[: plane.LINES, :, 0]  # x is the same all along a line
    assert (first == first[:, :1]).all()
    drawn = np.random.default_rng(0).standard_normal(200_000)
    counts, _ = np.histogram(drawn, first[:, 0])
    np.testing.assert_allclose(counts / len(drawn), (1 - 2 * plane.EDGE) / 14, atol=0.003)
    uniform = plane.noise_lines("uniform")[: plane.LINES, 0, 0]
    np.testing.assert_allclose(np.diff(uniform), np.diff(uniform)[0], rtol=1e-4)
    assert np.abs(uniform).max() <= 1


def test_lines_and_arrows_are_drawn() -> None:
    line = np.array([[(-0.5, 0.2), (0.5, 0.2)]])
    assert at(draw(Scene(half=1.0, lines=line)), 0.1, 0.2) == rgb(plane.LINE)
    for vector, tip in (((0.0, 1.0), (0.0, 0.06)), ((1.0, 0.0), (0.06, 0.0))):  # y points up
        picture = draw(Scene(half=1.0, arrows=np.array([[(0.0, 0.0), vector]])))
        assert sum(at(picture, *tip)) < 500
        assert at(picture, -tip[0], -tip[1]) == rgb(plane.PAPER)


@pytest.mark.parametrize("vector", [(0.0, 0.0), (1e-3, 0.0), (np.nan, 1.0), (np.inf, 0.0)])
def test_gradients_that_vanish_or_explode_have_no_arrow(vector: tuple[float, float]) -> None:
    plain = draw(Scene(half=1.0))
    assert (draw(Scene(half=1.0, arrows=np.array([[(0.0, 0.0), vector]]))) == plain).all()
