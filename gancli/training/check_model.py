"""Checks that a model keeps the contract of `gancli.gan`, on narrow networks and random images.

`check_model` runs all checks, for users; the tests run each of them on every model. A check takes
the model's module and a shape. It raises Broken, whose message says what is wrong and what to write
instead. Errors in the model's own code pass through.
"""

from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from types import ModuleType

import torch
from torch import Tensor

from gancli import models
from gancli.config import PRESETS, resolve
from gancli.errors import UsageError
from gancli.gan import GAN, Batch, Direction, Fake, Feeds, Inputs, Metrics, Shape
from gancli.training.host_reads import Broken, NoHostReads
from gancli.training.narrow import BATCH, narrow, narrow_trainer, random_data
from gancli.training.networks import frozen, has_penalty
from gancli.training.trainer import Trainer, Variant

SHAPES = (
    Shape(channels=1, size=16, classes=2),
    Shape(channels=1, size=28, classes=3),
    Shape(channels=3, size=36, classes=2),
    Shape(channels=3, size=64, classes=2),
)
POINT = Shape(channels=2, size=1)  # of models that say POINTS = True


def check_model(module: ModuleType) -> Iterator[tuple[str, Broken | None]]:
    """Check a model's module; yield each promise of the contract and what breaks it, or None.

    Stops at the first one that is broken. Sizes of images that the model refuses with a UsageError
    are left out, unless it refuses all of them.
    """
    shapes: tuple[Shape, ...] = SHAPES[:1]  # until it is known that `build` works
    for check in CHECKS:
        promise = check.__name__.replace("_", " ")
        try:
            for shape in shapes:
                check(module, shape)
        except Broken as broken:
            yield promise, broken
            return
        yield promise, None
        if check is declares_a_model:
            shapes = tuple(s for s in SHAPES if not _refuses(module, s)) or SHAPES
            shapes += (POINT,) if getattr(module, "POINTS", False) else ()


def _refuses(module: ModuleType, shape: Shape) -> bool:
    try:
        narrow(module, shape)
    except UsageError:
        return True
    return False


# -- the checks -----------------------------------------------------------------------------------


def declares_a_model(module: ModuleType, shape: Shape = SHAPES[1]) -> None:
    """Check `Settings`, `preset` and `build`, and that presets set known settings only."""
    name = Path(getattr(module, "__file__", None) or module.__name__).name
    try:
        models.check_definitions(module, name)
    except UsageError as error:
        raise Broken(f"{error.message} Write: {error.hint}") from None
    for case in product(PRESETS, (None, *SHAPES, POINT), (None, *Direction)):
        resolve(module.Settings, module.preset(*case), {}, name)


def builds_a_gan_with_two_networks(module: ModuleType, shape: Shape) -> None:
    """Check what `build` returns, and that two models have weights of the same names."""
    gan = narrow(module, shape)
    if not isinstance(gan, GAN):
        raise Broken(f"build returns a {type(gan).__name__}. Return a subclass of gancli.gan.GAN.")
    for method, signature in _methods(gan).items():
        if getattr(type(gan), method) is getattr(GAN, method):
            raise Broken(f"{type(gan).__name__} does not define {method}. Write: {signature}")
    for network in ("generator", "discriminator"):
        if not any(p.requires_grad for p in getattr(gan, network, torch.nn.Module()).parameters()):
            raise Broken(f"The model has no weights in self.{network}. Set it in __init__.")
    other = narrow(module, shape)
    if gan.state_dict().keys() != other.state_dict().keys():
        raise Broken(
            "Two models with the same settings have weights of different names, so a saved one "
            "cannot be loaded. Create all layers in __init__."
        )


def _methods(gan: GAN) -> dict[str, str]:
    """The methods that a model must define, and the least that they can be."""
    losses = {
        f"{name}_loss": f"def {name}_loss(self, batch, inputs, fake): "
        f'return loss, {{"{name[0]}_loss": loss}}'
        for name in ("discriminator", "generator")
    }
    if Feeds.IMAGE in gan.feeds:
        return {
            "translate": "def translate(self, generator, image): return generator(image)"
        } | losses
    return {"generate": "def generate(self, generator, z, y=None): return generator(z)"} | losses


