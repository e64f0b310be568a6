"""Each model matches its paper. What all models have in common is in test_contract.py."""

import math
from dataclasses import replace

import pytest
import torch
from conftest import random_data, small, small_trainer

from gancli import registry
from gancli.config import resolve
from gancli.errors import UsageError
from gancli.gan import GAN, Batch, Direction, Inputs, Shape
from gancli.models import pix2pix
from gancli.models.pix2pix import Palette
from gancli.nn.layers import ELU, InstanceNorm, MinibatchStd
from gancli.nn.losses import win_rate

DIGITS = Shape(channels=1, size=28, classes=3)


def batch_and_inputs(gan: GAN) -> tuple[Batch, Inputs]:
    batch = random_data(gan.shape).batch(torch.arange(6))
    return batch, gan.draw(batch)


def log_sigmoid(x: float) -> float:
    return -math.log1p(math.exp(-x))


def log_softmax(row: list[float], label: int) -> float:
    return row[label] - math.log(sum(math.exp(x) for x in row))


@pytest.mark.parametrize("twin", [0.9, 0.0])
def test_acgan_losses_match_the_formula(twin: float) -> None:
    settings = {"dropout": 0.0, "twin": twin, "g_class_weight": 0.25}
    gan = small("acgan", DIGITS, **settings)
    batch, inputs = batch_and_inputs(gan)
    fake = gan.fake(inputs)
    labels = [0, 1, 2, 0, 1, 2]
    real_source, real_class, _ = gan.discriminator(batch.image)
    fake_source, fake_class, fake_twin = gan.discriminator(fake.image)
    assert torch.equal(fake_class, fake_twin) is not bool(twin)

    def category(logits: torch.Tensor) -> float:
        rows = logits.tolist()
        return -sum(log_softmax(r, y) for r, y in zip(rows, labels, strict=True)) / 6

    source = -sum(map(log_sigmoid, real_source.tolist())) / 6
    source -= sum(log_sigmoid(-x) for x in fake_source.tolist()) / 6
    expected = source + category(real_class) + category(fake_twin if twin else fake_class)
    found = gan.discriminator_loss(batch, inputs, fake.detach())[0].item()
    assert found == pytest.approx(expected, rel=1e-4)

    expected = -sum(map(log_sigmoid, fake_source.tolist())) / 6 + 0.25 * category(fake_class)
    expected -= 0.25 * twin * category(fake_twin)
    assert gan.generator_loss(batch, inputs, fake)[0].item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("name", ["cgan", "acgan"])
@pytest.mark.parametrize(("d_wins", "expected"), [(0.6, 0.3002), (1.0, 0.3)])
def test_dropout_adapts_to_the_win_rate_of_the_discriminator(
    name: str, d_wins: float, expected: float
) -> None:
    gan = small(name, DIGITS, dropout=0.3, d_wins=d_wins)
    gan.after_step({"d_wins": torch.tensor(0.8)})
    assert gan.discriminator.drop.rate.item() == pytest.approx(expected)  # type: ignore[operator, union-attr]


def test_acgan_appends_labels_to_the_noise() -> None:
    gan = small("acgan", DIGITS).eval()
    z, y = torch.randn(2, 6), torch.tensor([[0.5, 0, 0.5], [0, 1, 0]])
    images = gan.generate(gan.generator, z, y)
    dense, *rest = gan.generator.start  # type: ignore[misc]
    x = z @ dense.weight[:, :6].T + y @ dense.weight[:, 6:].T
    torch.testing.assert_close(images, gan.generator.ups(torch.nn.Sequential(*rest)(x)))  # type: ignore[operator]


@pytest.mark.parametrize("mismatch", [0.0, 0.25])
def test_cgan_losses_match_the_formula(mismatch: float) -> None:
    gan = small("cgan", DIGITS, dropout=0.0, mismatch=mismatch)
    batch, inputs = batch_and_inputs(gan)
    labels = [0, 1, 1, 2, 0, 1]
    others = [1, 0, 1, 1, 2, 0]  # label of the previous image
    batch = replace(batch, label=torch.eye(3)[labels])
    inputs = replace(inputs, y=batch.label)
    fake = gan.fake(inputs)
    real_logits = gan.discriminator(batch.image, batch.label).tolist()
    fake_logits = gan.discriminator(fake.image, inputs.y).tolist()
    other_logits = gan.discriminator(batch.image, torch.eye(3)[others]).tolist()
    of_wrong = [log_sigmoid(-other_logits[i]) for i in (0, 1, 3, 4, 5)]  # the third is right

    expected = -sum(map(log_sigmoid, real_logits)) / 6
    expected -= (1 - mismatch) * sum(log_sigmoid(-x) for x in fake_logits) / 6
    expected -= mismatch * sum(of_wrong) / 5
    found = gan.discriminator_loss(batch, inputs, fake.detach())[0].item()
    assert found == pytest.approx(expected, rel=1e-4)
    expected = -sum(map(log_sigmoid, fake_logits)) / 6
    assert gan.generator_loss(batch, inputs, fake)[0].item() == pytest.approx(expected, rel=1e-4)


