"""The learning rate schedule: how the rate decays over a run, and when it is halved."""

import math

import torch
from torch import Tensor

from gancli.config import Training
from gancli.metric import Metric
from gancli.weights import fit

MIN_IMPROVEMENT = 0.01  # share of the best measure so far by which a new best has to be better
MAX_COUNT = 10_000_000  # of epochs and of halvings in a saved state
MAX_HALVINGS = 3  # by `patience`, so that a long run never stops making progress


class Schedule:
    """Adam's learning rate, as a function of the images seen and of the run so far.

    - It is constant, then falls linearly to 0 over the last `lr_decay` of the run.
    - It halves after `patience` epochs in which the model's measure has not improved; 0: never.
    - It halves whenever training diverged and was rolled back.

    All of this depends on the run alone and is saved with it, so stopping and resuming a run does
    not change its learning rates.
    """

    def __init__(self, config: Training) -> None:
        self.config = config
        self.best, self.epochs_since_best, self.halvings = math.inf, 0, 0
        self.rollbacks = 0  # times that training diverged and was rolled back

    def learning_rate(self, images_seen: int, total: int) -> float:
        """The learning rate of the step after `images_seen` of `total` images."""
        decay, left = self.config.lr_decay, 1 - images_seen / total
        linear = min(1.0, left / decay) if decay else 1.0
        return self.config.lr * linear * 0.5**self.halvings * 0.5**self.rollbacks

    def record_measure(self, value: float, measure: Metric) -> None:
        """Take the value of the model's measure after an epoch into account."""
        if measure.improves(value, self.best, MIN_IMPROVEMENT):
            self.best, self.epochs_since_best = value, 0
        else:
            self.epochs_since_best += 1
        patience = self.config.patience
        if patience and self.epochs_since_best >= patience and self.halvings < MAX_HALVINGS:
            self.halvings, self.epochs_since_best = self.halvings + 1, 0

    def state(self) -> dict[str, Tensor]:
        """The history that the rate depends on. The keys stay those of earlier versions' files."""
        plateau = [self.best, self.epochs_since_best, self.halvings]
        return {
            "plateau": torch.tensor(plateau, dtype=torch.float64),
            "setbacks": torch.tensor(self.rollbacks),
        }

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Continue from `state()`; other tensors are ignored.

        Raises KeyError or ValueError if `tensors` are not a state.
        """
        like = self.state()
        state = fit({name: tensors[name] for name in like}, like)
        best, *counts = [*state["plateau"].tolist(), int(state["setbacks"])]
        if math.isnan(best) or not all(0 <= count < MAX_COUNT for count in counts):
            raise ValueError("its learning rate schedule is wrong")
        self.best = best
        self.epochs_since_best, self.halvings, self.rollbacks = map(int, counts)