def fakes_have_the_shape_of_real_images(module: ModuleType, shape: Shape) -> None:
    """Check the type, the shape and the range of what `fake` and `generate` return."""
    gan = narrow(module, shape)
    batch, inputs, fake = _inputs_and_fake(gan)
    if not isinstance(fake, Fake):
        raise Broken(f"fake returns a {type(fake).__name__}. Return gancli.gan.Fake(image).")
    if not isinstance(fake.image, Tensor):
        kind = type(fake.image).__name__
        raise Broken(f"generate returns a {kind}. Return images (B, C, H, W), a tensor.")
    if fake.image.shape != batch.image.shape:
        raise Broken(
            f"Fakes have the shape {tuple(fake.image.shape)}, but real images have "
            f"{tuple(batch.image.shape)}. The last layer must have shape.channels outputs of "
            "shape.size pixels on each side."
        )
    with torch.no_grad():
        for weight in gan.generator.parameters():
            weight.mul_(10)  # training may make them large
        images = GAN.fake(gan, inputs).image  # by `generate` or `translate`, which sampling uses
    if not shape.points and not bool((images.abs() <= 1).all()):
        raise Broken("Images are not all in [-1, 1]. End the generator with nn.Tanh().")


def losses_are_finite_scalars(module: ModuleType, shape: Shape) -> None:
    """Check the losses, the penalty and the metrics."""
    gan = narrow(module, shape)
    batch, inputs, fake = _inputs_and_fake(gan)
    _check_loss("discriminator_loss", gan.discriminator_loss(batch, inputs, fake.detach()))
    _check_loss("generator_loss", gan.generator_loss(batch, inputs, fake))
    penalty = gan.discriminator_penalty(batch, inputs, fake.detach().float())
    if penalty is not None:
        _check_scalar("discriminator_penalty", penalty)


def _inputs_and_fake(gan: GAN) -> tuple[Batch, Inputs, Fake]:
    batch = random_data(gan.shape).batch(torch.arange(BATCH))
    inputs = gan.draw(batch)
    return batch, inputs, gan.fake(inputs)


def _check_loss(method: str, found: tuple[Tensor, Metrics]) -> None:
    write = f"Write: return loss, {{'{method[0]}_loss': loss}}"
    if not isinstance(found, tuple) or len(found) != 2:
        raise Broken(f"{method} must return a loss and metrics. {write}")
    loss, metrics = found
    _check_scalar(method, loss)
    for name, value in metrics.items():
        _check_scalar(f"{method}'s metric {name}", value)
    if not any(name.endswith("_loss") for name in metrics):
        raise Broken(f"{method} reports no loss. {write}")


def _check_scalar(what: str, value: object) -> None:
    if not isinstance(value, Tensor):
        raise Broken(f"{what} is a {type(value).__name__}, not a tensor. Leave out .item().")
    if value.ndim:
        raise Broken(f"{what} has the shape {tuple(value.shape)}. Return its .mean(), a scalar.")
    if not bool(value.isfinite()):
        raise Broken(f"{what} is {value.item()} in the first step. Use a stable form of it.")


def each_loss_trains_its_own_network(module: ModuleType, shape: Shape) -> None:
    """Check which weights have gradients after each loss."""
    gan = narrow(module, shape)
    batch, inputs, fake = _inputs_and_fake(gan)
    loss, _ = gan.discriminator_loss(batch, inputs, fake.detach())
    if has_penalty(gan):
        penalty = gan.discriminator_penalty(batch, inputs, fake.detach().float())
        loss = loss if penalty is None else loss + penalty
    _backward(loss, "discriminator_loss")
    if any(p.grad is not None for p in gan.generator.parameters()):
        raise Broken("discriminator_loss trains the generator. Use only its argument `fake`.")
    _check_gradients(gan, "discriminator", "discriminator_loss")
    gan.zero_grad()
    with frozen(gan.discriminator):
        _backward(gan.generator_loss(batch, inputs, fake)[0], "generator_loss")
    _check_gradients(gan, "generator", "generator_loss")


