"""The trainer against the plain loop that everyone writes, on the same networks, pair by pair.

    python -m tests.benchmarks.train_step --model dcgan --size 28 --batch-size 128
    python -m tests.benchmarks.train_step --all --json

The plain loop: torch's own layers, float32, default layout, a DataLoader over a Dataset, two
torch.optim.Adam, one fake for both updates, three `.item()` a step. It runs in a process of its
own, which nothing of ours has set up. Machines are noisy: all is timed in turns, and the median of
the pairwise ratios counts. The limit is what the step's convolutions and matrix products take
alone, see `operators`.
"""

import argparse
import dataclasses
import json
import multiprocessing
import statistics
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing.connection import Connection

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from gancli import hardware, registry
from gancli.config import Training, preset, resolve
from gancli.errors import UsageError
from gancli.gan import GAN, Batch, Shape
from gancli.training import health
from gancli.training.precision import FORMATS, choose
from gancli.training.resident import ResidentDataset
from gancli.training.trainer import Trainer
from tests.benchmarks import operators, stock, timing

COUNT = (
    500  # pictures, or as many as it takes to look at one step in health.EVERY, as training does
)
SIZES = (28, 64, 128, 256)
BATCH = {28: 128, 64: 64, 128: 16, 256: 4}  # by size, unless one is asked for
PAIRS_BATCH = 4  # at most, of models that learn from pairs
TURN = 1.0  # seconds of the plain loop in a turn, unless a number of steps is asked for
MOST = 10  # steps in such a turn


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


class Case:
    """One model at one size, ready to be stepped by both loops."""

    def __init__(self, model: str, size: int, options: argparse.Namespace) -> None:
        """Raises UsageError where the model cannot be built for `size`."""
        self.model, self.device = model, hardware.device(options.device)
        module = registry.load("models", model)
        pairs = registry.declared("models", model, "PAIRS")
        batch = options.batch_size or min(BATCH.get(size, 16), PAIRS_BATCH if pairs else COUNT)
        typed = {} if options.own else {"width": options.width, "batch_size": batch}
        known = {f.name for f in dataclasses.fields(module.Settings)} | {"batch_size"}
        typed = {k: v for k, v in typed.items() if k in known}
        channels = options.channels or (1 if size == 28 and not pairs else 3)
        self.shape = Shape(
            channels=channels, size=size, classes=10, source=channels if pairs else 0
        )
        values = preset(model, module.preset, options.preset, self.shape)
        self.settings, self.config = resolve(module.Settings, values, typed, model)
        self.build = partial(module.build, self.settings, self.shape)
        self.precision, self.why = choose(options.precision, self.device)
        count = max(COUNT, health.EVERY * self.config.batch_size)
        self.images = torch.randint(0, 256, (count, channels, size, size), dtype=torch.uint8)
        self.labels = torch.arange(count) % 10

    def plain(self) -> Iterator[None]:
        gan = self.build()
        stock.of(gan)
        return plain_loop(gan.to(self.device), self.images, self.labels, self.config)

    def trainer(self, capture: bool = True) -> Trainer:
        gan = self.build().to(self.device, memory_format=torch.channels_last)
        nhwc = self.images.permute(0, 2, 3, 1)
        sources = nhwc if self.shape.source else None
        data = ResidentDataset(nhwc, self.labels, 10, self.device, sources=sources)
        precision = FORMATS[self.precision]
        return Trainer(gan, data, self.config, precision=precision, capture=capture)


class Elsewhere:
    """The plain loop of a case, in a process of its own: each call is a step of it."""

    def __init__(self, model: str, size: int, options: argparse.Namespace) -> None:
        context = multiprocessing.get_context("spawn")
        self._here, there = context.Pipe()
        self._process = context.Process(target=_serve, args=(there, model, size, options))

    def __enter__(self) -> "Elsewhere":
        self._process.start()
        return self

    def __call__(self) -> None:
        self._here.send("step")
        self._here.recv()

    def __exit__(self, *failure: object) -> None:
        self._process.terminate()
        self._process.join()


def _serve(asked: Connection, model: str, size: int, options: argparse.Namespace) -> None:
    loop = Case(model, size, options).plain()
    while True:
        asked.recv()
        next(loop)
        asked.send("done")


