"""Pictures drawn in the terminal, read back as colours."""

import io

import numpy as np
import pytest
from rich.console import Console

from gancli.cli.preview import excerpt, half_blocks
from gancli.images import grid


def _pixels(text):
    """Return the drawn pixels, uint8 (H, W, 3): a character's foreground above its background."""
    rows = []
    for line in text.split("\n"):
        upper, lower = [], []
        for segment in line.render(Console(file=io.StringIO())):
            if segment.style and segment.style.color and segment.style.bgcolor:
                upper += [segment.style.color.triplet] * len(segment.text)
                lower += [segment.style.bgcolor.triplet] * len(segment.text)
        rows += [upper, lower]
    return np.array(rows, np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_that_fits_is_shown_pixel_by_pixel(channels):
    picture = np.random.default_rng(0).integers(0, 3, (6, 9, channels), np.uint8) * 100
    assert np.array_equal(_pixels(half_blocks(picture, 80)), picture + np.zeros(3, np.uint8))


def test_a_black_row_is_added_to_an_odd_height():
    shown = _pixels(half_blocks(np.full((3, 4, 1), 255, np.uint8), 80))
    assert shown[:, 0, 0].tolist() == [255, 255, 255, 0]


def test_a_wide_picture_is_scaled_down_and_keeps_its_proportions():
    ramp = np.arange(200, dtype=np.uint8)[None, :, None].repeat(100, axis=0)
    shown = _pixels(half_blocks(ramp, 50))
    assert shown.shape == (26, 50, 3)
    assert shown[0, :, 0] == pytest.approx(np.arange(50) * 4 + 1.5, abs=1)


@pytest.mark.parametrize("width", [0, 1])
def test_any_width_is_possible(width):
    assert _pixels(half_blocks(np.zeros((40, 30, 3), np.uint8), width)).shape == (2, 1, 3)


def test_equal_neighbours_share_one_colour_code():
    assert len(half_blocks(np.zeros((4, 60, 1), np.uint8), 60).spans) == 2


def _numbered(rows, columns, size):
    """Return a grid of gray samples, each filled with its number."""
    samples = np.arange(rows * columns, dtype=np.uint8).repeat(size * size)
    return grid(samples.reshape(rows * columns, size, size, 1), rows=rows)


@pytest.mark.parametrize(
    ("by_class", "numbers"),
    [(False, [[0, 1, 2], [10, 11, 12]]), (True, [[0, 10, 20], [1, 11, 21]])],
)
def test_an_excerpt_shows_the_first_samples_or_the_first_of_each_class(by_class, numbers):
    shown = _pixels(excerpt(_numbered(4, 10, 16), 16, by_class, width=50, lines=24))
    assert shown.shape == (32, 48, 3)
    assert shown[::16, ::16, 0].tolist() == numbers


def test_an_excerpt_fits_in_a_small_terminal():
    assert _pixels(excerpt(_numbered(8, 8, 64), 64, False, width=80, lines=20)).shape == (16, 64, 3)