def _backward(loss: Tensor, method: str) -> None:
    if not loss.requires_grad:
        raise Broken(f"{method} has no gradient. Remove .detach() and no_grad from it.")
    loss.backward()  # type: ignore[no-untyped-call]


def _check_gradients(gan: GAN, network: str, method: str) -> None:
    for name, weight in getattr(gan, network).named_parameters():
        if weight.grad is None:
            raise Broken(
                f"{method} has no gradient for {network}.{name}. Use that layer, or remove it; "
                "look for .detach() and no_grad on the way."
            )


def a_step_trains_both_networks(module: ModuleType, shape: Shape) -> None:
    """Check that all weights change, the averaged ones too, and that no tensor is replaced."""
    trainer = narrow_trainer(module, shape)
    before = {k: v.clone() for k, v in trainer.state().items()}
    trainer.step()
    places = _places(trainer)
    for part in ("gan.generator", "gan.discriminator", "ema"):
        weights = [k for k in before if k.startswith(part) and k.endswith("weight")]
        if fixed := [k for k in weights if torch.equal(before[k], trainer.state()[k])]:
            raise Broken(f"A step does not change {fixed[0]}. Use that layer, or remove it.")
    trainer.step()
    if moved := [k for k, place in _places(trainer).items() if places.get(k) != place]:
        raise Broken(
            f"A step replaces the tensor {moved[0]}, so a recorded step would read the old one. "
            "Change it in place: .copy_(), .add_(), .mul_()."
        )


def _places(trainer: Trainer) -> dict[str, int]:
    """The address of every tensor that a step changes."""
    tensors = {**trainer.gan.state_dict(), **trainer.ema.module.state_dict(prefix="ema.")}
    for label, optimiser in trainer._optimisers():
        tensors |= {f"{label}.{k}": v for k, v in optimiser.state().items()}
    return {k: v.data_ptr() for k, v in tensors.items()}


def a_step_keeps_no_tensors_in_attributes(module: ModuleType, shape: Shape) -> None:
    """Check that values are passed on by what methods return, or kept in buffers."""
    trainer = narrow_trainer(module, shape)
    trainer.step()
    for name, part in trainer.gan.named_modules():
        kept = [k for k, v in vars(part).items() if isinstance(v, Tensor)]
        if kept:
            where = ".".join(filter(None, ("self", name, kept[0])))
            raise Broken(
                f"{where} is a tensor, but not a buffer. Return it in Fake.extra, or call "
                "self.register_buffer in __init__."
            )


def a_step_reads_no_value_on_the_host(module: ModuleType, shape: Shape) -> None:
    """Check that a step can be recorded as a CUDA graph."""
    trainer = narrow_trainer(module, shape)
    trainer.step()
    with NoHostReads(module.__file__ or ""):
        trainer.step()
        for parts in product((False, True), repeat=3):
            trainer._plain_update(Variant(*parts))


def a_resumed_run_gives_the_same_bits(module: ModuleType, shape: Shape) -> None:
    """Check that all state of the model is in its weights and buffers."""
    expected = _after(narrow_trainer(module, shape), 4).state()
    resumed = _after(narrow_trainer(module, shape, seed=0), 1)  # load must replace this
    resumed.load(_after(narrow_trainer(module, shape), 2).state())
    found = _after(resumed, 2).state()
    if other := [k for k in expected if not torch.equal(expected[k], found[k])]:
        raise Broken(
            f"A resumed run differs in {other[0]}. Keep what changes during training in buffers, "
            "and draw random numbers with torch only."
        )


def _after(trainer: Trainer, steps: int) -> Trainer:
    for _ in range(steps):
        trainer.step()
    return trainer


CHECKS: tuple[Callable[[ModuleType, Shape], None], ...] = (
    declares_a_model,
    builds_a_gan_with_two_networks,
    fakes_have_the_shape_of_real_images,
    losses_are_finite_scalars,
    each_loss_trains_its_own_network,
    a_step_trains_both_networks,
    a_step_keeps_no_tensors_in_attributes,
    a_step_reads_no_value_on_the_host,
    a_resumed_run_gives_the_same_bits,
)
