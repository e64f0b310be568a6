"""Random crops and mirroring, compared to the same operations by Pillow and by hand."""

import numpy as np
import torch
from conftest import random_data
from PIL import Image

from gancli.gan import Shape
from gancli.training import augment
from gancli.training.resident import Augmentation, ResidentDataset


def test_crop_equals_cropping_the_enlarged_image() -> None:
    x = torch.arange(40)
    smooth = torch.sin(x[:, None] / 7) * torch.cos(x / 5)
    theta = torch.tensor([[[0.8, 0, 0], [0, 0.8, 0]]])  # jitter 0.25: 40 pixels of 50
    cropped = augment.crop(smooth[None, None], theta)[0, 0]
    large = Image.fromarray(smooth.numpy()).resize((50, 50), Image.Resampling.BICUBIC)
    expected = torch.from_numpy(np.array(large.crop((5, 5, 45, 45))))
    torch.testing.assert_close(cropped, expected, atol=0.01, rtol=0)


def test_crops_keep_the_sharpness_of_the_image_and_its_range() -> None:
    rng = torch.Generator().manual_seed(0)
    noise = torch.empty(4, 1, 64, 64).uniform_(-1, 1, generator=rng)
    crops = augment.random_crops(4, 0.12, True, torch.device("cpu"), rng)
    cropped = augment.crop(noise, crops)
    assert cropped.std() / noise.std() > 0.8  # 0.67 if interpolated linearly
    assert cropped.abs().max() <= 1


def test_random_crops_stay_inside_the_image_and_mirror_half() -> None:
    torch.manual_seed(0)
    theta = augment.random_crops(1000, 0.25, True, torch.device("cpu"))
    scale, shift = theta[:, [0, 1], [0, 1]], theta[:, :, 2]
    torch.testing.assert_close(scale.abs(), torch.full_like(scale, 0.8))
    assert (scale[:, 1] > 0).all()
    assert 400 < (scale[:, 0] < 0).sum() < 600
    assert shift.abs().max() <= 0.2 + 1e-6
    assert shift.abs().max() > 0.19
    assert shift.unique(dim=0).shape[0] == 1000


def test_negative_scale_mirrors_left_and_right() -> None:
    image = torch.rand(1, 3, 8, 8)
    theta = torch.tensor([[[-1.0, 0, 0], [0, 1, 0]]])
    torch.testing.assert_close(augment.crop(image, theta), image.flip(3))


def test_both_halves_of_a_pair_get_the_same_crop() -> None:
    images = torch.randint(0, 256, (6, 16, 16, 3), dtype=torch.uint8)
    augmentation = Augmentation(jitter=0.3, mirror=True)
    data = ResidentDataset(
        images, None, 0, torch.device("cpu"), sources=images, augmentation=augmentation
    )
    batch = data.batch(torch.arange(6))
    assert batch.source is not None
    torch.testing.assert_close(batch.image, batch.source)
    plain = ResidentDataset(images, None, 0, torch.device("cpu")).batch(torch.arange(6)).image
    assert (batch.image - plain).abs().mean() > 0.1


def test_cropping_a_label_map_adds_no_colours() -> None:
    images = 255 * torch.randint(0, 2, (4, 16, 16, 3), dtype=torch.uint8)
    augmentation = Augmentation(jitter=0.3, image_is_label_map=True)
    data = ResidentDataset(
        images, None, 0, torch.device("cpu"), sources=images, augmentation=augmentation
    )
    batch = data.batch(torch.arange(4))
    assert batch.source is not None
    assert set(batch.image.unique().tolist()) == {-1.0, 1.0}
    assert len(batch.source.unique()) > 2


def test_batches_are_not_augmented_by_default() -> None:
    shape = Shape(channels=1, size=16)
    a, b = (random_data(shape).batch(torch.arange(4)).image for _ in range(2))
    assert torch.equal(a, b)