def test_cgan_works_with_a_batch_of_one_class() -> None:
    gan = small("cgan", DIGITS)
    batch, inputs = batch_and_inputs(gan)
    batch = replace(batch, label=torch.eye(3)[[1] * 6])
    loss, _ = gan.discriminator_loss(batch, inputs, gan.fake(inputs).detach())
    loss.backward()
    assert all(
        p.grad is not None and p.grad.isfinite().all() for p in gan.discriminator.parameters()
    )


@pytest.mark.parametrize("part", ["generator", "discriminator"])
def test_cgan_appends_the_label_in_every_layer(part: str) -> None:
    gan = small("cgan", DIGITS, hidden=12, minibatch_std=False)
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
def test_labels_and_blends_of_labels_change_the_image(name: str) -> None:
    gan = small(name, DIGITS).eval()
    z = torch.randn(1, 6).repeat(3, 1)
    y = torch.tensor([[1.0, 0, 0], [0.5, 0.5, 0], [0, 1.0, 0]])
    first, blend, second = gan.generate(gan.generator, z, y)
    assert not torch.equal(first, second)
    assert not torch.equal(first, blend)
    assert not torch.equal(blend, second)


@pytest.mark.parametrize("name", ["cgan", "acgan"])
def test_conditional_models_refuse_data_without_classes(name: str) -> None:
    with pytest.raises(UsageError, match=name) as raised:
        small(name, Shape(channels=1, size=16))
    assert "gan train dcgan" in (raised.value.hint or "")


def test_dcgan_depth_depends_on_the_size() -> None:
    for size, deconvolutions in ((16, 2), (28, 2), (32, 3), (64, 4), (252, 6), (256, 6)):
        gan = small("dcgan", Shape(channels=3, size=size), width=1)
        found = [m for m in gan.generator.modules() if isinstance(m, torch.nn.ConvTranspose2d)]
        assert len(found) == deconvolutions
        assert gan.generate(gan.generator, torch.randn(2, 6)).shape == (2, 3, size, size)


@pytest.mark.parametrize("size", range(16, 257, 4))
def test_dcgan_works_at_every_supported_size(size: int) -> None:
    gan = small("dcgan", Shape(channels=1, size=size), width=1)
    images = gan.generate(gan.generator, torch.randn(2, 6))
    assert images.shape == (2, 1, size, size)
    assert gan.discriminator(images).shape == (2,)


def test_pix2pix_losses_match_the_formula() -> None:
    gan = small("pix2pix", DIGITS, dropout=0.0, l1_weight=7.0, gan_weight=0.5)
    batch, inputs = batch_and_inputs(gan)
    assert batch.source is not None
    fake = gan.fake(inputs)
    real_pair = torch.cat([batch.source, batch.image], 1)  # (x, y)
    fake_pair = torch.cat([batch.source, fake.image.detach()], 1)  # (x, G(x))
    real_logits = gan.discriminator(real_pair).flatten().tolist()
    fake_logits = gan.discriminator(fake_pair).flatten().tolist()

    expected = -sum(map(log_sigmoid, real_logits)) / len(real_logits)
    expected -= sum(log_sigmoid(-x) for x in fake_logits) / len(fake_logits)
    found = gan.discriminator_loss(batch, inputs, fake.detach())[0].item()
    assert found == pytest.approx(0.5 * expected, rel=1e-4)

    adversarial = -sum(map(log_sigmoid, fake_logits)) / len(fake_logits)
    l1 = sum((fake.image - batch.image).abs().flatten().tolist()) / fake.image.numel()
    found = gan.generator_loss(batch, inputs, fake)[0].item()
    assert found == pytest.approx(0.5 * adversarial + 7 * l1, rel=1e-4)


