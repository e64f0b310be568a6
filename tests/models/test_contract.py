"""Every registered model keeps the contract of `gancli.gan`; new models are tested, too."""

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
    """Return (D loss, G loss, metrics) on a random batch of 8."""
    batch = random_data(gan.shape).batch(torch.arange(8))
    inputs = gan.draw(batch)
    fake = gan.fake(inputs)
    d_loss, d_metrics = gan.discriminator_loss(batch, inputs, fake.detach())
    g_loss, g_metrics = gan.generator_loss(batch, inputs, fake)
    return d_loss, g_loss, d_metrics | g_metrics


@every_model
@every_shape
def test_fakes_are_in_range_and_losses_are_finite_scalars(name: str, shape: Shape) -> None:
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
def test_each_loss_has_gradients_for_its_own_network_only(name: str) -> None:
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
def test_a_step_updates_both_networks_and_the_averaged_weights(name: str, shape: Shape) -> None:
    trainer = small_trainer(name, shape)
    before = {k: v.clone() for k, v in trainer.state().items()}
    trainer.step()
    after = trainer.state()
    for part in ("gan.generator", "gan.discriminator", "ema"):
        weights = [k for k in after if k.startswith(part) and k.endswith("weight")]
        assert weights
        assert all(not torch.equal(before[k], after[k]) for k in weights), part


def run_steps(trainer: Trainer, steps: int) -> Trainer:
    for _ in range(steps):
        trainer.step()
    return trainer


class NoHostReads(TorchDispatchMode):
    """Fails if an operator reads a value on the host, which a CUDA graph cannot do."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        if func is torch.ops.aten._local_scalar_dense.default:
            raise AssertionError("a tensor was read on the host")
        return func(*args, **(kwargs or {}))


@every_model
def test_the_step_never_reads_a_tensor_on_the_host(name: str) -> None:
    trainer = small_trainer(name, SHAPES[1])
    trainer.step()
    with NoHostReads():
        trainer.step()
        trainer._plain_step(measure_health=True)
    with NoHostReads(), pytest.raises(AssertionError, match="read on the host"):
        trainer._device_images_seen.item()


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


@every_model
@every_shape
def test_costly_operators_get_channels_last_inputs(name: str, shape: Shape) -> None:
    """Other layouts give the same result, but are several times as slow."""
    trainer = small_trainer(name, shape)
    trainer.step()
    with Layouts() as layouts:
        trainer.step()
    assert layouts.seen > 10
    assert layouts.wrong == []


@every_model
def test_the_step_updates_all_state_in_place(name: str) -> None:
    """A CUDA graph reads and writes the addresses that it was captured with."""
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
def test_a_resumed_run_is_bitwise_identical(name: str) -> None:
    expected = run_steps(small_trainer(name, SHAPES[1]), 6).state()
    first = run_steps(small_trainer(name, SHAPES[1]), 3)
    state = first.state()
    second = run_steps(small_trainer(name, SHAPES[1], seed=0), 1)  # load must replace this
    second.load(state)
    found = run_steps(second, 3).state()
    assert expected.keys() == found.keys()
    assert [k for k in expected if not torch.equal(expected[k], found[k])] == []


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
    assert torch.equal(gan.fake(inputs), gan.fake(inputs))


@every_model
def test_presets_only_set_known_settings(name: str) -> None:
    from gancli.config import PRESETS, resolve

    module = registry.load("models", name)
    shapes = None, Shape(channels=1, size=28), Shape(channels=3, size=64)
    for case in product(PRESETS, shapes, (None, *Direction)):
        resolve(module.Settings, module.preset(*case), {}, name)


@every_model
def test_models_work_at_the_lower_bound_of_every_setting(name: str) -> None:
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
