"""Jitter and mirror, against the same done by hand."""

import numpy as np
import torch
from conftest import random_data
from PIL import Image

from gancli.gan import Shape
from gancli.training import augment
from gancli.training.resident import Resident, Vary


def test_a_crop_of_the_middle_is_that_of_the_enlarged_picture() -> None:
    x = torch.arange(40)
    soft = torch.sin(x[:, None] / 7) * torch.cos(x / 5)
    theta = torch.tensor([[[0.8, 0, 0], [0, 0.8, 0]]])  # jitter 0.25: 40 pixels of 50
    shown = augment.crop(soft[None, None], theta)[0, 0]
    large = Image.fromarray(soft.numpy()).resize((50, 50), Image.Resampling.BILINEAR)
    expected = torch.from_numpy(np.array(large.crop((5, 5, 45, 45))))
    torch.testing.assert_close(shown, expected, atol=0.01, rtol=0)


def test_crops_stay_inside_and_half_are_mirrored() -> None:
    torch.manual_seed(0)
    theta = augment.random_crops(1000, 0.25, True, torch.device("cpu"))
    scale, shift = theta[:, [0, 1], [0, 1]], theta[:, :, 2]
    torch.testing.assert_close(scale.abs(), torch.full_like(scale, 0.8))
    assert (scale[:, 1] > 0).all()
    assert 400 < (scale[:, 0] < 0).sum() < 600
    assert shift.abs().max() <= 0.2 + 1e-6
    assert shift.abs().max() > 0.19
    assert shift.unique(dim=0).shape[0] == 1000


def test_mirroring_turns_left_and_right() -> None:
    picture = torch.rand(1, 3, 8, 8)
    theta = torch.tensor([[[-1.0, 0, 0], [0, 1, 0]]])
    torch.testing.assert_close(augment.crop(picture, theta), picture.flip(3))


def test_both_halves_of_a_pair_are_cropped_alike() -> None:
    images = torch.randint(0, 256, (6, 16, 16, 3), dtype=torch.uint8)
    vary = Vary(jitter=0.3, mirror=True)
    data = Resident(images, None, 0, torch.device("cpu"), sources=images, vary=vary)
    batch = data.batch(torch.arange(6))
    assert batch.source is not None
    torch.testing.assert_close(batch.image, batch.source)
    plain = Resident(images, None, 0, torch.device("cpu")).batch(torch.arange(6)).image
    assert (batch.image - plain).abs().mean() > 0.1


def test_crisp_maps_keep_their_colours() -> None:
    images = 255 * torch.randint(0, 2, (4, 16, 16, 3), dtype=torch.uint8)
    vary = Vary(jitter=0.3, crisp_image=True)
    data = Resident(images, None, 0, torch.device("cpu"), sources=images, vary=vary)
    batch = data.batch(torch.arange(4))
    assert batch.source is not None
    assert set(batch.image.unique().tolist()) == {-1.0, 1.0}
    assert len(batch.source.unique()) > 2


def test_nothing_varies_unless_asked() -> None:
    shape = Shape(channels=1, size=16)
    a, b = (random_data(shape).batch(torch.arange(4)).image for _ in range(2))
    assert torch.equal(a, b)
