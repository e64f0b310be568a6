"""The trainer: the training step, and a loop over it that yields reports.

It knows nothing of consoles and files. The code that iterates over `Trainer.run()` draws, writes
and stops. The step takes no tensors and returns none. Per step, the host only writes the indices of
the images and the learning rates; per report, it only reads the metrics.
"""

import time
from collections.abc import Iterator
from dataclasses import replace
from math import ceil
from typing import NamedTuple

import torch
from torch import Tensor

from gancli.config import Training
from gancli.gan import GAN, Batch, Fake, Inputs, Metrics
from gancli.training import distributed, health, noise
from gancli.training.capture import CapturedStep
from gancli.training.ema import EMA
from gancli.training.meter import Meter
from gancli.training.networks import frozen, has_penalty, running_statistics
from gancli.training.optimiser import Optimiser
from gancli.training.reports import Report, ReportTimer
from gancli.training.resident import ResidentDataset, order
from gancli.training.schedule import Schedule
from gancli.training.state import add_prefix, clock, read_clock, select_prefix
from gancli.training.streaming import StreamingDataset
from gancli.weights import fit


class Variant(NamedTuple):
    """What an update of D comes with: the choices that are fixed in a captured step."""

    penalty: bool  # D's loss includes its penalty
    generator: bool  # G is updated as well: the last of `critic_steps`
    health: bool  # the doctor's measurements are taken


