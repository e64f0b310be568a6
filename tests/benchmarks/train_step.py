"""Compare the speed of our trainer with that of the usual training loop, on the same networks.

    python -m tests.benchmarks.train_step --model dcgan --size 28 --batch-size 128
    python -m tests.benchmarks.train_step --all --json

The baseline is the loop of most tutorials: torch's own layers, float32, the default memory layout,
a DataLoader over a Dataset, two torch.optim.Adam, one fake batch for both updates, and three
`.item()` calls per step. It runs in a separate process, so that our settings of torch do not affect
it.

Other work on a machine disturbs timings, so both loops take turns, and the result is the median of
the ratios within each round. Both are also compared with a limit: the time that the convolutions
and matrix products of a step take alone, see `operators`.
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
from gancli.data.pictures import places
from gancli.errors import UsageError
from gancli.gan import GAN, Batch, Shape
from gancli.training import health
from gancli.training.precision import FORMATS, choose
from gancli.training.resident import ResidentDataset
from gancli.training.trainer import Trainer
from tests.benchmarks import operators, stock, timing

COUNT = 500  # pictures in the dataset, at least
SIZES = (28, 64, 128, 256)
BATCH = {28: 128, 64: 64, 128: 16, 256: 4}  # by size; --batch-size overrides it
PAIRS_BATCH = 4  # the largest batch of models that learn from pairs
TURN = 1.0  # seconds that the baseline runs in a turn; --steps overrides it
MAX_STEPS = 10  # steps in such a turn, at most


class Pictures(Dataset[tuple[Tensor, Tensor]]):
    """A dataset in memory that converts its pictures one by one, as torchvision's transforms do.

    `images` are uint8 (N, C, H, W), `labels` class numbers (N,).
    """

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        self.images, self.labels = images, labels

    def __len__(self) -> int:
        """The number of pictures."""
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """One picture as float32 in [-1, 1], and its label."""
        return self.images[index].float() / 127.5 - 1, self.labels[index]


def baseline_loop(gan: GAN, images: Tensor, labels: Tensor, config: Training) -> Iterator[None]:
    """Train with the usual loop; yields after every step."""
    device = next(gan.parameters()).device
    betas = (config.beta1, config.beta2)
    g_adam = torch.optim.Adam(gan.generator.parameters(), lr=config.lr, betas=betas)
    d_adam = torch.optim.Adam(gan.discriminator.parameters(), lr=config.lr, betas=betas)
    loader = DataLoader(Pictures(images, labels), config.batch_size, shuffle=True, drop_last=True)
    one_hot = torch.eye(gan.shape.classes)
    while True:
        for real, label in loader:
            # A model of pairs gets the same picture twice: the content does not change the speed.
            source = real.to(device) if gan.shape.source else None
            batch = Batch(image=real.to(device), label=one_hot[label].to(device), source=source)
            inputs = gan.draw(batch)
            fake = gan.fake(inputs)  # one forward pass of the generator serves both updates
            d_adam.zero_grad()
            d_loss, d_metrics = gan.discriminator_loss(batch, inputs, fake.detach())
            d_loss.backward()
            d_adam.step()
            g_adam.zero_grad()
            g_loss, _ = gan.generator_loss(batch, inputs, fake)
            g_loss.backward()
            g_adam.step()
            # What tutorials log; on a GPU, every .item() waits for the device.
            _ = d_loss.item(), g_loss.item(), next(iter(d_metrics.values())).item()
            yield


class Case:
    """One model at one picture size, from which both loops can be built."""

    def __init__(self, model: str, size: int, options: argparse.Namespace) -> None:
        """Raises UsageError if the model cannot be built for `size`."""
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
        self.precision, self.why = choose(options.precision, self.device, places().cache, print)
        # One step in health.EVERY also checks the health of the run. An epoch must be that long, so
        # that the check costs here what it costs in training.
        count = max(COUNT, health.EVERY * self.config.batch_size)
        self.images = torch.randint(0, 256, (count, channels, size, size), dtype=torch.uint8)
        self.labels = torch.arange(count) % 10

    def baseline(self) -> Iterator[None]:
        """The usual loop on a new copy of the model, with torch's own layers."""
        gan = self.build()
        stock.of(gan)
        return baseline_loop(gan.to(self.device), self.images, self.labels, self.config)

    def trainer(self, capture: bool = True) -> Trainer:
        """Our trainer on a new copy of the model; without `capture`, it uses no CUDA graphs."""
        gan = self.build().to(self.device, memory_format=torch.channels_last)
        nhwc = self.images.permute(0, 2, 3, 1)
        sources = nhwc if self.shape.source else None
        data = ResidentDataset(nhwc, self.labels, 10, self.device, sources=sources)
        precision = FORMATS[self.precision]
        return Trainer(gan, data, self.config, precision=precision, capture=capture)


