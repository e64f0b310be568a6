"""The shuffled order of images, and batches from device memory."""

import torch

from gancli.training.resident import ResidentDataset, order


def test_each_pass_shows_every_image_once() -> None:
    seen = torch.cat([order(3, 10, start, start + 4) for start in range(0, 40, 4)])
    for number in range(4):
        assert sorted(seen[number * 10 : number * 10 + 10].tolist()) == list(range(10))


def test_order_depends_on_seed_and_pass_but_not_on_the_start() -> None:
    assert torch.equal(order(0, 100, 0, 200)[150:170], order(0, 100, 150, 170))
    assert not torch.equal(order(0, 100, 0, 100), order(1, 100, 0, 100))
    assert not torch.equal(order(0, 100, 0, 100), order(0, 100, 100, 200))


def test_batch_scales_images_to_minus_one_to_one_and_makes_labels_one_hot() -> None:
    images = torch.tensor([0, 127, 128, 255], dtype=torch.uint8).view(4, 1, 1, 1).expand(4, 2, 2, 3)
    data = ResidentDataset(images, torch.tensor([2, 0, 1, 2]), 3, torch.device("cpu"))
    batch = data.batch(torch.tensor([3, 0]))
    assert batch.image.shape == (2, 3, 2, 2)
    assert batch.image[0].unique().tolist() == [1.0]
    assert batch.image[1].unique().tolist() == [-1.0]
    assert batch.label is not None
    assert batch.label.tolist() == [[0, 0, 1], [0, 0, 1]]