def peak_memory(model: str, size: int, options: argparse.Namespace) -> int | None:
    """Bytes that training holds at most. For a process of its own: what is freed is kept."""
    hardware.prepare(sizes_repeat=True)
    case = Case(model, size, options)
    trainer = case.trainer()
    for _ in range(3):
        trainer.step()
    return timing.peak_memory(trainer.step, case.device)


def measure(case: Case, plain: "Elsewhere", rounds: int, steps: int | None) -> dict[str, object]:
    """Both loops and the limit, in turns of `steps`, or of a second."""
    device, size = case.device, case.config.batch_size
    trainer, eager = case.trainer(), case.trainer(capture=False)
    flops, heavy = operators.flops(eager.step), operators.recorded(eager.step)
    for _ in range(3):
        plain()
        trainer.step()
    if steps is None:
        steps = min(MOST, 1 + int(TURN / timing.seconds(plain, 1, device)))
    calls = {"plain": plain, "ours": trainer.step, "alone": heavy.alone}
    timed = timing.in_turns(calls, rounds, steps, device)
    ours = statistics.median(timed["ours"])
    return {
        "model": case.model,
        "shape": [case.shape.channels, case.shape.size, case.shape.size],
        "width": getattr(case.settings, "width", None),
        "batch_size": size,
        "device": device.type,
        "threads": torch.get_num_threads(),
        "precision": f"{case.precision} ({case.why})",
        "plain_images_per_second": round(size / statistics.median(timed["plain"])),
        "images_per_second": round(size / ours),
        "ms_a_step": round(ours * 1e3, 2),
        "times_plain": timing.ratios(timed["plain"], timed["ours"]),
        "gflop_an_image": round(flops / size / 1e9, 3),
        "gflops": round(flops / ours / 1e9, 1),
        "gflops_of_the_operators_alone": round(flops / statistics.median(timed["alone"]) / 1e9),
        "share_of_the_limit": timing.ratios(timed["alone"], timed["ours"]),
    }


COLUMNS = (
    *("model", "shape", "width", "batch_size", "images_per_second", "ms_a_step", "times_plain"),
    *("gflop_an_image", "gflops", "share_of_the_limit", "peak_megabytes"),
)


def shown(found: dict[str, object]) -> dict[str, object]:
    """A row of the table: ratios by their medians."""
    row = {name: found[name] for name in COLUMNS}
    return {k: v["median"] if isinstance(v, dict) else v for k, v in row.items()}


def asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    names = registry.names("models")
    parser.add_argument("--model", nargs="+", default=["dcgan"], choices=names)
    parser.add_argument("--size", nargs="+", type=int, default=[28])
    parser.add_argument("--all", action="store_true", help="every model at every size")
    parser.add_argument("--own", action="store_true", help="each model's own width and batch size")
    parser.add_argument("--preset", default="default", choices=("default", "paper"))
    parser.add_argument("--channels", type=int, help="1 at 28 pixels, else 3")
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--batch-size", type=int, help=f"by size: {BATCH}")
    parser.add_argument("--precision", default="auto", choices=("auto", "fp32", "bf16"))
    parser.add_argument("--device", default="auto")
    parser.add_argument("--rounds", type=int, default=9, help="times that each is timed")
    parser.add_argument("--steps", type=int, help=f"else a second's, at most {MOST}")
    parser.add_argument("--json", action="store_true", help="a line for each case")
    options = parser.parse_args()
    if options.all:
        options.model, options.size = names, list(SIZES)
    return options


def main() -> None:
    options = asked()
    hardware.prepare(sizes_repeat=True)
    rows = []
    for model, size in ((m, s) for m in options.model for s in options.size):
        try:
            case = Case(model, size, options)
            with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as alone:
                peak = alone.submit(peak_memory, model, size, options).result()
            with Elsewhere(model, size, options) as plain:
                found = measure(case, plain, options.rounds, options.steps)
            found["peak_megabytes"] = None if peak is None else round(peak / 1e6)
        except UsageError as error:
            print(f"{model} at {size} pixels: {error}", file=sys.stderr)
            continue
        rows.append(shown(found))
        print(json.dumps(found) if options.json else f"{rows[-1]}", flush=True)
    if not options.json:
        print("\n" + timing.table(rows))


if __name__ == "__main__":
    main()