def test_pix2pix_adds_a_label_loss_only_if_there_is_a_palette() -> None:
    colours = ((0, 0, 170), (0, 0, 255), (255, 85, 0))
    photos = Shape(channels=3, size=28)
    losses = []
    for shape, weight in ((photos, 5.0), (replace(photos, palette=colours), 5.0)):
        gan = small("pix2pix", shape, dropout=0.0, label_weight=weight)
        batch, inputs = batch_and_inputs(gan)
        losses.append(gan.generator_loss(batch, inputs, gan.fake(inputs)))
    (_, plain), (loss, metrics) = losses
    assert "labels" not in plain
    adversarial = losses[1][0] - 100 * metrics["l1"] - 5 * metrics["labels"]
    assert 0 < adversarial.item() < 5
    assert loss.isfinite()


@pytest.mark.parametrize("exact", [False, True])
def test_pix2pix_label_loss_is_cross_entropy_and_labels_get_their_colours(exact: bool) -> None:
    colours = ((0, 0, 170), (0, 0, 255), (255, 85, 0))
    table = torch.tensor(colours) / 127.5 - 1
    shape = Shape(channels=3, size=28, palette=colours)
    gan = small("pix2pix", shape, dropout=0.0, label_weight=1.0, exact_labels=exact)
    label = torch.arange(28 * 28).reshape(1, 28, 28) % 3
    blurred = table[label].permute(0, 3, 1, 2) + 0.05
    source = torch.rand(1, 3, 28, 28) * 2 - 1
    batch = Batch(image=blurred, source=source)
    inputs = gan.draw(batch)
    fake = gan.fake(inputs)
    logits = fake.extra["logits"][0].flatten(1).T.tolist()
    rows = list(zip(logits, label.flatten().tolist(), strict=True))
    expected = -sum(log_softmax(row, k) for row, k in rows) / len(rows)
    _, metrics = gan.generator_loss(batch, inputs, fake)
    assert metrics["labels"].item() == pytest.approx(expected, rel=1e-4)

    most_likely = table[torch.tensor(logits).argmax(1)]
    mean_colour = torch.tensor(logits).softmax(1) @ table
    in_training = most_likely if exact else mean_colour
    torch.testing.assert_close(fake.image[0].flatten(1).T, in_training, atol=1e-5, rtol=1e-4)
    gan.generator.paint.eval()  # type: ignore[operator, union-attr]
    shown = gan.generator.paint(gan.generator.maps(source))  # type: ignore[operator]
    assert torch.equal(shown[0].flatten(1).T, most_likely)


def test_exact_labels_pass_the_gradients_of_the_mean_colour() -> None:
    colours = ((0, 0, 170), (0, 0, 255), (255, 85, 0))
    logits = torch.randn(2, 3, 4, 4, requires_grad=True)
    images = [Palette(colours, exact)(logits) for exact in (True, False)]
    assert torch.equal(images[0], Palette(colours, True).eval()(logits))
    weights = torch.randn_like(images[0])
    gradients = [torch.autograd.grad((i * weights).sum(), logits)[0] for i in images]
    torch.testing.assert_close(*gradients)
    assert gradients[0].abs().min() > 0


def test_pix2pix_receptive_field_is_70_pixels() -> None:
    gan = small("pix2pix", Shape(channels=3, size=256))
    layers = [m for m in gan.discriminator if not isinstance(m, InstanceNorm)]  # type: ignore[attr-defined]
    pair = torch.rand(1, 6, 256, 256, requires_grad=True)
    logits = torch.nn.Sequential(*layers)(pair)
    assert logits.shape == (1, 1, 30, 30)
    logits[0, 0, 15, 15].backward()
    assert pair.grad is not None
    field = pair.grad[0].abs().sum(0).nonzero()
    assert (field.max(0).values - field.min(0).values + 1).tolist() == [70, 70]


@pytest.mark.parametrize(("size", "depth", "dropouts"), [(64, 6, 1), (128, 7, 2), (256, 8, 3)])
def test_pix2pix_generator_is_the_u_net_of_the_paper(size: int, depth: int, dropouts: int) -> None:

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


