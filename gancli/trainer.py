"""The one trainer: optimisers, the step, and a loop that yields reports.

It knows no console and no files; whoever iterates `Trainer.run()` draws, writes and stops. The
step takes no tensors and returns none: the host writes one tensor (which pictures) and reads one a
report (what happened).
"""

import time
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil

import torch
from torch import Tensor, nn

from gancli.capture import Captured
from gancli.config import Training
from gancli.ema import EMA
from gancli.gan import GAN
from gancli.resident import Resident, order
from gancli.stats import Stats


@dataclass(frozen=True, kw_only=True)
class Report:
    """What happened in this epoch so far. `epoch` counts finished ones."""

    images_seen: int
    epoch: int
    epoch_ended: bool
    images_per_second: float
    metrics: dict[str, float]


class Trainer:
    """Trains `gan` on `data` by `config`; `precision` is torch.float32 or torch.bfloat16."""

    def __init__(
        self,
        gan: GAN,
        data: Resident,
        config: Training,
        *,
        precision: torch.dtype = torch.float32,
        capture: bool = True,
    ) -> None:
        self.gan, self.data, self.config = gan, data, config
        self.device = next(gan.parameters()).device
        self.ema = EMA(gan.generator, config.ema)
        self.lr = torch.tensor(config.lr, device=self.device)
        self.d_lr = torch.tensor(config.lr * config.d_lr_scale, device=self.device)
        self.g_optimiser = self._adam(gan.generator, self.lr)
        self.d_optimiser = self._adam(gan.discriminator, self.d_lr)
        self.stats = Stats(self.device)
        self.images_seen = 0
        self._clock = torch.zeros((), device=self.device)  # images_seen, where the step can see it
        self._index = torch.zeros(config.batch_size, dtype=torch.int64, device=self.device)
        self._autocast = torch.autocast(
            self.device.type, precision, enabled=precision != torch.float32
        )
        self._step = Captured(self._plain_step, self.device, enabled=capture)
        torch.manual_seed(config.seed)  # the noise of training; pictures are ordered by `order`

    def _adam(self, network: nn.Module, lr: Tensor) -> torch.optim.Adam:
        return torch.optim.Adam(
            network.parameters(),
            lr=lr,
            betas=(self.config.beta1, self.config.beta2),
            fused=True,
            capturable=self.device.type == "cuda",
        )

    @property
    def total(self) -> int:
        """Images to see in all: whole batches, enough for every epoch."""
        size = self.config.batch_size
        return ceil(self.config.epochs * len(self.data) / size) * size

    def run(self, seconds: float = 1.0) -> Iterator[Report]:
        """Train on to `total`, yielding a report every `seconds` and at each epoch's end."""
        passes, began, start = len(self.data), time.perf_counter(), self.images_seen
        reported = began
        while self.images_seen < self.total:
            before = self.images_seen // passes
            self.step()
            ended = self.images_seen // passes > before or self.images_seen == self.total
            if not ended and time.perf_counter() - reported < seconds:
                continue
            metrics = self.stats.read(reset=ended)  # waits for the device: time it after this
            reported = time.perf_counter()
            yield Report(
                images_seen=self.images_seen,
                epoch=round(self.images_seen / passes) if ended else self.images_seen // passes,
                epoch_ended=ended,
                images_per_second=(self.images_seen - start) / (reported - began),
                metrics=metrics,
            )
            if ended:
                began, start = time.perf_counter(), self.images_seen
                reported = began

    def step(self) -> None:
        """One update of both networks, on the next pictures in order."""
        start, size = self.images_seen, self.config.batch_size
        index = order(self.config.seed, len(self.data), start, start + size)
        self._index.copy_(index, non_blocking=True)
        self._set_lr()
        self._step()
        self.images_seen += size

    def _set_lr(self) -> None:
        """Constant, then falling in a line to 0 over the last `lr_decay` of the run."""
        left = 1 - self.images_seen / self.total
        factor = min(1.0, left / self.config.lr_decay) if self.config.lr_decay else 1.0
        self.lr.fill_(self.config.lr * factor)
        self.d_lr.fill_(self.config.lr * self.config.d_lr_scale * factor)

    def _plain_step(self, key: Hashable) -> None:
        """What is captured: device work alone, on `_index`, from weights to weights."""
        gan, size = self.gan, self.config.batch_size
        batch = self.data.batch(self._index)
        with self._autocast:
            inputs = gan.draw(batch)
            fake = gan.fake(inputs)
            loss, metrics = gan.discriminator_loss(batch, inputs, fake.detach())
        loss.backward()  # type: ignore[no-untyped-call]
        _update(self.d_optimiser)
        with frozen(gan.discriminator), self._autocast:
            loss, g_metrics = gan.generator_loss(batch, inputs, fake)
            loss.backward()  # type: ignore[no-untyped-call]
        _update(self.g_optimiser)
        self._clock += size
        self.ema.update(self._clock, size)
        gan.after_step(metrics | g_metrics)
        self.stats.add(metrics | g_metrics)

    def state(self) -> dict[str, Tensor]:
        """Everything that going on to the bit needs, as named tensors on the CPU."""
        tensors = {f"gan.{k}": v for k, v in self.gan.state_dict().items()}
        tensors |= {f"ema.{k}": v for k, v in self.ema.module.state_dict().items()}
        for name, optimiser in self._optimisers():
            for i, moments in enumerate(optimiser.state[p] for p in _parameters(optimiser)):
                tensors |= {f"{name}.{i}.{k}": v for k, v in moments.items()}
        tensors |= {f"stats.{k}": v for k, v in self.stats.state().items()}
        tensors |= {"clock": torch.tensor(self.images_seen), "noise.cpu": torch.get_rng_state()}
        if self.device.type == "cuda":
            tensors["noise.cuda"] = torch.cuda.get_rng_state(self.device)
        return {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Go on from `state()`. Raises KeyError or RuntimeError for the state of another model."""
        self.gan.load_state_dict(_below("gan", tensors))
        self.ema.module.load_state_dict(_below("ema", tensors))
        for name, optimiser in self._optimisers():
            for i, p in enumerate(_parameters(optimiser)):
                optimiser.state[p] = {
                    k: _like(v, p) for k, v in _below(f"{name}.{i}", tensors).items()
                }
        self.stats.load(_below("stats", tensors))
        self.images_seen = int(tensors["clock"])
        self._clock.fill_(self.images_seen)
        torch.set_rng_state(tensors["noise.cpu"])
        if self.device.type == "cuda" and "noise.cuda" in tensors:
            torch.cuda.set_rng_state(tensors["noise.cuda"], self.device)

    def _optimisers(self) -> tuple[tuple[str, torch.optim.Adam], ...]:
        return ("g_optimiser", self.g_optimiser), ("d_optimiser", self.d_optimiser)


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """No gradient of `network`'s weights is computed meanwhile; gradients still pass through it."""
    network.requires_grad_(False)
    try:
        yield
    finally:
        network.requires_grad_(True)


def _update(optimiser: torch.optim.Optimizer) -> None:
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)


def _parameters(optimiser: torch.optim.Optimizer) -> list[Tensor]:
    return [p for group in optimiser.param_groups for p in group["params"]]


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    start = prefix + "."
    return {k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}


def _like(value: Tensor, parameter: Tensor) -> Tensor:
    """On the parameter's device and, where it has its shape, in its memory layout."""
    if value.shape != parameter.shape:
        return value.to(parameter.device)
    return torch.empty_like(parameter).copy_(value).detach()
