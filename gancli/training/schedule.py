"""When a learning rate halves: once a measure has stopped falling."""

import math

import torch
from torch import Tensor

GAIN = 0.01  # of the lowest measure so far: what counts as lower
MOST = 3  # halvings, so that a long run never stands still


class Plateau:
    """Halve after `patience` epochs without a lower measure; 0 never does.

    It looks at one number an epoch, which depends on the run alone, and its own numbers are saved
    with the run: when a rate halves does not depend on where the run was stopped.
    """

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.lowest, self.waited, self.halvings = math.inf, 0, 0

    @property
    def factor(self) -> float:
        """What to multiply the learning rate by."""
        return 0.5**self.halvings

    def see(self, measure: float) -> None:
        """Take note of an epoch's measure."""
        if measure < self.lowest * (1 - GAIN):
            self.lowest, self.waited = measure, 0
        else:
            self.waited += 1
        if self.patience and self.waited >= self.patience and self.halvings < MOST:
            self.halvings, self.waited = self.halvings + 1, 0

    def state(self) -> Tensor:
        """Its numbers, (3,)."""
        return torch.tensor([self.lowest, self.waited, self.halvings], dtype=torch.float64)

    def load(self, state: Tensor) -> None:
        """Go on from `state()`."""
        lowest, waited, halvings = state.tolist()
        self.lowest, self.waited, self.halvings = lowest, int(waited), int(halvings)
