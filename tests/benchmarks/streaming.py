"""How fast pictures stream from disk, and the share of a training's time that waits for them.

    python -m tests.benchmarks.streaming --model dcgan --size 64 --batch-size 64 --workers 2

Random pictures are written to a file, which the system then has cached: what is measured is what
reading, sending and waiting cost, not the disk. The same steps on pictures in memory stand beside.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from gancli import hardware, registry
from gancli.config import preset, resolve
from gancli.data.rows import Rows, RowWriter
from gancli.gan import Shape
from gancli.training.precision import FORMATS, choose
from gancli.training.resident import Augmentation, ResidentDataset, order
from gancli.training.streaming import StreamingDataset
from gancli.training.trainer import Trainer


def written(path: Path, count: int, size: int) -> Rows:
    """Random pictures, (count, 1, size, size, 3), in a file."""
    noise = np.random.default_rng(0)
    with path.open("w+b") as file:
        into = RowWriter(file)
        for start in range(0, count, 500):
            some = (min(500, count - start), 1, size, size, 3)
            into.append(noise.integers(0, 256, some, np.uint8))
        return into.rows()


def alone(data: StreamingDataset, batch_size: int, seconds: float) -> float:
    """Images a second of the source when nothing else is done."""
    began, done = time.perf_counter(), 0

    def index_at(start: int) -> torch.Tensor:
        return order(1, len(data), start, start + batch_size)

    while (spent := time.perf_counter() - began) < seconds:
        data.fetch(done, batch_size, index_at)
        done += batch_size
    return done / spent


def timed(trainer: Trainer, steps: int) -> tuple[float, float]:
    """Images a second of training, and the share of it that waited, after four steps to warm up."""
    for _ in range(4):
        trainer.step()
    trainer.meter.read()  # waits for the device
    before = getattr(trainer.data, "waited", 0.0)
    began = time.perf_counter()
    for _ in range(steps):
        trainer.step()
    trainer.meter.read()
    spent = time.perf_counter() - began
    waited = getattr(trainer.data, "waited", 0.0) - before
    return steps * trainer.config.batch_size / spent, waited / spent


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="dcgan")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--precision", default="auto")
    asked = parser.parse_args()
    hardware.prepare()
    device = hardware.device()
    precision, _ = choose(asked.precision, device)
    module = registry.load("models", asked.model)
    typed = {"width": asked.width, "batch_size": asked.batch_size, "epochs": 1000}
    shape = Shape(channels=3, size=asked.size)
    values = preset(asked.model, module.preset, "default", shape)
    settings, config = resolve(module.Settings, values, typed, asked.model)
    found: dict[str, object] = {**vars(asked), "device": device.type, "precision": precision}
    with tempfile.TemporaryDirectory() as room:
        rows = written(Path(room, "pictures"), asked.count, asked.size)
        held = torch.from_numpy(np.array(rows.mapped()[:, 0]))
        streamed = StreamingDataset(
            rows, None, 0, device, augmentation=Augmentation(), workers=asked.workers
        )
        found["workers"] = streamed.workers
        found["source_images_per_second"] = round(alone(streamed, asked.batch_size, 3))
        resident = ResidentDataset(held, None, 0, device)
        for name, data in (("resident", resident), ("streamed", streamed)):
            gan = module.build(settings, shape).to(device)
            gan = gan.to(memory_format=torch.channels_last)
            trainer = Trainer(gan, data, config, precision=FORMATS[precision])
            speed, waited = timed(trainer, asked.steps)
            found[f"{name}_images_per_second"] = round(speed, 1)
        found["share_waited"] = round(waited, 4)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
