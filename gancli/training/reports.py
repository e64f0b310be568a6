"""What the trainer reports, and when: after the same step in all processes."""

import time
from dataclasses import dataclass
from pathlib import Path

import torch

from gancli.training import distributed


@dataclass(frozen=True, kw_only=True)
class Report:
    """Progress and the mean metrics of the current epoch. `epoch` counts complete epochs.

    `samples` is a sample grid drawn at this moment, if there is one.
    """

    images_seen: int
    epoch: int
    epoch_ended: bool
    images_per_second: float
    metrics: dict[str, float]
    samples: Path | None = None


class ReportTimer:
    """Decides when to report: about every `seconds`, and after the same step in all processes.

    Clocks differ between processes. So several processes count steps instead, and at each report
    they agree on how many steps to run before the next.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._steps, self._steps_per_report, self._began = 0, 1, time.perf_counter()

    def due(self) -> bool:
        """Count one step, and tell whether to report after it."""
        self._steps += 1
        if distributed.world_size() == 1:
            return time.perf_counter() - self._began >= self._seconds
        return self._steps >= self._steps_per_report

    def restart(self) -> None:
        """Start waiting for the next report."""
        if distributed.world_size() > 1 and self._steps:
            step_seconds = torch.tensor((time.perf_counter() - self._began) / self._steps)
            distributed.average([step_seconds])
            self._steps_per_report = max(1, int(self._seconds / float(step_seconds)))
        self._steps, self._began = 0, time.perf_counter()
