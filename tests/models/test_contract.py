"""Every registered model and every example keeps the contract of `gancli.gan`.

The checks themselves are in `training.check_model`, which users run on models of their own.
"""

import random
import re
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Annotated, get_origin, get_type_hints

import pytest
import torch
from conftest import EXAMPLES, model, random_data, small, small_generator, small_trainer
from torch.utils._python_dispatch import TorchDispatchMode

from gancli import registry
from gancli.gan import Batch, Fake, Inputs, Shape
from gancli.nn import strided
from gancli.sampling import latents, render
from gancli.training.check_model import (
    CHECKS,
    POINT,
    SHAPES,
    a_step_trains_both_networks,
    check_model,
)
from gancli.training.networks import has_penalty
from gancli.training.trainer import Trainer, Variant

MODELS = (*registry.names("models"), *EXAMPLES)
DENSE = ["vanilla"]  # models without convolutions
OF_PAIRS = [n for n in MODELS if getattr(model(n), "PAIRS", False)]
every_model = pytest.mark.parametrize("name", MODELS)
every_shape = pytest.mark.parametrize("shape", SHAPES, ids=lambda s: f"{s.channels}x{s.size}")


OF_SHAPE = (*CHECKS[1:4], a_step_trains_both_networks)  # the size makes a difference to these


@every_model
@pytest.mark.parametrize(
    ("check", "shape"),
    [
        (check, shape)
        for check in CHECKS
        for shape in (SHAPES if check in OF_SHAPE else SHAPES[1:2])
    ],
    ids=lambda value: getattr(value, "__name__", None) or f"{value.channels}x{value.size}",
)
def test_every_model_keeps_the_contract(
    name: str, check: Callable[[ModuleType, Shape], None], shape: Shape
) -> None:
    check(model(name), shape)


OF_POINTS = [n for n in MODELS if getattr(model(n), "POINTS", False)]


@pytest.mark.parametrize("name", OF_POINTS)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_models_of_points_keep_the_contract_for_points(
    name: str, check: Callable[[ModuleType, Shape], None]
) -> None:
    check(model(name), POINT)


class Layouts(TorchDispatchMode):
    """Records costly operators whose inputs are not channels_last."""

    COSTLY = ("convolution", "convolution_backward", "native_batch_norm_backward")

    def __init__(self) -> None:
        super().__init__()
        self.seen = 0
        self.wrong: list[tuple[str, tuple[int, ...]]] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        if func.overloadpacket.__name__ in self.COSTLY:
            maps = args[:2] if "backward" in str(func) else args[:1]
            self.seen += 1
            self.wrong += [(str(func), tuple(x.shape)) for x in maps if not _channels_last(x)]
        return func(*args, **(kwargs or {}))


def _channels_last(x: torch.Tensor) -> bool:
    """Return whether x is channels_last, or an image, where the layout does not matter."""
    if x.ndim != 4 or x.shape[1] <= strided.FEW_CHANNELS:
        return True
    return x.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("name", [n for n in MODELS if n not in DENSE])
@every_shape
def test_costly_operators_get_channels_last_inputs(name: str, shape: Shape) -> None:
    """Other layouts give the same result, but are several times as slow."""
    trainer = small_trainer(name, shape)
    trainer.gan.penalty_every = 99  # torch computes second gradients in layouts of its own
    trainer.step()
    with Layouts() as layouts:
        trainer.step()
    assert layouts.seen > 10
    assert layouts.wrong == []


@pytest.mark.parametrize("name", [n for n in MODELS if n not in OF_PAIRS])
def test_a_sample_does_not_depend_on_its_batch(name: str) -> None:
    generator = small_generator(name, SHAPES[3])
    z = latents.noise(range(70), generator.model.z_dim, generator.model.noise)
    y = torch.nn.functional.one_hot(torch.arange(70) % 2, 2).float()
    batch = list(render.pictures(generator, z, y))
    assert len(batch) == 70
    for i in (0, 3, 69):
        (single,) = render.pictures(generator, z[i : i + 1], y[i : i + 1])
        assert (single == batch[i]).all()


@every_model
def test_generate_changes_no_state(name: str) -> None:
    gan = small(name, SHAPES[1]).eval()
    inputs = gan.draw(random_data(gan.shape).batch(torch.arange(4)))
    assert torch.equal(gan.fake(inputs).image, gan.fake(inputs).image)