@pytest.mark.parametrize(
    ("name", "size", "upward", "downward"),
    [
        ("dcgan", 64, [1024, 512, 256, 128], [128, 256, 512, 1024]),
        ("cgan", 28, [128, 64], [64, 128]),
    ],
)
def test_the_paper_preset_has_the_widths_of_the_paper(
    name: str, size: int, upward: list[int], downward: list[int]
) -> None:
    module = registry.load("models", name)
    settings, _ = resolve(module.Settings, module.preset("paper", None, None), {}, name)
    classes = 10 if name == "cgan" else 0
    with torch.device("meta"):
        gan = module.build(settings, Shape(channels=3, size=size, classes=classes))
    ups = [m for m in gan.generator.modules() if isinstance(m, torch.nn.ConvTranspose2d)]
    downs = [m for m in gan.discriminator.modules() if isinstance(m, torch.nn.Conv2d)]
    assert [m.in_channels - classes for m in ups] == upward
    assert [m.out_channels for m in downs] == downward


@pytest.mark.parametrize(("noise", "bound", "std"), [("uniform", 1.0, 3**-0.5), ("normal", 9, 1)])
def test_noise_has_the_distribution_of_the_settings(noise: str, bound: float, std: float) -> None:
    gan = small("dcgan", DIGITS, noise=noise, z_dim=1000)
    z = gan.draw(random_data(gan.shape).batch(torch.arange(6))).z
    assert 0.99 * min(bound, 3) < z.abs().max() <= bound
    assert z.std().item() == pytest.approx(std, rel=0.05)


