"""Time how fast pictures stream from disk, and how long training waits for them.

    python -m tests.benchmarks.streaming --model dcgan --size 64 --batch-size 64 --workers 2

Random pictures are written to a file, which is then in the page cache. So this measures the cost of
reading, sending and waiting, not the speed of the disk. The same training on pictures in memory is
timed for comparison.
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


def write_pictures(path: Path, count: int, size: int) -> Rows:
    """Write random pictures, (count, 1, size, size, 3) in uint8, to `path` and open them."""
    rng = np.random.default_rng(0)
    with path.open("w+b") as file:
        writer = RowWriter(file)
        for start in range(0, count, 500):  # in blocks, so that memory stays small
            shape = (min(500, count - start), 1, size, size, 3)
            writer.append(rng.integers(0, 256, shape, np.uint8))
        return writer.rows()


def source_speed(data: StreamingDataset, batch_size: int, seconds: float) -> float:
    """Images per second that `data` delivers when nothing else runs, over about `seconds`."""
    start_time, done = time.perf_counter(), 0

    def index_at(start: int) -> torch.Tensor:
        return order(1, len(data), start, start + batch_size)

    while (elapsed := time.perf_counter() - start_time) < seconds:
        data.fetch(done, batch_size, index_at)
        done += batch_size
    return done / elapsed


def training_speed(trainer: Trainer, steps: int) -> tuple[float, float]:
    """Images per second over `steps` steps, and the share of that time spent waiting for data."""
    for _ in range(4):  # warm up
        trainer.step()
    trainer.meter.read()  # waits until the device has finished
    before = getattr(trainer.data, "waited", 0.0)
    start = time.perf_counter()
    for _ in range(steps):
        trainer.step()
    trainer.meter.read()
    elapsed = time.perf_counter() - start
    waited = getattr(trainer.data, "waited", 0.0) - before
    return steps * trainer.config.batch_size / elapsed, waited / elapsed


def main() -> None:
    """Measure both ways of reading and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="dcgan")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--count", type=int, default=20_000, help="pictures to write")
    parser.add_argument("--steps", type=int, default=20, help="training steps to time")
    parser.add_argument("--workers", type=int, help="processes that read ahead")
    parser.add_argument("--precision", default="auto")
    options = parser.parse_args()
    hardware.prepare()
    device = hardware.device()
    precision, _ = choose(options.precision, device)
    module = registry.load("models", options.model)
    typed = {"width": options.width, "batch_size": options.batch_size, "epochs": 1000}
    shape = Shape(channels=3, size=options.size)
    values = preset(options.model, module.preset, "default", shape)
    settings, config = resolve(module.Settings, values, typed, options.model)
    found: dict[str, object] = {**vars(options), "device": device.type, "precision": precision}
    with tempfile.TemporaryDirectory() as folder:
        rows = write_pictures(Path(folder, "pictures"), options.count, options.size)
        # Resident data has no dimension of pairs: (count, 1, ...) -> (count, ...).
        held = torch.from_numpy(np.array(rows.mapped()[:, 0]))
        streamed = StreamingDataset(
            rows, None, 0, device, augmentation=Augmentation(), workers=options.workers
        )
        found["workers"] = streamed.workers
        found["source_images_per_second"] = round(source_speed(streamed, options.batch_size, 3))
        for name, data in (
            ("resident", ResidentDataset(held, None, 0, device)),
            ("streamed", streamed),
        ):
            gan = module.build(settings, shape).to(device)
            gan = gan.to(memory_format=torch.channels_last)
            trainer = Trainer(gan, data, config, precision=FORMATS[precision])
            speed, waited = training_speed(trainer, options.steps)
            found[f"{name}_images_per_second"] = round(speed, 1)
        found["share_waited"] = round(waited, 4)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