@every_model
def test_models_work_at_the_lower_bound_of_every_setting(name: str) -> None:
    settings = model(name).Settings
    kinds = get_type_hints(settings, include_extras=True)
    bounds = {
        key: kind.__metadata__[0] for key, kind in kinds.items() if get_origin(kind) is Annotated
    }
    assert bounds.keys() == {
        key for key, kind in get_type_hints(settings).items() if kind in (int, float)
    }
    for key, (least, _) in bounds.items():
        gan = small(name, SHAPES[1], **{key: least})
        fake = gan.fake(gan.draw(random_data(gan.shape).batch(torch.arange(4))))
        assert torch.isfinite(fake.image).all(), key


# -- several updates of the discriminator per step, and penalties ---------------------------------


def steps(trainer: Trainer, count: int) -> Trainer:
    for _ in range(count):
        trainer.step()
    return trainer


def recorded(trainer: Trainer) -> list[Variant]:
    """Replace the trainer's work by a list that records what it is asked for."""
    asked: list[Variant] = []
    trainer._update = asked.append  # type: ignore[assignment]
    return asked


@every_model
def test_each_update_of_the_discriminator_has_images_and_fakes_of_its_own(name: str) -> None:
    trainer = small_trainer(name, SHAPES[1])
    trainer.gan.critic_steps = 3
    seen: list[tuple[Batch, Inputs, Fake]] = []
    loss = trainer.gan.discriminator_loss

    def recording_loss(*arguments):  # type: ignore[no-untyped-def]
        seen.append(arguments)
        return loss(*arguments)

    trainer.gan.discriminator_loss = recording_loss  # type: ignore[method-assign]
    with_graph: list[bool] = []
    trainer.gan.generator.register_forward_hook(
        lambda network, inputs, output: with_graph.append(output.requires_grad)
    )
    trainer.step()
    assert len(seen) == 3
    for (batch, _, fake), (next_batch, _, next_fake) in pairwise(seen):
        assert not torch.equal(batch.image, next_batch.image)
        assert not torch.equal(fake.image, next_fake.image)
    assert with_graph == [False, False, True]
    assert trainer.images_seen == 24
    assert trainer.images_seen == int(trainer._device_images_seen)
    adam_steps = [o.state()["0.step"].item() for _, o in trainer._optimisers()]
    assert adam_steps == [1, 3]


@every_model
def test_several_updates_of_the_discriminator_resume_to_the_bit(name: str) -> None:
    trainers = [small_trainer(name, SHAPES[1]) for _ in range(3)]
    for trainer in trainers:
        trainer.gan.critic_steps, trainer.gan.penalty_every = 2, 3
    whole, first, second = trainers
    torch.manual_seed(0)
    expected = steps(whole, 4).state()
    torch.manual_seed(0)
    second.load(steps(first, 2).state())
    found = steps(second, 2).state()
    assert [k for k in expected if not torch.equal(expected[k], found[k])] == []


def test_a_run_counts_the_images_of_the_discriminator() -> None:
    trainer = small_trainer("wgan_gp", SHAPES[0], epochs=3)  # of 40 images, in batches of 8
    trainer.gan.critic_steps = 3
    ends = [r for r in trainer.run() if r.epoch_ended]
    assert [r.images_seen for r in ends] == [48, 96, 120]
    assert [r.epoch for r in ends] == [1, 2, 3]
    assert trainer.total == 120


@pytest.mark.parametrize(("every", "steps"), [(1, [0, 1, 2, 3, 4, 5]), (4, [0, 4])])
def test_penalties_are_due_at_an_interval_that_a_resumed_run_continues(
    every: int, steps: list[int]
) -> None:
    trainer = small_trainer("wgan_gp", SHAPES[0])
    trainer.gan.critic_steps, trainer.gan.penalty_every = 2, every
    asked = recorded(trainer)
    trainer.step()
    resumed = small_trainer("wgan_gp", SHAPES[0])
    resumed.gan.critic_steps, resumed.gan.penalty_every = 2, every
    state = trainer.state()
    resumed.load(state)
    resumed._update = asked.append  # type: ignore[assignment]
    resumed.step()
    resumed.step()
    assert [i for i, variant in enumerate(asked) if variant.penalty] == steps
    assert [variant.generator for variant in asked] == [False, True] * 3
    assert [variant.health for variant in asked] == [False, True] + [False] * 4


