"""What each paper says of its model, beyond the contract that all of them keep."""

import math

import pytest
import torch
from conftest import random_data, small

from gancli.errors import UsageError
from gancli.gan import GAN, Batch, Inputs, Shape
from gancli.layers import InstanceNorm, MinibatchStd

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


def test_acgan_appends_labels_to_the_noise_blended_ones_too() -> None:
    gan = small("acgan", DIGITS).eval()
    z, y = torch.randn(2, 6), torch.tensor([[0.5, 0, 0.5], [0, 1, 0]])
    made = gan.generate(gan.generator, z, y)
    dense, *rest = gan.generator.start  # type: ignore[misc]
    x = z @ dense.weight[:, :6].T + y @ dense.weight[:, 6:].T
    torch.testing.assert_close(made, gan.generator.ups(torch.nn.Sequential(*rest)(x)))  # type: ignore[operator]


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
    gan = small("cgan", DIGITS, hidden=12)
    widths = {
        name: module.weight.shape[0 if isinstance(module, torch.nn.ConvTranspose2d) else 1]
        for name, module in getattr(gan, part).named_modules()
        if isinstance(module, torch.nn.Linear | torch.nn.Conv2d | torch.nn.ConvTranspose2d)
    }
    assert len(widths) == 4
    base = 8 * 2 * 7 * 7  # maps of 7x7 in the widest layer
    plain = {
        "generator": [6, 12, 16, 8],
        "discriminator": [1, 8, base, 12],
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


def test_pix2pix_judges_pairs_and_weighs_its_terms() -> None:
    gan = small("pix2pix", DIGITS, dropout=0.0, l1_weight=7.0, gan_weight=0.5)
    batch, inputs = batch_and_inputs(gan)
    assert batch.source is not None
    fake = gan.fake(inputs)
    real_pair = torch.cat([batch.source, batch.image], 1)  # (x, y)
    fake_pair = torch.cat([batch.source, fake.detach()], 1)  # (x, G(x))
    real = gan.discriminator(real_pair).flatten().tolist()
    made = gan.discriminator(fake_pair).flatten().tolist()

    expected = -sum(map(log_sigmoid, real)) / len(real)
    expected -= sum(log_sigmoid(-x) for x in made) / len(made)
    found = gan.discriminator_loss(batch, inputs, fake.detach())[0].item()
    assert found == pytest.approx(0.5 * expected, rel=1e-4)

    adversarial = -sum(map(log_sigmoid, made)) / len(made)
    l1 = sum((fake - batch.image).abs().flatten().tolist()) / fake.numel()
    found = gan.generator_loss(batch, inputs, fake)[0].item()
    assert found == pytest.approx(0.5 * adversarial + 7 * l1, rel=1e-4)


def test_pix2pix_sees_patches_of_70_pixels() -> None:
    gan = small("pix2pix", Shape(channels=3, size=256))
    layers = [m for m in gan.discriminator if not isinstance(m, InstanceNorm)]  # type: ignore[attr-defined]
    pair = torch.rand(1, 6, 256, 256, requires_grad=True)
    logits = torch.nn.Sequential(*layers)(pair)
    assert logits.shape == (1, 1, 30, 30)
    logits[0, 0, 15, 15].backward()
    assert pair.grad is not None
    seen = pair.grad[0].abs().sum(0).nonzero()
    assert (seen.max(0).values - seen.min(0).values + 1).tolist() == [70, 70]


@pytest.mark.parametrize(("size", "depth", "dropouts"), [(64, 6, 1), (128, 7, 2), (256, 8, 3)])
def test_pix2pix_is_the_u_net_of_the_paper(size: int, depth: int, dropouts: int) -> None:
    from gancli.models import pix2pix

    with torch.device("meta"):
        shape = Shape(channels=3, size=size, source=3)
        net = pix2pix.Generator(pix2pix.Settings(width=64), shape)
    downs = [m for m in net.modules() if isinstance(m, torch.nn.Conv2d)]
    assert [m.out_channels for m in downs] == [64, 128, 256, 512, 512, 512, 512, 512][:depth]
    ups = [m for m in net.modules() if isinstance(m, torch.nn.ConvTranspose2d)]
    assert ups[0].in_channels == 512
    assert all(
        m.in_channels == 2 * n.out_channels for m, n in zip(ups[1:], downs[-2::-1], strict=True)
    )
    assert sum(isinstance(m, torch.nn.Dropout) for m in net.modules()) == dropouts
    if size == 256:
        assert round(sum(p.numel() for p in net.parameters()) / 1e6, 1) == 54.4


def test_minibatch_std_tells_how_varied_a_batch_is() -> None:
    x = torch.tensor([[1.0, 5.0], [3.0, 5.0], [5.0, 11.0]])
    spread = (math.sqrt(8 / 3) + math.sqrt(8)) / 2  # of 1, 3, 5 and of 5, 5, 11
    expected = torch.cat([x, torch.full((3, 1), spread)], 1)
    torch.testing.assert_close(MinibatchStd()(x), expected)


def test_dcgan_s_discriminator_sees_how_varied_a_batch_is() -> None:
    for told in (True, False):
        gan = small("dcgan", DIGITS, minibatch_std=told).eval()
        picture = torch.rand(1, 1, 28, 28) * 2 - 1
        other = torch.rand(1, 1, 28, 28) * 2 - 1
        alike = gan.discriminator(torch.cat([picture, picture]))
        varied = gan.discriminator(torch.cat([picture, other]))
        assert torch.isclose(alike[0], varied[0], rtol=1e-4, atol=1e-6) == (not told)


def test_instance_norm_uses_each_picture_s_own_statistics() -> None:
    norm = InstanceNorm(3)
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    x = torch.randn(4, 3, 5, 6) * 3 + 1
    mean, var = x.mean((2, 3), keepdim=True), x.var((2, 3), unbiased=False, keepdim=True)
    expected = (x - mean) / (var + 1e-5).sqrt()
    expected = expected * norm.weight[:, None, None] + norm.bias[:, None, None]
    torch.testing.assert_close(norm(x), expected)
