"""The doctor finds each problem and reports it once; healthy trainings get no message."""

import re

import pytest
import torch
from conftest import random_data, small, small_trainer
from torch import Tensor, nn

from gancli import registry
from gancli.gan import Epoch, Fake, Shape
from gancli.training import doctor, health
from gancli.training.trainer import Trainer

LATE = 10_000  # steps
SHAPE = Shape(channels=1, size=16, classes=10)
HEALTHY = {
    "real_spread": 0.4,
    "fake_spread": 0.2,
    "d_wins": 0.9,
    "g_gradient": 0.3,
    "classes_hit": 1.0,
}
OF_MODEL = {
    "acgan": {"real_recognised": 0.95, "fake_recognised": 0.7},
    "began": {"k": 0.1, "k_max": 1.0, "l_real": 0.1},
    "pix2pix": {"l1": 0.1},
}


def diagnose(name: str, steps: int = LATE, **change: float) -> tuple[str, str] | None:
    """The finding of model `name` in a healthy epoch, but for the metrics in `change`."""
    metrics = HEALTHY | OF_MODEL.get(name, {}) | change
    return doctor.diagnose(small(name, SHAPE), Epoch(metrics=metrics, steps=steps, classes=10))


@pytest.mark.parametrize(
    ("model", "change", "symptom", "expected"),
    [
        ("dcgan", {"fake_spread": 0.01}, "mode_collapse", "mode collapse .* 40 .* a lower --lr"),
        ("dcgan", {"fake_spread": 0.0}, "mode_collapse", "mode collapse .* a lower --lr"),
        ("began", {"fake_spread": 0.01}, "mode_collapse", "a higher --set gamma or a lower --lr"),
        ("acgan", {"fake_recognised": 0.1}, "ignored_labels", " 10% .* --set g_class_weight"),
        ("cgan", {"classes_hit": 0.1}, "missing_classes", " 1 of 10 .* a larger --batch-size"),
        ("dcgan", {"d_wins": 0.999}, "discriminator_too_strong", " 99.9% .* --set d_lr_scale"),
        (
            "pix2pix",
            {"d_wins": 1.0},
            "discriminator_too_strong",
            " 100.0% .* only the other losses",
        ),
        ("dcgan", {"g_gradient": 0.0}, "zero_gradients", "a lower --lr .*--fresh"),
        ("began", {"k": 0.0}, "k_at_limit", r"\b0\b.* a higher --set gamma"),
        ("began", {"k": 1.0, "l_real": 0.3}, "k_at_limit", r"\b1\b.* a lower --set gamma"),
        ("began", {"k": 0.995, "l_real": 0.3}, "k_at_limit", r"\b1\b.* a higher --set d_lr_scale"),
        (
            "began",
            {"k": 0.895, "k_max": 0.9, "l_real": 0.3},
            "k_at_limit",
            r"\b0\.9\b.* a lower --set gamma",
        ),
    ],
)
def test_each_problem_is_found_with_its_numbers_and_remedy(
    model: str, change: dict[str, float], symptom: str, expected: str
) -> None:
    found = diagnose(model, **change)
    assert found is not None
    assert found[0] == symptom
    assert re.search(expected, found[1])
    assert found[1].count("Try") == 1
    assert "\n" not in found[1]


@pytest.mark.parametrize("name", registry.names("models"))
def test_healthy_metrics_give_no_message(name: str) -> None:
    assert diagnose(name) is None
    few = Epoch(metrics={"d_loss": 1.0, "g_loss": 1.0}, steps=LATE)  # as earlier versions wrote
    assert doctor.diagnose(small(name, SHAPE), few) is None


def test_what_is_normal_for_a_model_gives_no_message() -> None:
    assert diagnose("began", k=0.95) is None
    assert diagnose("began", k=0.002) is None
    # the end of a run on digits: it still reconstructs well
    assert diagnose("began", k=0.899, k_max=0.9, l_real=0.117) is None
    without = small("pix2pix", SHAPE, gan_weight=0.0)  # its discriminator has no effect
    assert not without.symptoms(Epoch(metrics={"d_wins": 1.0}, steps=LATE))[
        "discriminator_too_strong"
    ]
    assert diagnose("acgan", real_recognised=0.4, fake_recognised=0.1) is None


def test_early_steps_give_no_message_and_more_of_them_while_k_is_low() -> None:
    assert diagnose("dcgan", 100, fake_spread=0.01) is None
    assert diagnose("dcgan", 1000, fake_spread=0.01) is not None
    assert diagnose("began", 1000, fake_spread=0.01) is None
    assert diagnose("began", 1000, fake_spread=0.01, k=0.6) is not None  # k has left 0 long ago


@pytest.mark.parametrize("name", sorted({*registry.names("models")} - {"began"}))
def test_a_short_training_of_each_model_gives_no_message(name: str) -> None:
    """BEGAN is left out: it needs more steps, see LOW_K_STEPS."""
    trainer = small_trainer(name, Shape(channels=1, size=16, classes=2), lr=0.001, epochs=99)
    for _ in range(2):  # at first, samples hardly vary
        trainer.read_metrics(reset=True)
        for _ in range(64):
            trainer.step()
    found = trainer.read_metrics(reset=True)
    assert found["real_spread"] > found["fake_spread"] > 0
    assert min(found["d_gradient"], found["g_gradient"]) > 0
    epoch = Epoch(metrics=found, steps=LATE, classes=2)
    assert doctor.diagnose(trainer.gan, epoch) is None


