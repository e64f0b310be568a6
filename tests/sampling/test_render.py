"""Rendering noise in batches of one size."""

from dataclasses import replace

import numpy as np
import torch
from conftest import small_generator
from torch import Tensor, nn

from gancli.gan import Shape
from gancli.sampling import latents, render


def test_every_batch_has_the_same_size() -> None:
    generator = small_generator("dcgan", Shape(channels=1, size=28))
    sizes = []

    class Recorder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = generator.network

        def forward(self, z: Tensor) -> Tensor:
            sizes.append(len(z))
            pictures: Tensor = self.inner(z)
            return pictures

    z = latents.noise(range(100), 6, "normal")
    recorded = replace(generator, network=Recorder())
    assert len(list(render.pictures(recorded, z))) == 100
    assert sizes == [64, 64]


def test_frames_have_the_pictures_of_their_noise() -> None:
    generator = small_generator("dcgan", Shape(channels=3, size=16))
    z = latents.noise(range(45), 6, "normal")
    flat = np.stack(list(render.pictures(generator, z)))
    framed = list(render.frames(generator, ((part, None) for part in z.split(9))))
    assert [f.shape for f in framed] == [(9, 16, 16, 3)] * 5
    assert (np.concatenate(framed) == flat).all()


def test_frames_are_rendered_a_few_at_a_time() -> None:
    generator = small_generator("dcgan", Shape(channels=1, size=16))
    taken = 0

    def inputs() -> "object":
        nonlocal taken
        while True:
            taken += 1
            yield torch.zeros(10, 6), None

    next(render.frames(generator, inputs()))  # type: ignore[arg-type]
    assert taken <= render.BATCHES * 64 // 10
