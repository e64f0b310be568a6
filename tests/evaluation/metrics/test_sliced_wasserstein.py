"""The sliced Wasserstein distance: its parts against other computations, and what it notices."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from gancli.evaluation.metrics import sliced_wasserstein
from gancli.evaluation.metrics.sliced_wasserstein import distances, pyramid, sliced


def photos(seed: int, count: int = 40, size: int = 32) -> Tensor:
    """Smooth random colour pictures, uint8 (count, 3, size, size)."""
    rng = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, size // 4, size // 4, generator=rng)
    return F.interpolate(coarse, size=size, mode="bicubic").clamp(0, 1).mul(255).byte()


@pytest.mark.parametrize("size", [16, 28, 36, 60, 100])
def test_a_pyramid_can_be_added_up_to_the_picture(size: int) -> None:
    picture = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0))
    levels = pyramid(picture)
    assert levels[0].shape == picture.shape
    assert min(levels[-1].shape[2:]) >= sliced_wasserstein.SMALLEST
    total = levels[-1]
    for fine in reversed(levels[:-1]):
        total = fine + sliced_wasserstein._enlarge(total, fine)
    torch.testing.assert_close(total, picture)


def test_a_flat_picture_has_no_details() -> None:
    *details, rest = pyramid(torch.full((1, 1, 56, 56), 0.3))
    for level in details:
        assert level.abs().max() < 1e-6
    torch.testing.assert_close(rest, torch.full_like(rest, 0.3))


def test_a_shift_of_points_has_a_closed_form() -> None:
    """Every projection moves by <shift, direction>, whose mean is known in two dimensions."""
    rng = torch.Generator().manual_seed(0)
    points = torch.randn(500, 2, generator=rng)
    moved = points + torch.tensor([3.0, 4.0])
    expected = 5 * 2 / torch.pi  # |shift| times the mean of |cos|
    assert sliced(points, moved, rng) == pytest.approx(expected, rel=0.15)
    assert sliced(points, points, rng) == 0


def test_the_level_on_which_pictures_differ_has_the_larger_distance() -> None:
    real, other = photos(0), photos(1)
    floor = distances(real, other)
    grid = other.clone()
    grid[..., ::2, ::2] = (grid[..., ::2, ::2].float() * 0.7).byte()  # a checkerboard
    with_grid = distances(real, grid)
    assert with_grid[0] > 3 * floor[0]
    assert with_grid[0] - floor[0] > with_grid[1] - floor[1]
    blurred = F.avg_pool2d(other.float(), 3, 1, 1).byte()
    assert distances(real, blurred)[0] > 1.5 * floor[0]


def test_mean_colour_does_not_count_and_equal_sets_are_near() -> None:
    real = photos(0)
    darker = (real.float() * 0.5 + 20).byte()
    assert distances(real, real)[1] < 60
    assert distances(real, darker)[1] < distances(real, photos(2))[1] + 60


def test_sets_of_different_sizes_are_cut_to_the_smaller() -> None:
    real = photos(0)
    assert distances(real, photos(1)[:10]) == distances(real[:10], photos(1)[:10])
