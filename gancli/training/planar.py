"""What a run shows of points in the plane after an epoch: the drawing, and measures of samples."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gancli.data.pictures import Pictures
from gancli.evaluation import planar
from gancli.gan import GAN, Batch, Fake, Inputs
from gancli.images import Array
from gancli.sampling import plane, render, samples
from gancli.sampling.generator import Generator
from gancli.training.networks import evaluating

SHOWN = 1000  # real and generated points in a drawing
MEASURED = 2000  # generated points that are measured
PUSHED, ARROWS = 256, 60  # generated points in the batch of the arrows, and arrows
PLACES = 100  # on each side of the square, at which D is asked


def metrics(generator: Generator, pictures: Pictures) -> dict[str, float]:
    """The modes found and the share of good samples, if the data is a mixture of Gaussians."""
    if pictures.mixture is None:
        return {}
    return planar.measure(samples.points(generator, range(MEASURED)), pictures.mixture)


def drawing(generator: Generator, pictures: Pictures, found: Mapping[str, float]) -> Array:
    """Real and generated points over the discriminator's probabilities; `found` are its metrics."""
    real = pictures.images[:, 0, 0]
    half = plane.half_side(real)
    scene = plane.Scene(
        half=half,
        real=real[:SHOWN],
        fake=samples.points(generator, range(SHOWN)),
        belief=_belief(generator.model, half, real),
        lines=_manifold(generator),
        arrows=_arrows(generator, real),
        caption=_caption(found, pictures),
    )
    return plane.draw(scene)


def _caption(found: Mapping[str, float], pictures: Pictures) -> str:
    if pictures.mixture is None or "modes_found" not in found:
        return ""
    modes, good = found["modes_found"], found["good_samples"]
    return f"{modes:.0f} of {len(pictures.mixture.centres)} modes, {good:.0%} good samples"


@torch.no_grad()
def _belief(model: GAN, half: float, real: Array) -> Any:
    """D's probabilities (PLACES, PLACES) in the square, the first row at the top; None if unknown.

    A discriminator may look at its whole batch, so most of each batch are real points.
    """
    device = next(model.discriminator.parameters()).device
    others, found = _as_images(real[: 3 * PLACES], device), []
    with evaluating(model.discriminator):
        for row in torch.split(_as_images(plane.places(half, PLACES), device), PLACES):
            belief = model.belief(torch.cat([row, others]))
            if belief is None:
                return None
            found.append(belief[: len(row)])
    return torch.stack(found).cpu().numpy()


def _manifold(generator: Generator) -> Any:
    """A grid of z as the generator maps it, (lines, steps, 2); None unless z has two numbers."""
    if generator.model.z_dim != 2:
        return None
    z = plane.noise_lines(generator.model.noise)
    rows = torch.from_numpy(z.reshape(-1, 2))
    found = torch.cat([*render.batches(generator, rows)])
    return found[:, :, 0, 0].cpu().numpy().reshape(z.shape)


def _arrows(generator: Generator, real: Array) -> Any:
    """Where the generator's loss pushes its samples: (ARROWS, 2, 2), each a place and a vector.

    The vector is minus the gradient of the loss of one sample, with the discriminator as it is now.
    """
    gan, z = generator.model, generator.noise(range(PUSHED)).to(generator.device)
    x = generator(z).clone().requires_grad_()
    batch = Batch(image=_as_images(real[:PUSHED], generator.device))
    with evaluating(gan.discriminator), torch.enable_grad():
        loss, _ = gan.generator_loss(batch, Inputs(z=z), Fake(x))
        (gradient,) = torch.autograd.grad(loss, x)
    pushes = torch.stack([x.detach(), -len(x) * gradient], dim=1)[:ARROWS]
    return pushes[:, :, :, 0, 0].cpu().numpy()


def _as_images(points: Any, device: torch.device) -> Tensor:
    """Points (N, 2) as the images (N, 2, 1, 1) that a discriminator takes."""
    rows = np.ascontiguousarray(points, np.float32)
    return torch.from_numpy(rows).to(device)[:, :, None, None]
