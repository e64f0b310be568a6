"""The trainer against the plain loop that everyone writes, on the same networks, pair by pair.

    python -m tests.benchmarks.train_step --model dcgan --width 64 --batch-size 128

The plain loop: float32, default layout, a DataLoader over a Dataset, two torch.optim.Adam, one fake
for both updates, three `.item()` a step. Machines are noisy: both are timed in turns within one
process, and the median of the pairwise ratios counts.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from gancli import hardware, registry
from gancli.config import Training, resolve
from gancli.gan import GAN, Batch, Shape
from gancli.resident import Resident
from gancli.trainer import Trainer

COUNT = 500  # pictures


class Pictures(Dataset[tuple[Tensor, Tensor]]):
    """Pictures converted one by one, as transforms do."""

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        self.images, self.labels = images, labels

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.images[index].float() / 127.5 - 1, self.labels[index]


def plain_loop(gan: GAN, images: Tensor, labels: Tensor, config: Training) -> Iterator[None]:
    """The loop of the tutorials; yields after every step."""
    device = next(gan.parameters()).device
    betas = (config.beta1, config.beta2)
    g_adam = torch.optim.Adam(gan.generator.parameters(), lr=config.lr, betas=betas)
    d_adam = torch.optim.Adam(gan.discriminator.parameters(), lr=config.lr, betas=betas)
    loader = DataLoader(Pictures(images, labels), config.batch_size, shuffle=True, drop_last=True)
    one_hot = torch.eye(gan.shape.classes)
    while True:
        for real, label in loader:
            source = real.to(device) if gan.shape.source else None
            batch = Batch(image=real.to(device), label=one_hot[label].to(device), source=source)
            inputs = gan.draw(batch)
            fake = gan.fake(inputs)
            d_adam.zero_grad()
            d_loss, d_metrics = gan.discriminator_loss(batch, inputs, fake.detach())
            d_loss.backward()
            d_adam.step()
            g_adam.zero_grad()
            g_loss, _ = gan.generator_loss(batch, inputs, fake)
            g_loss.backward()
            g_adam.step()
            _ = d_loss.item(), g_loss.item(), next(iter(d_metrics.values())).item()
            yield


def trainer_steps(trainer: Trainer) -> Iterator[None]:
    while True:
        trainer.step()
        yield


def seconds(steps: Iterator[None], count: int, wait: Callable[[], None]) -> float:
    began = time.perf_counter()
    for _ in range(count):
        next(steps)
    wait()
    return (time.perf_counter() - began) / count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="dcgan", choices=registry.names("models"))
    parser.add_argument("--size", type=int, default=28)
    parser.add_argument("--channels", type=int, default=1)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--precision", default="auto", choices=("auto", "fp32", "bf16"))
    parser.add_argument("--device", default="auto")
    parser.add_argument("--rounds", type=int, default=9, help="pairs timed")
    parser.add_argument("--steps", type=int, default=10, help="steps in each half of a pair")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()

    device = hardware.device(options.device)
    module = registry.load("models", options.model)
    typed = {"width": options.width, "batch_size": options.batch_size}
    settings, config = resolve(module.Settings, module.PRESETS["default"], typed, options.model)
    pairs = registry.declared("models", options.model, "PAIRS")
    source = options.channels if pairs else 0
    shape = Shape(channels=options.channels, size=options.size, classes=10, source=source)
    images = torch.randint(
        0, 256, (COUNT, shape.channels, shape.size, shape.size), dtype=torch.uint8
    )
    labels = torch.arange(COUNT) % 10
    precision, why = hardware.precision(options.precision, device)

    plain = plain_loop(module.build(settings, shape).to(device), images, labels, config)
    gan = module.build(settings, shape).to(device, memory_format=torch.channels_last)
    nhwc = images.permute(0, 2, 3, 1)
    data = Resident(nhwc, labels, 10, device, sources=nhwc if pairs else None)
    trainer = Trainer(gan, data, config, precision=hardware.FORMATS[precision])
    ours = trainer_steps(trainer)

    wait = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    for steps in (plain, ours):
        seconds(steps, 5, wait)
    timed = [
        (seconds(plain, options.steps, wait), seconds(ours, options.steps, wait))
        for _ in range(options.rounds)
    ]
    size = config.batch_size
    found = {
        "model": options.model,
        "shape": [shape.channels, shape.size, shape.size],
        "width": options.width,
        "batch_size": size,
        "device": device.type,
        "threads": torch.get_num_threads(),
        "precision": f"{precision} ({why})",
        "plain_images_per_second": round(size / statistics.median(a for a, _ in timed)),
        "ours_images_per_second": round(size / statistics.median(b for _, b in timed)),
        "ratio_median": round(statistics.median(a / b for a, b in timed), 2),
        "ratio_min": round(min(a / b for a, b in timed), 2),
        "ratio_max": round(max(a / b for a, b in timed), 2),
    }
    if options.json:
        print(json.dumps(found))
    else:
        print("\n".join(f"{key:26} {value}" for key, value in found.items()))


if __name__ == "__main__":
    main()