class Trainer:
    """Trains `gan` on `data` as `config` says; `precision` is torch.float32 or torch.bfloat16.

    With `capture`, steps on a GPU run as CUDA graphs. With `compile`, the networks run through
    torch.compile, whose results differ by rounding.
    """

    def __init__(
        self,
        gan: GAN,
        data: ResidentDataset | StreamingDataset,
        config: Training,
        *,
        precision: torch.dtype = torch.float32,
        capture: bool = True,
        compile: bool = False,
    ) -> None:
        self.gan, self.data, self.config = gan, data, config
        self.device = next(gan.parameters()).device
        self.ema = EMA(gan.generator, config.ema)
        if compile:  # at the first call; in place, which keeps the names of the weights
            gan.generator.compile()
            if not has_penalty(gan):  # torch.compile has no second gradient
                gan.discriminator.compile()
        self.lr = torch.tensor(config.lr, device=self.device)
        self.d_lr = torch.tensor(config.lr * config.d_lr_scale, device=self.device)
        self.g_optimiser = Optimiser(gan.generator, self.lr, config.betas)
        self.d_optimiser = Optimiser(gan.discriminator, self.d_lr, config.d_betas)
        self.meter = Meter(self.device)
        self.health_meter = Meter(self.device)
        self.schedule = Schedule(config)
        self.images_seen = 0
        # A copy of images_seen on the device, for the step to use.
        self._device_images_seen = torch.zeros((), dtype=torch.int64, device=self.device)
        self.share = data.share = distributed.share(config.seed, self.device)
        size = config.batch_size // self.share.world_size
        self._index = torch.zeros(size, dtype=torch.int64, device=self.device)
        self._running = running_statistics(gan)
        self._autocast = torch.autocast(
            self.device.type, precision, enabled=precision != torch.float32
        )
        update, rng = self._plain_update, self.share.rng
        self._update = CapturedStep(update, self.device, enabled=capture, rng=rng)
        noise.seed_all(self._rank_seed())  # for noise and dropout; `order` has its own seed

    @property
    def images_per_step(self) -> int:
        """The real images that D sees in one step, over all processes."""
        return self.config.batch_size * self.gan.critic_steps

    @property
    def total(self) -> int:
        """The number of images in the complete run, rounded up to full steps."""
        size = self.images_per_step
        return ceil(self.config.epochs * len(self.data) / size) * size

    @property
    def epochs_done(self) -> float:
        """The number of passes over the images so far, with the fraction of the current one."""
        return self.images_seen / len(self.data)

    def run(self, seconds: float = 1.0) -> Iterator[Report]:
        """Train until `total`, yielding a report every `seconds` and at the end of each epoch.

        If the run ends within an epoch, that counts as the end of an epoch, too.
        """
        per_epoch, began, start = len(self.data), time.perf_counter(), self.images_seen
        timer = ReportTimer(seconds)
        while self.images_seen < self.total:
            before = self.images_seen // per_epoch
            self.step()
            complete = self.images_seen // per_epoch > before
            ended = complete or self.images_seen >= self.total
            if not timer.due() and not ended:
                continue
            metrics = self.read_metrics(reset=complete)
            # Reading waits for the device, so the time is only now that of all steps.
            passed = time.perf_counter() - began
            if complete and self.gan.measure:
                self.schedule.record_measure(metrics[self.gan.measure.name], self.gan.measure)
            yield Report(
                images_seen=self.images_seen,
                epoch=self.images_seen // per_epoch + (ended and not complete),
                epoch_ended=ended,
                images_per_second=(self.images_seen - start) / passed,
                metrics=metrics,
            )
            if ended:
                began, start = time.perf_counter(), self.images_seen
            timer.restart()

    def set_epochs(self, epochs: float) -> None:
        """Change the length of the run, and with it the decay of the learning rate."""
        self.config = replace(self.config, epochs=epochs)

    def step(self) -> None:
        """Update D `critic_steps` times, each on the next images in `order`, and then G."""
        gan, size = self.gan, self.config.batch_size
        self._set_lr()
        step_in_epoch = self.images_seen % len(self.data) // self.images_per_step
        for left in reversed(range(gan.critic_steps)):
            start, last = self.images_seen, left == 0
            self.data.fetch(start, size, self._index_at)
            self._index.copy_(self._index_at(start), non_blocking=True)
            penalty = start // size % gan.penalty_every == 0
            health_due = last and step_in_epoch % health.EVERY == 0
            self._update(Variant(penalty=penalty, generator=last, health=health_due))
            self.images_seen += size

    def read_metrics(self, reset: bool) -> dict[str, float]:
        """The mean metrics since the last reset. Waits until the device has done all steps."""
        means = self.meter.read(reset)
        return means | (self.gan.of_means(means) if means else {}) | self.health_meter.read(reset)

    def _index_at(self, start: int) -> Tensor:
        """The indices (B,) of the images of this process in the step after `start` images."""
        stop = start + self.config.batch_size
        return self.share.of(order(self.config.seed, len(self.data), start, stop))

    @property
    def learning_rate(self) -> float:
        """The learning rate of the next step."""
        return self.schedule.learning_rate(self.images_seen, self.total)

    def _set_lr(self) -> None:
        rate = self.learning_rate
        self.lr.fill_(rate)
        self.d_lr.fill_(rate * self.config.d_lr_scale)

    def _plain_update(self, variant: Variant) -> None:
        """The work that is captured: device work only, from `_index` to new weights.

        One forward pass of G serves both losses. D sees the fake detached, and G is trained through
        it. If G is not updated, its fakes are made without a graph.
        """
        gan, batch = self.gan, self.data.batch(self._index)
        with self._autocast, torch.set_grad_enabled(variant.generator):
            inputs = gan.draw(batch, self.share)
            fake = gan.fake(inputs)
        metrics, measured = self._update_discriminator(batch, inputs, fake.detach(), variant)
        if not variant.generator:
            return
        with frozen(gan.discriminator), self._autocast:
            loss, g_metrics = gan.generator_loss(batch, inputs, fake)
            loss.backward()  # type: ignore[no-untyped-call]
        metrics = self._average_over_ranks(metrics | g_metrics)
        if variant.health:
            measured |= health.generator_health(gan.generator, batch.image, fake.image, inputs.y)
            distributed.average([*measured.values()])
            self.health_meter.add(measured)
        self.g_optimiser.step()
        self._device_images_seen += self.images_per_step
        self.ema.update(self._device_images_seen, self.images_per_step)
        gan.after_step(metrics)
        self.meter.add(metrics)

    def _update_discriminator(
        self, batch: Batch, inputs: Inputs, fake: Fake, variant: Variant
    ) -> tuple[Metrics, Metrics]:
        """Update D, and return the metrics of its loss and those for the doctor."""
        gan = self.gan
        with self._autocast:
            loss, metrics = gan.discriminator_loss(batch, inputs, fake)
        if variant.penalty:  # in float32
            penalty = gan.discriminator_penalty(batch, inputs, fake.float())
            loss = loss if penalty is None else loss + gan.penalty_every * penalty
        loss.backward()  # type: ignore[no-untyped-call]
        distributed.average(self.d_optimiser.gradients())
        measured = {}
        if variant.health:  # before the optimiser drops the gradients
            measured = {"d_gradient": health.gradient_norm(gan.discriminator)}
        self.d_optimiser.step()
        return metrics, measured

    def _average_over_ranks(self, metrics: Metrics) -> Metrics:
        """The metrics averaged over all processes.

        G's gradients and the running statistics are averaged in place, in the same all-reduce.
        """
        if self.share.world_size == 1:
            return metrics
        averaged = {k: v.detach().float().clone() for k, v in metrics.items()}
        distributed.average([*self.g_optimiser.gradients(), *self._running, *averaged.values()])
        return averaged

    def state(self) -> dict[str, Tensor]:
        """Everything that an exact resume needs, as named tensors on the CPU.

        The names stay those of files that earlier versions wrote: `clock` is `images_seen`,
        `stats` the meter, `vitals` the health meter.
        """
        tensors = add_prefix("gan", self.gan.state_dict()) | add_prefix(
            "ema", self.ema.module.state_dict()
        )
        for name, optimiser in self._optimisers():
            tensors |= add_prefix(name, optimiser.state())
        tensors |= add_prefix("stats", self.meter.state())
        tensors |= add_prefix("vitals", self.health_meter.state())
        tensors |= self.schedule.state() | clock(self.images_seen, len(self.data))
        tensors["noise.cpu"] = torch.get_rng_state()
        if self.device.type == "cuda":
            tensors["noise.cuda"] = torch.cuda.get_rng_state(self.device)
        # With several processes the noise comes from the shared rng. It is saved under the name of
        # the generator that a single process draws from, so either can resume from the other.
        if self.share.rng is not None:
            tensors[f"noise.{self.device.type}"] = self.share.rng.get_state()
        return {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Continue from `state()`.

        Raises KeyError, RuntimeError, TypeError or ValueError if it is of another model. Recorded
        steps are dropped, because they use tensors that are replaced here.
        """
        for name, module in (("gan", self.gan), ("ema", self.ema.module)):
            module.load_state_dict(fit(select_prefix(name, tensors), module.state_dict()))
        for name, optimiser in self._optimisers():
            optimiser.load(select_prefix(name, tensors))
        self.meter.load(select_prefix("stats", tensors))
        self.health_meter.load(select_prefix("vitals", tensors))
        self.schedule.load(tensors)
        self._update.reset()
        self.images_seen = read_clock(tensors, len(self.data))
        self._device_images_seen.fill_(self.images_seen)
        torch.set_rng_state(tensors["noise.cpu"])
        if self.device.type == "cuda" and "noise.cuda" in tensors:
            torch.cuda.set_rng_state(tensors["noise.cuda"], self.device)
        state = tensors.get(f"noise.{self.device.type}")
        if self.share.rng is not None and state is not None:
            self.share.rng.set_state(state)
            noise.seed_all(self._rank_seed())

    def _rank_seed(self) -> int:
        """The seed of torch's default generator; it differs by rank, and so do dropout masks."""
        share, seed = self.share, self.config.seed
        return seed if share.world_size == 1 else hash((seed, self.images_seen, share.rank)) % 2**32

    def roll_back(self, tensors: dict[str, Tensor]) -> None:
        """Return to an earlier `state()` and continue from there at half the learning rate."""
        rollbacks = self.schedule.rollbacks + 1
        self.load(tensors)
        self.schedule.rollbacks = rollbacks

    def close(self) -> None:
        """Stop reading ahead, and drop recorded steps. Another step starts both again.

        Destroying NCCL's process group would otherwise wait for the recordings that hold its work.
        """
        self._update.reset()
        self.data.close()

    def is_finite(self) -> bool:
        """Whether all weights, buffers and moments are finite: no infinity, no NaN."""
        parts = (self.gan.state_dict(), self.ema.module.state_dict())
        optimisers = (optimiser.state() for _, optimiser in self._optimisers())
        floats = (v for part in (*parts, *optimisers) for v in part.values())
        return bool(torch.stack([v.isfinite().all() for v in floats]).all())

    def _optimisers(self) -> tuple[tuple[str, Optimiser], ...]:
        return ("g_optimiser", self.g_optimiser), ("d_optimiser", self.d_optimiser)
