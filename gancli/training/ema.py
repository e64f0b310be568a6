"""An exponential moving average of a network's weights, with a half-life counted in images."""

import copy

import torch
from torch import Tensor, nn


class EMA:
    """The moving average of `module`: a copy in evaluation mode, updated after every step.

    Early in training the half-life is at most `ramp` times the images seen, so that the initial
    weights are soon forgotten. Batch norm's running statistics are averaged like the weights, since
    averaged weights need averaged statistics. With a half-life of 0 nothing is averaged: the copy
    shares its tensors with `module`.
    """

    def __init__(self, module: nn.Module, half_life: float, ramp: float = 0.05) -> None:
        shared = [] if half_life else [*module.parameters(), *module.buffers()]
        # deepcopy keeps the tensors that its memo already maps to themselves.
        self.module = copy.deepcopy(module, {id(t): t for t in shared}).eval()
        if half_life:
            self.module.requires_grad_(False)
        self.half_life, self.ramp = half_life, ramp
        self._average, self._source = _float_tensors(self.module), _float_tensors(module)

    @torch.no_grad()
    def update(self, images_seen: Tensor, batch_size: int) -> None:
        """Move the average towards the current weights after a step.

        `images_seen` is a scalar on the device, so that the decay can change in a captured step.
        """
        if self.half_life == 0:
            return
        half_life = (images_seen * self.ramp).clamp(1e-8, self.half_life)
        weight = 1 - 0.5 ** (batch_size / half_life)
        for average, source in zip(self._average, self._source, strict=True):
            average.lerp_(source, weight)  # _foreach_lerp_ would copy the weight to the host


def _float_tensors(module: nn.Module) -> list[Tensor]:
    return [t for t in (*module.parameters(), *module.buffers()) if t.is_floating_point()]
