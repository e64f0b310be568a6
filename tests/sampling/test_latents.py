"""Noise by seed, interpolation, walks and planes."""

import torch

from gancli.sampling import latents


def test_a_row_of_noise_depends_only_on_its_seed() -> None:
    many = latents.noise(range(20), 64, "normal")
    assert torch.equal(latents.noise([7], 64, "normal")[0], many[7])
    assert not torch.equal(many[7], many[8])


def test_noise_has_the_requested_distribution() -> None:
    normal = latents.noise(range(500), 100, "normal")
    assert abs(normal.mean()) < 0.02
    assert 0.98 < normal.std() < 1.02
    uniform = latents.noise(range(500), 100, "uniform")
    assert -1 <= uniform.min() < -0.99
    assert 0.99 < uniform.max() <= 1
    assert 0.98 < uniform.std() * 3**0.5 < 1.02


def test_noise_does_not_change_the_global_rng() -> None:
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    latents.noise(range(10), 10, "normal")
    assert torch.equal(torch.rand(1), expected)


def test_slerp_follows_the_arc_between_two_directions() -> None:
    a, b = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
    for t in (0.0, 0.25, 0.5, 1.0):
        angle = torch.tensor(t * torch.pi / 2)
        expected = torch.stack([angle.cos(), angle.sin()])
        torch.testing.assert_close(latents.slerp(a, b, t), expected)


def test_slerp_keeps_the_length_that_a_straight_line_loses() -> None:
    a, b = latents.noise([1, 2], 100, "normal")
    a, b = a / a.norm(), b / b.norm()
    assert abs(latents.slerp(a, b, 0.5).norm() - 1) < 1e-5
    assert latents.lerp(a, b, 0.5).norm() < 0.8


def test_slerp_between_parallel_points_is_linear() -> None:
    a = torch.tensor([1.0, 2.0])
    torch.testing.assert_close(latents.slerp(a, 3 * a, 0.5), 2 * a)
    assert torch.isfinite(latents.slerp(a, -a, 0.5)).all()


def test_a_walk_goes_through_every_point_and_repeats_none() -> None:
    points = torch.tensor([[0.0], [1.0], [3.0]])
    walk = torch.stack(list(latents.walk(points, 4)))[:, 0]
    torch.testing.assert_close(
        walk, torch.tensor([0, 0.25, 0.5, 0.75, 1, 1 + 2 / 3, 1 + 4 / 3, 3], dtype=torch.float)
    )


def test_a_walk_with_one_step_consists_of_the_points() -> None:
    points = torch.tensor([[0.0], [1.0], [3.0]])
    assert torch.equal(torch.stack(list(latents.walk(points, 1))), points)
    assert torch.equal(torch.stack(list(latents.walk(points, 1, loop=True))), points)


def test_a_loop_stops_one_step_short_of_its_start() -> None:
    walk = torch.stack(list(latents.walk(torch.tensor([[0.0], [1.0]]), 2, loop=True)))[:, 0]
    torch.testing.assert_close(walk, torch.tensor([0, 0.5, 1, 0.5]))


def test_labels_blend_linearly_and_sum_to_one() -> None:
    walk = list(latents.walk(latents.one_hot(range(10), 10), 50))
    assert len(walk) == 450
    torch.testing.assert_close(walk[60][1:3], torch.tensor([0.8, 0.2]))
    assert all(abs(y.sum() - 1) < 1e-6 for y in walk)
    assert walk[0].tolist() == [1] + [0] * 9
    assert walk[-1].tolist() == [0] * 9 + [1]


def test_square_starts_at_the_top_left() -> None:
    grid = latents.square(2, 3, -1, 1)
    assert grid.tolist() == [[-1, 1], [0, 1], [1, 1], [-1, -1], [0, -1], [1, -1]]


def test_a_plane_contains_its_three_corners() -> None:
    corners = latents.noise([1, 2, 3], 8, "normal")
    places = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    torch.testing.assert_close(latents.plane(corners, places), corners)
