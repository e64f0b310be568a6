"""Every registered model keeps the contract: another one is tested by being there."""

from itertools import product
from typing import Annotated, get_origin, get_type_hints

import pytest
import torch
from conftest import random_data, small, small_generator, small_trainer
from torch.utils._python_dispatch import TorchDispatchMode

from gancli import registry
from gancli.gan import GAN, Direction, Shape
from gancli.nn import strided
from gancli.sampling import latents, render
from gancli.training.trainer import Trainer, frozen

SHAPES = [
    Shape(channels=1, size=16, classes=2),
    Shape(channels=1, size=28, classes=3),
    Shape(channels=3, size=36, classes=2),
    Shape(channels=3, size=64, classes=2),
]
MODELS = registry.names("models")
OF_PAIRS = [n for n in MODELS if registry.declared("models", n, "PAIRS")]
every_model = pytest.mark.parametrize("name", MODELS)
every_shape = pytest.mark.parametrize("shape", SHAPES, ids=lambda s: f"{s.channels}x{s.size}")


def losses(gan: GAN) -> tuple[torch.Tensor, torch.Tensor, dict[str, torch.Tensor]]:
    batch = random_data(gan.shape).batch(torch.arange(8))
    inputs = gan.draw(batch)
    fake = gan.fake(inputs)
    d_loss, d_metrics = gan.discriminator_loss(batch, inputs, fake.detach())
    g_loss, g_metrics = gan.generator_loss(batch, inputs, fake)
    return d_loss, g_loss, d_metrics | g_metrics


@every_model
@every_shape
def test_fakes_are_pictures_and_losses_are_numbers(name: str, shape: Shape) -> None:
    gan = small(name, shape)
    batch = random_data(gan.shape).batch(torch.arange(8))
    fake = gan.fake(gan.draw(batch))
    assert fake.shape == batch.image.shape
    assert fake.detach().abs().max() <= 1
    d_loss, g_loss, metrics = losses(gan)
    assert d_loss.ndim == g_loss.ndim == 0
    assert {"d_loss", "g_loss"} <= set(metrics)
    assert all(torch.isfinite(value) for value in metrics.values())


@every_model
def test_each_loss_reaches_its_own_network_alone(name: str) -> None:
    gan = small(name, SHAPES[1])
    losses(gan)[0].backward()
    assert all(p.grad is None for p in gan.generator.parameters())
    assert all(p.grad is not None and p.grad.any() for p in gan.discriminator.parameters())
    gan.zero_grad()
    with frozen(gan.discriminator):
        losses(gan)[1].backward()
    assert all(p.grad is None for p in gan.discriminator.parameters())
    assert all(p.grad is not None for p in gan.generator.parameters())


@every_model
@every_shape
def test_a_step_moves_both_networks_and_the_average(name: str, shape: Shape) -> None:
    trainer = small_trainer(name, shape)
    before = {k: v.clone() for k, v in trainer.state().items()}
    trainer.step()
    after = trainer.state()
    for part in ("gan.generator", "gan.discriminator", "ema"):
        weights = [k for k in after if k.startswith(part) and k.endswith("weight")]
        assert weights
        assert all(not torch.equal(before[k], after[k]) for k in weights), part


def stepped(trainer: Trainer, steps: int) -> Trainer:
    for _ in range(steps):
        trainer.step()
    return trainer


class NoHostReads(TorchDispatchMode):
    """Refuses what a captured graph cannot do: to look at a value on the device."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        if func is torch.ops.aten._local_scalar_dense.default:
            raise AssertionError("a value was moved to the host within the step")
        return func(*args, **(kwargs or {}))


@every_model
def test_the_step_never_reads_a_value(name: str) -> None:
    trainer = small_trainer(name, SHAPES[1])
    trainer.step()
    with NoHostReads():
        trainer.step()
        trainer._plain_step(watched=True)
    with NoHostReads(), pytest.raises(AssertionError, match="moved to the host"):
        trainer._clock.item()


class Layouts(TorchDispatchMode):
    """Notes the costly operators that are given maps in another layout than channels_last."""

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
    """Or pictures, whose channels are too few to matter."""
    if x.ndim != 4 or x.shape[1] <= strided.THIN:
        return True
    return x.is_contiguous(memory_format=torch.channels_last)


@every_model
@every_shape
def test_costly_operators_work_in_channels_last(name: str, shape: Shape) -> None:
    """In another layout they reorder, or are several times as slow; nothing else shows it."""
    trainer = small_trainer(name, shape)
    trainer.step()
    with Layouts() as layouts:
        trainer.step()
    assert layouts.seen > 10
    assert layouts.wrong == []


@every_model
def test_what_changes_in_a_step_stays_in_place(name: str) -> None:
    """A captured graph reads and writes the addresses that it was recorded with."""
    trainer = small_trainer(name, SHAPES[1])
    trainer.step()

    def addresses() -> dict[str, int]:
        moments = {
            f"{label}.{k}": v.data_ptr()
            for label, optimiser in trainer._optimisers()
            for k, v in optimiser.state().items()
        }
        tensors = {**trainer.gan.state_dict(), **trainer.ema.module.state_dict()}
        return moments | {k: v.data_ptr() for k, v in tensors.items()}

    before = addresses()
    trainer.step()
    assert addresses() == before


@every_model
def test_a_restart_goes_on_bit_for_bit(name: str) -> None:
    expected = stepped(small_trainer(name, SHAPES[1]), 6).state()
    first = stepped(small_trainer(name, SHAPES[1]), 3)
    state = first.state()
    second = stepped(small_trainer(name, SHAPES[1], seed=0), 1)  # another past, to be forgotten
    second.load(state)
    found = stepped(second, 3).state()
    assert expected.keys() == found.keys()
    assert [k for k in expected if not torch.equal(expected[k], found[k])] == []


@pytest.mark.parametrize("name", [n for n in MODELS if n not in OF_PAIRS])
def test_a_picture_is_the_same_whatever_the_batch(name: str) -> None:
    generator = small_generator(name, SHAPES[3])
    z = latents.noise(range(70), generator.model.z_dim, generator.model.noise)
    y = torch.nn.functional.one_hot(torch.arange(70) % 2, 2).float()
    many = list(render.pictures(generator, z, y))
    assert len(many) == 70
    for i in (0, 3, 69):
        (alone,) = render.pictures(generator, z[i : i + 1], y[i : i + 1])
        assert (alone == many[i]).all()


@every_model
def test_generate_is_pure(name: str) -> None:
    gan = small(name, SHAPES[1]).eval()
    inputs = gan.draw(random_data(gan.shape).batch(torch.arange(4)))
    assert torch.equal(gan.fake(inputs), gan.fake(inputs))


@every_model
def test_presets_name_settings_that_exist(name: str) -> None:
    from gancli.config import PRESETS, resolve

    module = registry.load("models", name)
    shapes = None, Shape(channels=1, size=28), Shape(channels=3, size=64)
    for case in product(PRESETS, shapes, (None, *Direction)):
        resolve(module.Settings, module.preset(*case), {}, name)


@every_model
def test_networks_can_be_built_at_the_least_of_every_setting(name: str) -> None:
    settings = registry.load("models", name).Settings
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
        assert torch.isfinite(fake).all(), key
