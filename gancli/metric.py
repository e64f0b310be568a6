"""What a number that training or evaluation reports is called, and how to read it."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Metric:
    """A reported number: its key in metrics.jsonl, which way is better, and how to show it.

    `better` is None if neither direction is an improvement. The epoch with the best value of a
    metric with `best_epoch` is the best of a run, and its weights are kept.
    """

    name: str
    better: Literal["lower", "higher"] | None = None
    show: Callable[[Any], str] = "{:.3f}".format
    best_epoch: bool = False

    def improves(self, value: float, best: float, margin: float = 0.0) -> bool:
        """Whether `value` is better than `best` by more than the share `margin` of it.

        An infinite `best` stands for no value yet.
        """
        if math.isinf(best):
            return math.isfinite(value)
        gain = value - best if self.better == "higher" else best - value
        return gain > margin * abs(best)
