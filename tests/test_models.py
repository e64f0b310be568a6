"""What each paper says of its model, beyond the contract that all of them keep."""

import math

import pytest
import torch
from conftest import random_data, small

from gancli.errors import UsageError
from gancli.gan import GAN, Batch, Inputs, Shape

DIGITS = Shape(channels=1, size=28, classes=3)


def batch_and_inputs(gan: GAN) -> tuple[Batch, Inputs]:
    batch = random_data(gan.shape).batch(torch.arange(6))
    return batch, gan.draw(batch)


def log_sigmoid(x: float) -> float:
    return -math.log1p(math.exp(-x))


def log_softmax(row: list[float], label: int) -> float:
    return row[label] - math.log(sum(math.exp(x) for x in row))


@pytest.mark.parametrize("classify_fakes", [True, False])
def test_acgan_adds_up_its_source_and_class_terms(classify_fakes: bool) -> None:
    settings = {"dropout": 0.0, "classify_fakes": classify_fakes, "g_class_weight": 0.25}
    gan = small("acgan", DIGITS, **settings)
    batch, inputs = batch_and_inputs(gan)
    fake = gan.fake(inputs)
    labels = [0, 1, 2, 0, 1, 2]
    real_source, real_class = gan.discriminator(batch.image)
    fake_source, fake_class = gan.discriminator(fake)

    def category(logits: torch.Tensor) -> float:
        rows = logits.tolist()
        return -sum(log_softmax(r, y) for r, y in zip(rows, labels, strict=True)) / 6

    source = -sum(map(log_sigmoid, real_source.tolist())) / 6
    source -= sum(log_sigmoid(-x) for x in fake_source.tolist()) / 6
    expected = source + category(real_class) + classify_fakes * category(fake_class)
    found = gan.discriminator_loss(batch, inputs, fake.detach())[0].item()
    assert found == pytest.approx(expected, rel=1e-4)

    expected = -sum(map(log_sigmoid, fake_source.tolist())) / 6 + 0.25 * category(fake_class)
    assert gan.generator_loss(batch, inputs, fake)[0].item() == pytest.approx(expected, rel=1e-4)


def test_acgan_multiplies_noise_by_the_label_s_embedding() -> None:
    gan = small("acgan", DIGITS).eval()
    z = torch.randn(1, 6)
    embedding = gan.generator.embed.weight.T  # type: ignore[union-attr]
    half = 0.5 * embedding[0] + 0.5 * embedding[2]
    blended = gan.generate(gan.generator, z, torch.tensor([[0.5, 0, 0.5]]))
    plain = gan.generator.ups(gan.generator.start(z * half))  # type: ignore[operator]
    torch.testing.assert_close(blended, plain)


def test_cgan_s_losses_are_those_of_a_gan_given_the_label() -> None:
    gan = small("cgan", DIGITS)
    batch, inputs = batch_and_inputs(gan)
    fake = gan.fake(inputs)
    real_logits = gan.discriminator(batch.image, batch.label).tolist()
    fake_logits = gan.discriminator(fake, inputs.y).tolist()
    expected = -sum(map(log_sigmoid, real_logits)) / 6
    expected -= sum(log_sigmoid(-x) for x in fake_logits) / 6
    found = gan.discriminator_loss(batch, inputs, fake.detach())[0].item()
    assert found == pytest.approx(expected, rel=1e-4)
    expected = -sum(map(log_sigmoid, fake_logits)) / 6
    assert gan.generator_loss(batch, inputs, fake)[0].item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("part", ["generator", "discriminator"])
def test_cgan_joins_the_label_at_every_layer(part: str) -> None:
    gan = small("cgan", DIGITS)
    widths = {
        name: module.weight.shape[0 if isinstance(module, torch.nn.ConvTranspose2d) else 1]
        for name, module in getattr(gan, part).named_modules()
        if isinstance(module, torch.nn.Linear | torch.nn.Conv2d | torch.nn.ConvTranspose2d)
    }
    assert len(widths) == 4
    base = 8 * 2 * 7 * 7  # maps of 7x7 in the widest layer
    plain = {
        "generator": [6, 1024, 16, 8],
        "discriminator": [1, 8, base, 1024],
    }[part]
    assert list(widths.values()) == [w + DIGITS.classes for w in plain]


@pytest.mark.parametrize("name", ["cgan", "acgan"])
def test_a_label_changes_the_picture_and_so_does_a_blend(name: str) -> None:
    gan = small(name, DIGITS).eval()
    z = torch.randn(1, 6).repeat(3, 1)
    y = torch.tensor([[1.0, 0, 0], [0.5, 0.5, 0], [0, 1.0, 0]])
    first, blend, second = gan.generate(gan.generator, z, y)
    assert not torch.equal(first, second)
    assert not torch.equal(first, blend)
    assert not torch.equal(blend, second)


@pytest.mark.parametrize("name", ["cgan", "acgan"])
def test_models_by_class_need_classes(name: str) -> None:
    with pytest.raises(UsageError, match="no classes"):
        small(name, Shape(channels=1, size=16))


def test_dcgan_s_depth_follows_from_the_size() -> None:
    for size, deconvolutions in ((16, 2), (28, 2), (32, 3), (64, 4), (252, 6), (256, 6)):
        gan = small("dcgan", Shape(channels=3, size=size), width=1)
        found = [m for m in gan.generator.modules() if isinstance(m, torch.nn.ConvTranspose2d)]
        assert len(found) == deconvolutions
        assert gan.generate(gan.generator, torch.randn(2, 6)).shape == (2, 3, size, size)


@pytest.mark.parametrize("size", range(16, 257, 4))
def test_every_legal_size_goes_in_and_out(size: int) -> None:
    gan = small("dcgan", Shape(channels=1, size=size), width=1)
    picture = gan.generate(gan.generator, torch.randn(2, 6))
    assert picture.shape == (2, 1, size, size)
    assert gan.discriminator(picture).shape == (2,)