def penalty_gradients(name: str, every: int) -> dict[str, torch.Tensor]:
    """The gradients of D in an update with a penalty, whose loss is otherwise 0."""
    trainer = small_trainer(name, SHAPES[1])
    trainer._autocast = torch.autocast("cpu", torch.bfloat16)
    gan, found = trainer.gan, {}
    gan.penalty_every = every
    penalty = gan.discriminator_penalty

    def checked_penalty(batch: Batch, inputs: Inputs, fake: Fake) -> torch.Tensor | None:
        assert fake.image.dtype == torch.float32
        assert not torch.is_autocast_enabled("cpu")
        return penalty(batch, inputs, fake)

    def zero_loss(*_: object) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        return sum(0 * p.sum() for p in gan.discriminator.parameters()), {}  # type: ignore[return-value]

    def keep_gradients() -> None:
        found.update({k: p.grad.clone() for k, p in gan.discriminator.named_parameters()})

    gan.discriminator_penalty = checked_penalty  # type: ignore[method-assign]
    gan.discriminator_loss = zero_loss  # type: ignore[method-assign]
    trainer.d_optimiser.step = keep_gradients  # type: ignore[method-assign]
    trainer._plain_update(Variant(penalty=True, generator=False, health=False))
    return found


@pytest.mark.parametrize("name", [n for n in MODELS if has_penalty(small(n, SHAPES[1]))])
def test_a_penalty_counts_as_often_as_it_is_left_out(name: str) -> None:
    always, lazy = penalty_gradients(name, 1), penalty_gradients(name, 4)
    assert any(gradient.any() for gradient in always.values())
    for key, gradient in always.items():
        torch.testing.assert_close(4 * gradient, lazy[key])


# -- what a user is told --------------------------------------------------------------------------


def altered(old: str, new: str) -> ModuleType:
    """The module of DCGAN with one change in its text."""
    file = model("dcgan").__file__
    assert file is not None
    text = Path(file).read_text(encoding="utf-8")
    assert old in text
    module = ModuleType("my_gan")
    module.__file__ = "my_gan.py"
    sys.modules["my_gan"] = module  # dataclasses look up their module there
    exec(compile(text.replace(old, new), "my_gan.py", "exec"), vars(module))
    return module


LOSS = "loss = losses.generator_non_saturating(self.discriminator(fake.image).float())"
D_LOSS = "loss = losses.discriminator_bce(real_logits, fake_logits)"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("def build(", "def built(", r"does not define the function build. Write: def build\("),
        ("@dataclass(frozen=True, kw_only=True)\n", "", "does not define Settings"),
        ("self.generator = ", "self.g = ", r"no weights in self.generator"),
        (", nn.Tanh())", ")", r"not all in \[-1, 1\]. End the generator with nn.Tanh"),
        (
            "UpConv(widths[-1], shape.channels, ",
            "UpConv(widths[-1], 2, ",
            r"shape \(8, 2, 16, 16\)",
        ),
        (LOSS, f"{LOSS} + self.discriminator(fake.image)", r"shape \(8,\). Return its .mean\(\)"),
        (LOSS, f"{LOSS}.item()", "float, not a tensor. Leave out .item"),
        (LOSS, f"{LOSS} / 0", "inf in the first step"),
        ('{"g_loss": loss}', '{"loss": loss}', "'g_loss': loss"),
        (LOSS, f"{LOSS}\n        if loss > 9: pass", r"Line \d+ \(generator_loss\) reads .* host"),
        (D_LOSS, f"{D_LOSS}\n        self.kept = loss.detach()", "self.kept is a tensor"),
        (
            D_LOSS,
            f"fake_logits = self.discriminator(self.generator(inputs.z))\n        {D_LOSS}",
            "trains the generator",
        ),
        ("fake.image).float())", "fake.image.detach()).float())", "generator_loss has no gradient"),
        (
            D_LOSS,
            f"{D_LOSS} * torch.tensor(random.random())",
            "resumed run differs .* with torch only",
        ),
    ],
)
def test_a_user_is_told_what_to_write(old: str, new: str, expected: str) -> None:
    module = altered(old, new)
    vars(module).update(torch=torch, random=random)
    found = list(check_model(module))
    broken = found[-1][1]
    assert [problem for _, problem in found[:-1]] == [None] * (len(found) - 1)
    assert broken is not None
    assert re.search(expected, broken.message)


@pytest.mark.parametrize("name", ["dcgan", "wgan_gp"])
def test_a_model_that_keeps_the_contract_has_no_problems(name: str) -> None:
    found = list(check_model(model(name)))
    assert [promise for promise, _ in found] == [c.__name__.replace("_", " ") for c in CHECKS]
    assert [problem for _, problem in found] == [None] * len(CHECKS)