def test_dcgan_weights_are_initialised_as_in_the_paper() -> None:
    gan = small("dcgan", DIGITS, width=32)
    seen = {"weights": 0, "norms": 0}
    for m in gan.modules():
        if isinstance(m, torch.nn.Conv2d | torch.nn.ConvTranspose2d | torch.nn.Linear):
            seen["weights"] += 1
            assert m.weight.std().item() == pytest.approx(0.02, rel=0.15)
            assert m.weight.mean().item() == pytest.approx(0, abs=0.005)
        elif isinstance(m, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            seen["norms"] += 1
            assert m.weight.mean().item() == pytest.approx(1, abs=0.02)
            assert 0.01 < m.weight.std().item() < 0.03
    assert min(seen.values()) > 1, seen


def test_minibatch_std_appends_the_mean_standard_deviation() -> None:
    x = torch.tensor([[1.0, 5.0], [3.0, 5.0], [5.0, 11.0]])
    std = (math.sqrt(8 / 3) + math.sqrt(8)) / 2  # of 1, 3, 5 and of 5, 5, 11
    expected = torch.cat([x, torch.full((3, 1), std)], 1)
    torch.testing.assert_close(MinibatchStd()(x), expected)


@pytest.mark.parametrize("name", ["dcgan", "cgan", "vanilla"])
def test_minibatch_std_lets_the_discriminator_see_the_other_images(name: str) -> None:
    label = [torch.eye(3)[[1, 1]]] if name == "cgan" else []
    for enabled in (True, False):
        gan = small(name, DIGITS, minibatch_std=enabled).eval().double()
        image = torch.rand(1, 1, 28, 28).double() * 2 - 1
        other = torch.rand(1, 1, 28, 28).double() * 2 - 1
        alike = gan.discriminator(torch.cat([image, image]), *label)
        varied = gan.discriminator(torch.cat([image, other]), *label)
        assert torch.isclose(alike[0], varied[0], rtol=1e-9, atol=0) == (not enabled)


def autoencoder_losses(gan: GAN, images: torch.Tensor) -> list[float]:
    """Return L(v) for each image, one image at a time and pixel by pixel."""
    reconstructed = torch.cat([gan.discriminator(v[None]) for v in images])
    pixels = (images - reconstructed).flatten(1).tolist()
    return [sum(map(abs, row)) / len(row) for row in pixels]


def test_began_losses_match_the_formula() -> None:
    gan = small("began", DIGITS, gamma=0.7)
    gan.k.fill_(0.3)  # type: ignore[operator]
    batch, inputs = batch_and_inputs(gan)
    fake = gan.fake(inputs)
    l_real = sum(autoencoder_losses(gan, batch.image)) / 6
    l_fake = sum(autoencoder_losses(gan, fake.image)) / 6
    loss, metrics = gan.discriminator_loss(batch, inputs, fake.detach())
    assert loss.item() == pytest.approx(l_real - 0.3 * l_fake, rel=1e-4)
    assert metrics["l_fake"].item() == pytest.approx(l_fake, rel=1e-4)
    assert gan.generator_loss(batch, inputs, fake)[0].item() == pytest.approx(l_fake, rel=1e-4)


def test_began_measures_convergence_by_the_means_of_an_epoch() -> None:
    """If batches vary about the equilibrium, the absolute value must not count their noise."""
    trainer = small_trainer("began", DIGITS)
    for l_fake in (0.4, 0.6, 0.2):  # on average gamma L(x), where gamma is 1
        losses = {"l_real": torch.tensor(0.4), "l_fake": torch.tensor(l_fake)}
        trainer.meter.add(losses)
    assert trainer.read_metrics(reset=True)["convergence"] == pytest.approx(0.4)
    trainer.meter.add({"l_real": torch.tensor(0.4), "l_fake": torch.tensor(0.7)})
    assert trainer.read_metrics(reset=True)["convergence"] == pytest.approx(0.4 + 0.3)


def test_cgan_counts_wins_from_the_logit_of_an_undecided_discriminator() -> None:
    gan = small("cgan", DIGITS, mismatch=0.2)
    logit = math.log(1.25)
    # a discriminator that cannot tell real from fake minimises its loss at that logit
    logits = torch.linspace(-2, 2, 4001)
    loss = torch.nn.functional.softplus(-logits) + 0.8 * torch.nn.functional.softplus(logits)
    assert logits[loss.argmin()].item() == pytest.approx(logit, abs=2e-3)
    real, fake = torch.tensor([logit + 0.05, logit - 0.05])[:, None]
    assert win_rate(real, fake, gan.undecided) == 1
    assert win_rate(fake, real, gan.undecided) == 0
    assert win_rate(real, fake) == 0.5  # which is how it went wrong: fakes seemed to win
    assert small("cgan", DIGITS, mismatch=0.0).undecided == 0


@pytest.mark.parametrize(
    ("gamma", "k", "l_real", "l_fake", "expected"),
    [
        (0.5, 0.5, 0.4, 0.1, 0.51),
        (0.5, 0.5, 0.2, 0.4, 0.47),
        (0.5, 0.99, 0.9, 0.1, 1.0),
        (0.5, 0.01, 0.1, 0.9, 0.0),
        (1.5, 0.59, 0.9, 0.1, 0.6),
        (0.0, 0.5, 0.4, 0.1, 0.49),
    ],
)
def test_began_k_follows_its_update_rule_within_bounds(
    gamma: float, k: float, l_real: float, l_fake: float, expected: float
) -> None:
    gan = small("began", DIGITS, gamma=gamma, lambda_k=0.1)
    gan.k.fill_(k)  # type: ignore[operator]
    gan.after_step({"l_real": torch.tensor(l_real), "l_fake": torch.tensor(l_fake)})
    assert gan.state_dict()["k"].item() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("size", "sizes"),
    [
        (16, [8, 16]),
        (28, [8, 16, 32]),
        (32, [8, 16, 32]),
        (36, [5, 10, 20, 40]),
        (64, [8, 16, 32, 64]),
        (100, [7, 14, 28, 56, 112]),
        (128, [8, 16, 32, 64, 128]),
    ],
)
def test_began_halves_images_to_5_to_8_pixels(size: int, sizes: list[int]) -> None:
    from gancli.models.began import Encoder, Settings
    from gancli.nn.padding import ladder

    assert ladder(size) == sizes
    encoder = Encoder(Settings(width=1, hidden=3), Shape(channels=1, size=size))
    pad, code = encoder[0], encoder[-1]
    assert pad(torch.zeros(1, 1, size, size)).shape[-1] == sizes[-1]
    assert code.in_features == len(sizes) * sizes[0] ** 2
    assert sum(m.stride == (2, 2) for m in encoder.modules() if isinstance(m, torch.nn.Conv2d)) == (
        len(sizes) - 1
    )


@pytest.mark.parametrize(("taper", "maps"), [(1, [3, 3, 3]), (2, [12, 6, 3])])
def test_began_generator_is_wider_at_smaller_scales(taper: int, maps: list[int]) -> None:
    from gancli.models.began import Decoder, Settings

    settings = Settings(z_dim=5, width=3, hidden=7, taper=taper)
    gan = registry.load("models", "began").build(settings, DIGITS)
    generator, decoder = gan.generator, gan.discriminator[1]
    widths = [
        [m.out_channels for m in scale if isinstance(m, torch.nn.Conv2d)]
        for scale in generator.scales
    ]
    assert widths == [[n, n] for n in maps]
    assert isinstance(decoder, Decoder)
    assert all(scale[0].out_channels == 3 for scale in decoder.scales)