def test_a_finding_is_reported_once_and_again_after_several_healthy_epochs() -> None:
    gan = small("dcgan", SHAPE)

    def epochs(spreads: list[float]) -> list[dict[str, float]]:
        return [
            HEALTHY | {"fake_spread": s, "images_seen": 8.0 * LATE * (i + 1)}
            for i, s in enumerate(spreads)
        ]

    def reported(spreads: list[float]) -> list[bool]:
        lines = epochs(spreads)
        found = (doctor.new_finding(gan, lines[: i + 1], 8) for i in range(len(lines)))
        return [message is not None for message in found]

    assert reported([0.2, 0.01, 0.01, 0.01]) == [False, True, False, False]
    assert reported([0.2, 0.01, 0.2, 0.01]) == [
        False,
        True,
        False,
        False,
    ]  # back and forth counts as one finding
    assert reported([0.2, 0.01, 0.2, 0.2, 0.2, 0.2, 0.2, 0.01])[-1]
    assert reported([0.01, 0.01]) == [False, True]  # the first epoch contains the early steps
    assert doctor.new_finding(gan, [], 8) is None


class OnePicture(nn.Module):
    """A collapsed generator: it draws one image whatever the noise."""

    def __init__(self, generator: nn.Module) -> None:
        super().__init__()
        self.inner = generator

    def forward(self, z: Tensor, *y: Tensor) -> Tensor:
        image: Tensor = self.inner(z * 0, *y)
        return image


def diagnosis(trainer: Trainer) -> tuple[str, str] | None:
    for _ in range(2):
        trainer.step()
    metrics, classes = trainer.read_metrics(reset=True), trainer.gan.shape.classes
    return doctor.diagnose(trainer.gan, Epoch(metrics=metrics, steps=LATE, classes=classes))


def collapsed(name: str) -> Trainer:
    trainer = small_trainer(name, Shape(channels=1, size=16, classes=2))
    trainer.gan.generator = OnePicture(trainer.gan.generator)
    return trainer


@pytest.mark.parametrize("name", ["dcgan", "cgan", "acgan", "began"])
def test_a_generator_of_one_image_is_a_mode_collapse(name: str) -> None:
    found = diagnosis(collapsed(name))
    assert found is not None
    assert found[0] == "mode_collapse"


def test_a_generator_without_gradients_is_found() -> None:
    trainer = small_trainer("dcgan", Shape(channels=1, size=16))
    with torch.no_grad():
        trainer.gan.generator[-2][0].weight.mul_(50)  # type: ignore[index, operator]
    fake = trainer.gan.fake
    trainer.gan.fake = lambda inputs: Fake(fake(inputs).image.detach().requires_grad_())  # type: ignore[method-assign]
    found = diagnosis(trainer)
    assert found is not None
    assert found[0] == "zero_gradients"


def test_a_generator_that_ignores_labels_is_found() -> None:
    """Its images vary as the data does, yet all of them show the first class."""
    shape = Shape(channels=1, size=16, classes=4)
    trainer = small_trainer("acgan", shape, lr=0.003, epochs=99)
    data = random_data(shape)
    shade = torch.linspace(0, 200, 4).to(torch.uint8)[
        torch.arange(40) % 4
    ]  # brightness tells the class
    data.images = (data.images // 5) + shade[:, None, None, None]
    trainer.data = data
    first = data.images[::4]
    real = first[:8].float().div(127.5).sub(1).permute(0, 3, 1, 2)

    def of_one_class(inputs: object) -> Fake:
        parameter = next(trainer.gan.generator.parameters())
        return Fake(real[torch.randperm(8)] + 1e-3 * parameter.sum())

    trainer.gan.fake = of_one_class  # type: ignore[method-assign]
    for _ in range(300):
        trainer.step()
    trainer.read_metrics(reset=True)
    for _ in range(16):
        trainer.step()
    epoch = Epoch(metrics=trainer.read_metrics(reset=True), steps=LATE, classes=4)
    # D may also be too strong, as it can memorise these few images.
    assert trainer.gan.symptoms(epoch)["ignored_labels"]
    assert doctor.diagnose(trainer.gan, epoch) is not None


def test_spread_is_the_pixel_deviation_within_each_class() -> None:
    torch.manual_seed(0)
    images = torch.randn(6, 2, 3, 3)
    expected = torch.stack([p.std(correction=0) for p in images.flatten(1).T]).mean()
    assert health.spread(images).item() == pytest.approx(expected.item(), rel=1e-5)
    label = torch.eye(3)[[0, 0, 0, 1, 1, 2]]
    within = [images[:3], images[3:5], images[5:]]
    squares = torch.cat([(p - p.mean(0)).square() for p in within])
    expected = squares.mean(0).sqrt().mean()
    assert health.spread(images, label).item() == pytest.approx(expected.item(), rel=1e-5)
    assert health.spread(images[[0, 0, 0, 3, 3, 5]], label).item() == pytest.approx(0, abs=1e-6)


def test_gradient_norm_is_that_of_all_gradients_as_one_vector() -> None:
    network = nn.Linear(3, 2)
    assert health.gradient_norm(network) == 0
    network(torch.randn(4, 3)).square().sum().backward()
    flat = torch.cat([p.grad.flatten() for p in network.parameters() if p.grad is not None])
    assert health.gradient_norm(network).item() == pytest.approx(flat.norm().item(), rel=1e-5)
