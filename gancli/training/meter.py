"""Running means of the scalars that steps report, kept on the device until they are read."""

import torch
from torch import Tensor

from gancli.weights import fit


class Meter:
    """Sums of named scalars, and the number of additions; with other names, `add` starts again."""

    def __init__(self, device: torch.device) -> None:
        self.names: list[str] = []
        self._device = device
        self._sum = self._count = torch.zeros(0)

    def add(self, metrics: dict[str, Tensor]) -> None:
        """Add the scalars of one step. Nothing leaves the device."""
        if self.names != sorted(metrics):
            self.names = sorted(metrics)
            self._sum = torch.zeros(len(metrics), device=self._device)
            self._count = torch.zeros((), device=self._device)
        self._sum += torch.stack([metrics[name].detach().float() for name in self.names])
        self._count += 1

    def read(self, reset: bool = True) -> dict[str, float]:
        """The means since the last reset, by name. Only here does the host wait for the device."""
        if not self.names:
            return {}
        means = (self._sum / self._count).tolist()
        if reset:
            self._sum.zero_()
            self._count.zero_()
        return dict(zip(self.names, means, strict=True))

    def state(self) -> dict[str, Tensor]:
        """The sums by name and their count, so that resuming keeps the means of an epoch."""
        return {**dict(zip(self.names, self._sum, strict=True)), "count": self._count}

    def load(self, state: dict[str, Tensor]) -> None:
        """Continue from `state()`. Raises KeyError or ValueError if these are not scalars."""
        scalar = torch.zeros(())
        if len(state) > 1:  # else nothing was added yet
            state = fit(state, dict.fromkeys([*state, "count"], scalar))
        self.names = sorted(state.keys() - {"count"})
        sums = [state[name] for name in self.names]
        self._sum = torch.stack(sums).to(self._device) if sums else torch.zeros(0)
        self._count = state.get("count", torch.zeros(0)).to(self._device, copy=True)