class BaselineProcess:
    """The baseline of a case in a separate process: each call runs one step of it and waits."""

    def __init__(self, model: str, size: int, options: argparse.Namespace) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, remote = context.Pipe()
        self._process = context.Process(target=_serve, args=(remote, model, size, options))

    def __enter__(self) -> "BaselineProcess":
        """Start the process."""
        self._process.start()
        return self

    def __call__(self) -> None:
        """Run one step."""
        self._connection.send("step")
        self._connection.recv()

    def __exit__(self, *failure: object) -> None:
        """End the process."""
        self._process.terminate()
        self._process.join()


def _serve(connection: Connection, model: str, size: int, options: argparse.Namespace) -> None:
    """Run one step for each message, until the process is terminated."""
    loop = Case(model, size, options).baseline()
    while True:
        connection.recv()
        next(loop)
        connection.send("done")


def peak_memory(model: str, size: int, options: argparse.Namespace) -> int | None:
    """Peak memory of our trainer in bytes, None if unknown.

    Call it in a new process: torch keeps memory that it has freed, and that would count too.
    """
    hardware.prepare(sizes_repeat=True)
    case = Case(model, size, options)
    trainer = case.trainer()
    for _ in range(3):
        trainer.step()
    return timing.peak_memory(trainer.step, case.device)


def measure(
    case: Case, baseline: BaselineProcess, rounds: int, steps: int | None
) -> dict[str, object]:
    """Time both loops and the limit in turns of `steps` steps, or of about a second if None."""
    device, size = case.device, case.config.batch_size
    trainer, eager = case.trainer(), case.trainer(capture=False)
    flops, heavy = operators.flops(eager.step), operators.recorded(eager.step)
    for _ in range(3):
        baseline()
        trainer.step()
    if steps is None:
        steps = min(MAX_STEPS, 1 + int(TURN / timing.seconds(baseline, 1, device)))
    calls = {"baseline": baseline, "ours": trainer.step, "alone": heavy.alone}
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
        "baseline_images_per_second": round(size / statistics.median(timed["baseline"])),
        "images_per_second": round(size / ours),
        "ms_per_step": round(ours * 1e3, 2),
        "speedup": timing.ratios(timed["baseline"], timed["ours"]),
        "gflop_per_image": round(flops / size / 1e9, 3),
        "gflops": round(flops / ours / 1e9, 1),
        "gflops_of_the_operators_alone": round(flops / statistics.median(timed["alone"]) / 1e9),
        "share_of_the_limit": timing.ratios(timed["alone"], timed["ours"]),
    }


COLUMNS = (
    *("model", "shape", "width", "batch_size", "images_per_second", "ms_per_step", "speedup"),
    *("gflop_per_image", "gflops", "share_of_the_limit", "peak_megabytes"),
)


def table_row(found: dict[str, object]) -> dict[str, object]:
    """The columns of the table from what `measure` found; of ratios only the medians."""
    row = {name: found[name] for name in COLUMNS}
    return {k: v["median"] if isinstance(v, dict) else v for k, v in row.items()}


def parse_args() -> argparse.Namespace:
    """Parse the command line; --all selects every model and size."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    names = registry.names("models")
    parser.add_argument("--model", nargs="+", default=["dcgan"], choices=names)
    parser.add_argument("--size", nargs="+", type=int, default=[28])
    parser.add_argument("--all", action="store_true", help="all models at all sizes")
    parser.add_argument(
        "--own", action="store_true", help="use each model's default width and batch size"
    )
    parser.add_argument("--preset", default="default", choices=("default", "paper"))
    parser.add_argument("--channels", type=int, help="default: 1 at 28 pixels, else 3")
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--batch-size", type=int, help=f"default by size: {BATCH}")
    parser.add_argument("--precision", default="auto", choices=("auto", "fp32", "bf16"))
    parser.add_argument("--device", default="auto")
    parser.add_argument("--rounds", type=int, default=9, help="times each is timed")
    parser.add_argument(
        "--steps", type=int, help=f"steps per timing; default: a second, at most {MAX_STEPS} steps"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object per line")
    options = parser.parse_args()
    if options.all:
        options.model, options.size = names, list(SIZES)
    return options


def main() -> None:
    """Measure every case; print one line each, then a table unless --json is given."""
    options = parse_args()
    hardware.prepare(sizes_repeat=True)
    rows = []
    for model, size in ((m, s) for m in options.model for s in options.size):
        try:
            case = Case(model, size, options)
            with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as executor:
                peak = executor.submit(peak_memory, model, size, options).result()
            with BaselineProcess(model, size, options) as baseline:
                found = measure(case, baseline, options.rounds, options.steps)
            found["peak_megabytes"] = None if peak is None else round(peak / 1e6)
        except UsageError as error:
            print(f"{model} at {size} pixels: {error}", file=sys.stderr)
            continue
        rows.append(table_row(found))
        print(json.dumps(found) if options.json else f"{rows[-1]}", flush=True)
    if not options.json:
        print("\n" + timing.table(rows))


if __name__ == "__main__":
    main()
