"""Estimates the memory that a training run needs, and checks before it starts that it fits.

A run that does not fit would fail after minutes, or be ended by the system without a message. The
estimate comes from a forward pass on torch's meta device, where tensors have a shape but no data:
it takes about a tenth of a second, needs no memory and draws no random numbers.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from gancli import hardware
from gancli.config import Training
from gancli.errors import UsageError
from gancli.gan import GAN, Batch, Shape
from gancli.reporting import Say
from gancli.training import distributed

SAMPLE = 4  # pictures in the forward pass; what it keeps is proportional to their number
# Measured as the peak of a process, for all models at 28 to 256 pixels (two batch sizes each):
SCRATCH = 1.5  # gradients of feature maps and buffers of convolutions, on top of what is kept
CODE = 50_000_000  # bytes of torch's code that the first steps load
SAVED_COPIES = 3  # of the state, while a checkpoint is written: as tensors, their bytes, the file
GB = 1e9


@dataclass(frozen=True, kw_only=True)
class Needed:
    """Bytes that a process needs for training, besides its data and what it uses already.

    A step needs `fixed`, and `per_picture` for each picture in the batch of the process. `saving`
    is needed while a checkpoint is written, when no batch is in memory.
    """

    fixed: int
    per_picture: int
    saving: int

    def total(self, batch: int) -> int:
        """The most bytes that are in use at any time, with `batch` pictures in each step."""
        return max(self.fixed + batch * self.per_picture, self.saving)

    def largest_batch(self, free: int) -> int:
        """The largest power of two that is a batch for `free` bytes, or 0."""
        pictures = (free - self.fixed) // self.per_picture
        return 0 if self.saving > free or pictures < 1 else 1 << (pictures.bit_length() - 1)


def needed(
    build: Callable[[], GAN], shape: Shape, config: Training, precision: str, device: torch.device
) -> Needed | None:
    """What training needs on `device`, or None if the model does not run on the meta device.

    `build` builds the model; `precision` is `fp32` or `bf16`.
    """
    try:
        with torch.device("meta"):
            gan = build()
        with torch.random.fork_rng(devices=[]):  # a model might draw numbers on the CPU after all
            kept = _kept_bytes(gan, shape) // SAMPLE
    except Exception:  # a user's model may do anything; if it fails, training reports it
        return None
    weights = sum(p.nbytes for p in gan.parameters())
    average = sum(p.nbytes for p in gan.generator.parameters()) if config.ema else 0
    state = 3 * weights + average  # with both of Adam's moments
    # Gradients take as much as the weights, and so do copies of them in the format of the
    # convolutions.
    fixed, saving = state + 2 * weights, state
    if precision == "bf16":
        kept //= 2
    if device.type != "cuda":  # which writes checkpoints from main memory
        initial = weights + average  # to roll back to in the first epoch
        fixed, saving = fixed + initial + CODE, state + initial + CODE + SAVED_COPIES * state
    return Needed(fixed=fixed, per_picture=max(1, int(SCRATCH * kept)), saving=saving)


def _kept_bytes(gan: GAN, shape: Shape) -> int:
    """Bytes that a step on SAMPLE pictures keeps for the discriminator's backward pass."""
    maps = torch.empty(SAMPLE, 1, shape.size, shape.size, device="meta")
    batch = Batch(
        image=maps.repeat(1, shape.channels, 1, 1),
        label=maps.new_empty(SAMPLE, shape.classes) if shape.classes else None,
        source=maps.repeat(1, shape.source, 1, 1) if shape.source else None,
    )
    own = {p.untyped_storage()._cdata for p in gan.parameters()}
    saved: dict[int, torch.UntypedStorage] = {}  # by address, since many tensors share one

    def keep(tensor: Tensor) -> None:
        # The graph stores what this returns. Given the tensor, a node that saves its own output
        # would hold itself, in a cycle that Python cannot collect.
        storage = tensor.untyped_storage()
        if storage._cdata not in own:
            saved[storage._cdata] = storage

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda _: torch.empty(0)):
        inputs = gan.draw(batch)
        fake = gan.fake(inputs)
        gan.discriminator_loss(batch, inputs, fake.detach())
    return sum(storage.nbytes() for storage in saved.values())


def check(
    needed: Needed | None,
    batch: int,
    processes: int,
    device: torch.device,
    resuming: bool,
    say: Say,
) -> int:
    """Check that a step with `batch` pictures in `processes` processes fits into memory.

    Return the largest batch that fits, a power of two in each process, or 0. If `batch` does not
    fit into what is free, tell the user. If it would not fit even without other programs, raise
    UsageError. Without an estimate, every batch is taken to fit.
    """
    if needed is None:
        return batch
    here = distributed.processes_here(processes) if device.type == "cpu" else 1
    free, most = (size // here for size in hardware.memory(device))
    need = needed.total(batch // processes)
    fits = needed.largest_batch(free) * processes
    if need <= free:
        return fits
    message = f"A batch of {batch} needs about {need * here / GB:.1f} GB of memory"
    if need > most:
        place = "GPU" if device.type == "cuda" else "machine"
        raise UsageError(
            f"{message}, but this {place} has only {most * here / GB:.1f} GB for it.",
            hint=smaller(min(fits, batch), resuming),
        )
    say(
        f"{message}, but only {free * here / GB:.1f} GB are free. If it runs out: "
        f"{smaller(fits, resuming)}."
    )
    return fits


def smaller(batch: int, resuming: bool) -> str:
    """What to type to need less memory: `batch` is the largest one that fits, or 0 if none does.

    A run keeps its batch size, so with another one it has to start over.
    """
    less = f"--batch-size {batch}" if batch > 1 else "a smaller --image-size"
    return (
        f"close other programs to resume, or start over with {less} --fresh" if resuming else less
    )
