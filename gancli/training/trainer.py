"""The one trainer: the step, and a loop that yields reports.

It knows nothing of consoles and files: whoever iterates over `Trainer.run()` draws, writes and
stops. The step takes no tensors and returns none: the host writes one tensor per step (which
pictures) and reads one per report (what happened).
"""

import time
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil

import torch
from torch import Tensor, nn

from gancli.config import Training
from gancli.gan import GAN, Metrics
from gancli.training import distributed, health
from gancli.training.capture import Captured
from gancli.training.ema import EMA
from gancli.training.meter import Meter
from gancli.training.optimiser import Optimiser
from gancli.training.resident import Resident, order
from gancli.training.schedule import Schedule
from gancli.training.state import nest, unnest
from gancli.training.streaming import Streaming


@dataclass(frozen=True, kw_only=True)
class Report:
    """What happened in this epoch so far. `epoch` counts finished ones."""

    images_seen: int
    epoch: int
    epoch_ended: bool
    images_per_second: float
    metrics: dict[str, float]


class Trainer:
    """Trains `gan` on `data` by `config`; `precision` is torch.float32 or torch.bfloat16.

    With `compile` the networks run through torch.compile, whose results differ by rounding.
    """

    def __init__(
        self,
        gan: GAN,
        data: Resident | Streaming,
        config: Training,
        *,
        precision: torch.dtype = torch.float32,
        capture: bool = True,
        compile: bool = False,
    ) -> None:
        self.gan, self.data, self.config = gan, data, config
        self.device = next(gan.parameters()).device
        self.ema = EMA(gan.generator, config.ema)
        if compile:  # when each is first called; in place, so the names of weights stay
            gan.generator.compile()
            gan.discriminator.compile()
        self.lr = torch.tensor(config.lr, device=self.device)
        self.d_lr = torch.tensor(config.lr * config.d_lr_scale, device=self.device)
        self.g_optimiser = Optimiser(gan.generator, self.lr, config)
        self.d_optimiser = Optimiser(gan.discriminator, self.d_lr, config)
        self.meter = Meter(self.device)
        self.health_meter = Meter(self.device)
        self.schedule = Schedule(config)
        self.images_seen = 0
        # images_seen on the device, where the step can use it
        self._clock = torch.zeros((), dtype=torch.int64, device=self.device)
        self.share = gan.share = data.share = distributed.share(config.seed, self.device)
        size = config.batch_size // self.share.world
        self._index = torch.zeros(size, dtype=torch.int64, device=self.device)
        self._running = _running_statistics(gan)
        self._autocast = torch.autocast(
            self.device.type, precision, enabled=precision != torch.float32
        )
        rng = self.share.rng
        self._step = Captured(self._plain_step, self.device, enabled=capture, rng=rng)
        torch.manual_seed(self._own_seed())  # noise; the order of pictures has a seed of its own

    @property
    def total(self) -> int:
        """Images to see in all: whole batches, rounded up."""
        size = self.config.batch_size
        return ceil(self.config.epochs * len(self.data) / size) * size

    def run(self, seconds: float = 1.0) -> Iterator[Report]:
        """Train until `total`, yielding a report every `seconds` and at the end of each epoch."""
        per_epoch, began, start = len(self.data), time.perf_counter(), self.images_seen
        pace = distributed.Pace(seconds)
        while self.images_seen < self.total:
            before = self.images_seen // per_epoch
            self.step()
            ended = self.images_seen // per_epoch > before
            if not pace.due() and not ended:
                continue
            metrics = self._read(reset=ended)  # waits for the device, so read the clock after it
            passed = time.perf_counter() - began
            if ended and self.gan.measure:
                self.schedule.see(metrics[self.gan.measure])
            yield Report(
                images_seen=self.images_seen,
                epoch=self.images_seen // per_epoch,
                epoch_ended=ended,
                images_per_second=(self.images_seen - start) / passed,
                metrics=metrics,
            )
            if ended:
                began, start = time.perf_counter(), self.images_seen
            pace.reported()

    def step(self) -> None:
        """One update of both networks, on the next pictures in order."""
        start, size = self.images_seen, self.config.batch_size
        self.data.fetch(start, size, self._index_at)
        self._index.copy_(self._index_at(start), non_blocking=True)
        self._set_lr()
        number = start % len(self.data) // size  # of the step within its epoch
        self._step(number % health.EVERY == 0)
        self.images_seen += size

    def _read(self, reset: bool) -> dict[str, float]:
        return self.meter.read(reset) | self.health_meter.read(reset)

    def _index_at(self, start: int) -> Tensor:
        """The numbers of the pictures, (B,), that this process sees after `start` images."""
        stop = start + self.config.batch_size
        return self.share.of(order(self.config.seed, len(self.data), start, stop))

    @property
    def rate(self) -> float:
        """The learning rate of the next step."""
        return self.schedule.rate(self.images_seen, self.total)

    def _set_lr(self) -> None:
        rate = self.rate
        self.lr.fill_(rate)
        self.d_lr.fill_(rate * self.config.d_lr_scale)

    def _plain_step(self, watched: Hashable) -> None:
        """The step that is captured: device work only, from `_index` to new weights.

        One generator forward serves both losses: D sees the fake detached, G is trained through it.
        """
        gan, size = self.gan, self.config.batch_size
        batch = self.data.batch(self._index)
        with self._autocast:
            inputs = gan.draw(batch)
            fake = gan.fake(inputs)
            loss, metrics = gan.discriminator_loss(batch, inputs, fake.detach())
        loss.backward()  # type: ignore[no-untyped-call]
        distributed.average(self.d_optimiser.gradients())
        seen = {"d_gradient": health.gradient_norm(gan.discriminator)} if watched else {}
        self.d_optimiser.step()
        with frozen(gan.discriminator), self._autocast:
            loss, g_metrics = gan.generator_loss(batch, inputs, fake)
            loss.backward()  # type: ignore[no-untyped-call]
        metrics = self._average_over_ranks(metrics | g_metrics)
        if watched:
            seen |= health.of_generator(gan.generator, batch.image, fake, inputs.y)
            distributed.average([*seen.values()])
            self.health_meter.add(seen)
        self.g_optimiser.step()
        self._clock += size
        self.ema.update(self._clock, size)
        gan.after_step(metrics)
        self.meter.add(metrics)

    def _average_over_ranks(self, metrics: Metrics) -> Metrics:
        """The metrics, averaged; G's gradients and running statistics are averaged in place."""
        if self.share.world == 1:
            return metrics
        averaged = {k: v.detach().float().clone() for k, v in metrics.items()}
        distributed.average([*self.g_optimiser.gradients(), *self._running, *averaged.values()])
        return averaged

    def state(self) -> dict[str, Tensor]:
        """Everything needed to continue exactly, as named tensors on the CPU.

        The names are those of files that earlier versions wrote.
        """
        tensors = nest("gan", self.gan.state_dict()) | nest("ema", self.ema.module.state_dict())
        for name, optimiser in self._optimisers():
            tensors |= nest(name, optimiser.state())
        tensors |= nest("stats", self.meter.state()) | nest("vitals", self.health_meter.state())
        tensors |= self.schedule.state() | {"clock": torch.tensor(self.images_seen)}
        tensors["noise.cpu"] = torch.get_rng_state()
        if self.device.type == "cuda":
            tensors["noise.cuda"] = torch.cuda.get_rng_state(self.device)
        if self.share.rng is not None:  # under the name of what one process draws noise from
            tensors[f"noise.{self.device.type}"] = self.share.rng.get_state()
        return {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Continue from `state()`. Raises KeyError or RuntimeError for the state of another model.

        Recorded steps are dropped: they work on the tensors that are replaced here.
        """
        self.gan.load_state_dict(unnest("gan", tensors))
        self.ema.module.load_state_dict(unnest("ema", tensors))
        for name, optimiser in self._optimisers():
            optimiser.load(unnest(name, tensors))
        self.meter.load(unnest("stats", tensors))
        self.health_meter.load(unnest("vitals", tensors))
        self.schedule.load(tensors)
        self._step.forget()
        self.images_seen = int(tensors["clock"])
        self._clock.fill_(self.images_seen)
        torch.set_rng_state(tensors["noise.cpu"])
        if self.device.type == "cuda" and "noise.cuda" in tensors:
            torch.cuda.set_rng_state(tensors["noise.cuda"], self.device)
        noise = tensors.get(f"noise.{self.device.type}")
        if self.share.rng is not None and noise is not None:
            self.share.rng.set_state(noise)
            torch.manual_seed(self._own_seed())

    def _own_seed(self) -> int:
        """The seed of torch's default generator: one for each rank, so that dropout differs."""
        share, seed = self.share, self.config.seed
        return seed if share.world == 1 else hash((seed, self.images_seen, share.rank)) % 2**32

    def go_back(self, tensors: dict[str, Tensor]) -> None:
        """Roll back to an earlier `state()`, to continue from there at half the learning rate."""
        rollbacks = self.schedule.rollbacks + 1
        self.load(tensors)
        self.schedule.rollbacks = rollbacks

    def close(self) -> None:
        """Stop reading ahead and drop recorded steps: NCCL would wait for recordings that hold its
        work when its process group is destroyed. Another step starts both again."""
        self._step.forget()
        self.data.close()

    def is_finite(self) -> bool:
        """Whether weights, buffers and moments hold numbers only: no infinity, no NaN."""
        parts = (self.gan.state_dict(), self.ema.module.state_dict())
        optimisers = (optimiser.state() for _, optimiser in self._optimisers())
        floats = (v for part in (*parts, *optimisers) for v in part.values())
        return bool(torch.stack([v.isfinite().all() for v in floats]).all())

    def _optimisers(self) -> tuple[tuple[str, Optimiser], ...]:
        return ("g_optimiser", self.g_optimiser), ("d_optimiser", self.d_optimiser)


def _running_statistics(network: nn.Module) -> list[Tensor]:
    """Running means and variances of every batch norm: what a forward pass updates."""
    norms = (m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm))
    return [b for m in norms for b in (m.running_mean, m.running_var) if b is not None]


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Compute no gradients of `network`'s weights meanwhile; gradients still pass through it."""
    network.requires_grad_(False)
    try:
        yield
    finally:
        network.requires_grad_(True)