def test_began_unpad_inverts_pad_which_repeats_the_edge() -> None:
    from gancli.nn.padding import Pad, Unpad

    x = torch.randn(2, 3, 28, 28)
    padded = Pad(28, 32)(x)
    assert torch.equal(Unpad(28)(padded), x)
    assert torch.equal(padded[..., 0, 2:30], x[..., 0, :])
    assert torch.equal(padded[..., 31, 31], x[..., 27, 27])


def test_began_clamps_images_in_sampling_but_not_in_training() -> None:
    gan = small("began", DIGITS)
    with torch.no_grad():
        gan.generator.out[0].bias.fill_(3.0)  # type: ignore[index, union-attr, operator]
    z = torch.rand(2, 6)
    assert gan.fake(Inputs(z=z)).image.min() > 1
    assert (gan.generate(gan.generator, z) == 1).all()


@pytest.mark.parametrize("z_dim", [2, 64])
def test_began_dropout_is_a_function_of_z(z_dim: int) -> None:
    from gancli.models.began import Dropout

    torch.manual_seed(0)
    dropout = Dropout(z_dim, 40, rate=0.25)
    z = torch.rand(2000, z_dim) * 2 - 1
    kept = dropout(torch.ones(2000, 40, 1, 1), z)[:, :, 0, 0]
    assert kept.unique().tolist() == pytest.approx([0.0, 1 / 0.75])
    assert (kept == 0).float().mean().item() == pytest.approx(0.25, abs=0.02)
    share = (kept == 0).float().mean(0)  # of each channel: how often it is dropped
    assert 0.1 < share.min() < share.max() < 0.4
    assert torch.equal(dropout(torch.ones(1, 40, 1, 1), z[7:8])[0, :, 0, 0], kept[7])
    changed = (kept[:-1] == 0) != (kept[1:] == 0)  # independent masks: 2 * 0.25 * 0.75
    assert changed.float().mean().item() == pytest.approx(0.375, abs=0.03)
    near = dropout(torch.ones(2000, 40, 1, 1), z * 0.98)[:, :, 0, 0]
    assert ((near == 0) != (kept == 0)).float().mean() < 0.05


def test_began_dropout_stays_on_in_sampling() -> None:
    gan, plain = (small("began", DIGITS, dropout=rate).eval() for rate in (0.5, 0.0))
    plain.load_state_dict(gan.state_dict(), strict=False)
    z = torch.rand(3, 6)
    images = gan.generate(gan.generator, z)
    assert torch.equal(images, gan.train().generate(gan.generator, z))
    assert not torch.allclose(images, plain.generate(plain.generator, z))


def test_elu_matches_torch_within_rounding() -> None:
    for dtype, error in ((torch.float32, 0.0), (torch.bfloat16, 0.006)):
        x = torch.linspace(-6, 6, 1001).to(dtype).requires_grad_()
        exact = x.detach().double().requires_grad_()
        y, expected = ELU()(x * 1), torch.nn.functional.elu(exact)
        y.sum().backward()
        expected.sum().backward()
        assert x.grad is not None
        assert exact.grad is not None
        torch.testing.assert_close(y.double(), expected, atol=error + 1e-6, rtol=error)
        torch.testing.assert_close(x.grad.double(), exact.grad, atol=error + 1e-6, rtol=error)


def test_instance_norm_uses_the_statistics_of_each_image() -> None:
    norm = InstanceNorm(3)
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    x = torch.randn(4, 3, 5, 6) * 3 + 1
    mean, var = x.mean((2, 3), keepdim=True), x.var((2, 3), unbiased=False, keepdim=True)
    expected = (x - mean) / (var + 1e-5).sqrt()
    expected = expected * norm.weight[:, None, None] + norm.bias[:, None, None]
    torch.testing.assert_close(norm(x), expected)


def test_pix2pix_shows_exact_labels_to_its_discriminator_by_default() -> None:
    assert pix2pix.preset("default", None, Direction.A2B)["exact_labels"]
    assert not pix2pix.Settings().exact_labels  # what runs of earlier versions did
