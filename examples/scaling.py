"""Estimate how training scales to many GPUs: time to compute a step against time to communicate.

    python examples/scaling.py

This prints the table of scaling.md for the current networks. It measures nothing: the constants
below are assumptions.
"""

from dataclasses import dataclass
from math import ceil, log2

import torch

from gancli import registry
from gancli.config import preset, resolve
from gancli.gan import Shape

GPUS = (8, 64, 1024)
GPUS_PER_MACHINE = 8
# Bandwidth in bytes per second and GPU.
INSIDE = 350e9  # within a machine: NVLink 4
BETWEEN = 45e9  # between machines: one 400 Gbit/s adapter per GPU
# Latency in seconds.
CALL = 15e-6  # of an all-reduce within a machine
HOP = 5e-6  # added for each level of a tree of machines, once up and once down


@dataclass(frozen=True)
class Case:
    """A row of the table: a GPU alone trains on `rate` pictures per second, `batch` per step."""

    model: str
    shape: Shape
    batch: int
    rate: float

    @property
    def picture_bytes(self) -> int:
        """Bytes of one picture in uint8; for models that translate pictures, of a pair."""
        return self.shape.size**2 * (self.shape.channels + self.shape.source)


CASES = (
    Case("dcgan", Shape(channels=1, size=28), 512, 250_000),
    Case("dcgan", Shape(channels=3, size=64), 512, 100_000),
    Case("acgan", Shape(channels=3, size=64, classes=10), 512, 100_000),
    Case("pix2pix", Shape(channels=3, size=256, source=3), 1, 600),
    Case("pix2pix", Shape(channels=3, size=256, source=3), 16, 600),
)


def averaged_numbers(case: Case) -> int:
    """How many float32 numbers a step averages: all weights and batch norm's running statistics."""
    module = registry.load("models", case.model)
    values = preset(case.model, module.preset, "default", case.shape)
    settings, _ = resolve(module.Settings, values, {}, case.model)
    with torch.device("meta"):  # shapes only, without memory for the weights
        gan = module.build(settings, case.shape)
    floats = [b for b in gan.buffers() if b.is_floating_point()]
    return sum(t.numel() for t in (*gan.parameters(), *floats))


def communication(count: int, gpus: int) -> float:
    """Seconds for two all-reduces, one per network, of `count` float32 numbers in total."""
    bandwidth = INSIDE if gpus <= GPUS_PER_MACHINE else BETWEEN
    hops = 2 * log2(ceil(gpus / GPUS_PER_MACHINE))
    return 2 * (gpus - 1) / gpus * 4 * count / bandwidth + 2 * (CALL + hops * HOP)


def row(case: Case) -> tuple[str, ...]:
    """The cells of one row, in the order of the columns in `main`."""
    count, step = averaged_numbers(case), case.batch / case.rate
    shares = [step / (step + communication(count, gpus)) for gpus in GPUS]
    rate = GPUS[-1] * shares[-1] * case.rate
    return (
        f"{case.model} {case.shape.size}x{case.shape.size}",
        f"{case.batch}",
        f"{case.rate:,.0f}",
        f"{count / 1e6:.1f} M",
        f"{4 * count / 1e6:.1f} MB",
        f"{1000 * step:.1f} ms",
        *(f"{share:.0%}" for share in shares),
        f"{rate:,.0f}",
        f"{rate * case.picture_bytes / 1e9:,.1f} GB/s",
    )


def main() -> None:
    """Print the table in Markdown."""
    columns = [
        "model",
        "batch per GPU",
        "images/s per GPU",
        "numbers",
        "all-reduced per step",
        "step",
    ]
    columns += [f"{gpus:,} GPUs" for gpus in GPUS]
    columns += [f"images/s on {GPUS[-1]:,}", f"data rate on {GPUS[-1]:,}"]
    for cells in (columns, ["---"] * len(columns), *map(row, CASES)):
        print("|", " | ".join(cells), "|")


if __name__ == "__main__":
    main()
