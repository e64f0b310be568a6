"""The learning rate: how it falls over a training, and what makes it halve."""

import math

import torch
from torch import Tensor

from gancli.config import Training

GAIN = 0.01  # of the lowest measure so far: an improvement has to be larger than this
MOST_HALVINGS = 3  # by `patience`, so that a long run never comes to a standstill


class Schedule:
    """Adam's learning rate as a function of the images seen and of what happened so far.

    - It is constant, then falls linearly to 0 over the last `lr_decay` of the run.
    - It halves after `patience` epochs in which the model's measure has not improved; 0: never.
    - It halves whenever training diverged and was rolled back.

    All of this depends on the run alone and is saved with it: where a run is interrupted makes no
    difference to the rates.
    """

    def __init__(self, config: Training) -> None:
        self.config = config
        self.lowest, self.waited, self.halvings = math.inf, 0, 0  # waited: epochs since `lowest`
        self.rollbacks = 0  # times that training diverged and went back

    def rate(self, images_seen: int, total: int) -> float:
        """The rate of the step after `images_seen` images of `total`."""
        decay, left = self.config.lr_decay, 1 - images_seen / total
        linear = min(1.0, left / decay) if decay else 1.0
        return self.config.lr * linear * 0.5**self.halvings * 0.5**self.rollbacks

    def see(self, measure: float) -> None:
        """Take note of an epoch's measure, which falls as pictures get better."""
        if measure < self.lowest * (1 - GAIN):
            self.lowest, self.waited = measure, 0
        else:
            self.waited += 1
        patience = self.config.patience
        if patience and self.waited >= patience and self.halvings < MOST_HALVINGS:
            self.halvings, self.waited = self.halvings + 1, 0

    def state(self) -> dict[str, Tensor]:
        """What it has seen. The names are those of files that earlier versions wrote."""
        plateau = [self.lowest, self.waited, self.halvings]
        return {
            "plateau": torch.tensor(plateau, dtype=torch.float64),
            "setbacks": torch.tensor(self.rollbacks),
        }

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Continue from `state()`, which may lie among other tensors."""
        self.lowest, waited, halvings = tensors["plateau"].tolist()
        self.waited, self.halvings = int(waited), int(halvings)
        self.rollbacks = int(tensors["setbacks"])
