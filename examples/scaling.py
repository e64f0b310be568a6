"""How far training scales: the bytes that a step averages against the time that it computes.

python examples/scaling.py    # prints the table of scaling.md, from the networks as they are
"""

from dataclasses import dataclass
from math import ceil, log2

import torch

from gancli import registry
from gancli.config import preset, resolve
from gancli.gan import Shape

GPUS = (8, 64, 1024)
NODE = 8  # GPUs of a machine
INSIDE, BETWEEN = 350e9, 45e9  # bytes a second and GPU: NVLink 4; one 400 Gbit/s adapter a GPU
CALL, HOP = 15e-6, 5e-6  # seconds: an all-reduce inside a machine; each way up or down a tree


@dataclass(frozen=True)
class Case:
    """What one GPU does: `rate` pictures a second, in steps of `batch`."""

    model: str
    shape: Shape
    batch: int
    rate: float

    @property
    def picture(self) -> int:
        """Bytes of one, as uint8, with what it is to be made from."""
        return self.shape.size**2 * (self.shape.channels + self.shape.source)


CASES = (
    Case("dcgan", Shape(channels=1, size=28), 512, 250_000),
    Case("dcgan", Shape(channels=3, size=64), 512, 100_000),
    Case("acgan", Shape(channels=3, size=64, classes=10), 512, 100_000),
    Case("pix2pix", Shape(channels=3, size=256, source=3), 1, 600),
    Case("pix2pix", Shape(channels=3, size=256, source=3), 16, 600),
)


def averaged(case: Case) -> int:
    """Numbers averaged in a step: the weights of both networks, and running statistics."""
    module = registry.load("models", case.model)
    values = preset(case.model, module.preset, "default", case.shape)
    settings, _ = resolve(module.Settings, values, {}, case.model)
    with torch.device("meta"):
        gan = module.build(settings, case.shape)
    floats = [b for b in gan.buffers() if b.is_floating_point()]
    return sum(t.numel() for t in (*gan.parameters(), *floats))


def seconds(count: int, gpus: int) -> float:
    """Two all-reduces, of `count` float32 numbers together: one of each network."""
    speed = INSIDE if gpus <= NODE else BETWEEN
    hops = 2 * log2(ceil(gpus / NODE))
    return 2 * (gpus - 1) / gpus * 4 * count / speed + 2 * (CALL + hops * HOP)


def row(case: Case) -> tuple[str, ...]:
    count, step = averaged(case), case.batch / case.rate
    shares = [step / (step + seconds(count, gpus)) for gpus in GPUS]
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
        f"{rate * case.picture / 1e9:,.1f} GB/s",
    )


def main() -> None:
    columns = ["model", "batch per GPU", "images/s per GPU", "weights", "averaged", "step"]
    columns += [f"{gpus:,} GPUs" for gpus in GPUS]
    columns += [f"images/s on {GPUS[-1]:,}", "data rate on them"]
    for cells in (columns, ["---"] * len(columns), *map(row, CASES)):
        print("|", " | ".join(cells), "|")


if __name__ == "__main__":
    main()
