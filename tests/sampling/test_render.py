"""From noise to pictures, in chunks of one size."""

from dataclasses import replace

import numpy as np
import torch
from conftest import small_generator
from torch import Tensor, nn

from gancli.gan import Shape
from gancli.sampling import latents, render


def test_every_call_of_the_generator_has_the_same_size() -> None:
    generator = small_generator("dcgan", Shape(channels=1, size=28))
    sizes = []

    class Watched(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = generator.network

        def forward(self, z: Tensor) -> Tensor:
            sizes.append(len(z))
            made: Tensor = self.inner(z)
            return made

    z = latents.noise(range(100), 6, "normal")
    watched = replace(generator, network=Watched())
    assert len(list(render.pictures(watched, z))) == 100
    assert sizes == [64, 64]


def test_frames_come_out_as_they_went_in() -> None:
    generator = small_generator("dcgan", Shape(channels=3, size=16))
    z = latents.noise(range(45), 6, "normal")
    flat = np.stack(list(render.pictures(generator, z)))
    framed = list(render.frames(generator, ((part, None) for part in z.split(9))))
    assert [f.shape for f in framed] == [(9, 16, 16, 3)] * 5
    assert (np.concatenate(framed) == flat).all()


def test_frames_are_taken_a_few_at_a_time() -> None:
    generator = small_generator("dcgan", Shape(channels=1, size=16))
    taken = 0

    def inputs() -> "object":
        nonlocal taken
        while True:
            taken += 1
            yield torch.zeros(10, 6), None

    next(render.frames(generator, inputs()))  # type: ignore[arg-type]
    assert taken <= render.CHUNKS * 64 // 10
