"""Time `gan sample`, `sweep`, `interpolate` and `translate`, with and without start-up.

    python -m tests.benchmarks.play

"End to end" is a complete `gan ...` process, from its start until its files are written. "After
start-up" is the same work in this process, with the generator already loaded. The generators are
untrained, which does not change their speed.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from gancli import images
from gancli.sampling import films, generator, samples, translate
from tests.benchmarks import timing
from tests.benchmarks.generators import write_generators
from tests.benchmarks.startup import run

RECIPE = {"command": "gan sample REF", "model": "dcgan", "sha256": "0" * 64, "version": "0"}
SIDE = 256  # width and height in pixels of the picture to translate


def jobs(folder: Path, count: int) -> dict[str, tuple[int, str, Callable[[Path], object]]]:
    """What is timed, by name: the number of pictures, the command, and the same work in-process.

    OUT in a command stands for the path of its result.
    """
    dcgan, acgan, unet = (
        generator.load(folder / "runs" / f"{name}-drawn" / "generator.safetensors")
        for name in ("dcgan", "acgan", "pix2pix")
    )
    source = folder / "in.png"
    images.save_png(source, np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8))
    frames = 9 * 50  # 9 transitions between 10 classes
    return {
        "sample, one grid": (
            count,
            f"sample dcgan --count {count} --out OUT.png",
            lambda out: samples.save(dcgan, range(count), [], out.with_suffix(".png"), RECIPE),
        ),
        "sample, a folder": (
            count,
            f"sample dcgan --count {count} --out OUT",
            lambda out: samples.save(dcgan, range(count), [], out, RECIPE),
        ),
        "sweep, a .gif": (
            frames,
            "sweep acgan --steps 50 --out OUT.gif",
            lambda out: films.sweep(acgan, [0], range(10), 50, 1).save(out.with_suffix(".gif")),
        ),
        "interpolate, a .gif": (
            150,
            "interpolate dcgan --seeds 0-3 --steps 50 --out OUT.gif",
            lambda out: films.interpolate(dcgan, range(4), 50).save(out.with_suffix(".gif")),
        ),
        "translate, 256x256": (
            1,
            "translate pix2pix in.png --out OUT.png",
            lambda out: translate.save_picture(
                unet, source, [out.with_suffix(".png")], 0, False, lambda _: RECIPE
            ),
        ),
    }


def measure(folder: Path, count: int, rounds: int) -> list[dict[str, object]]:
    """Time every job `rounds` times; return one row of the table each, with medians."""
    rows = []
    for name, (pictures, words, work) in jobs(folder, count).items():
        end_to_end, in_process = [], []
        for number in range(rounds):
            start = time.perf_counter()
            command = words.replace("OUT", f"end-{len(rows)}-{number}").split()
            run([sys.executable, "-m", "gancli", *command], folder)
            end_to_end.append(time.perf_counter() - start)
            start = time.perf_counter()
            work(folder / f"in-process-{len(rows)}-{number}")
            in_process.append(time.perf_counter() - start)
        total, inner = statistics.median(end_to_end), statistics.median(in_process)
        rows.append(
            {
                "what": name,
                "pictures": pictures,
                "seconds end to end": round(total, 2),
                "pictures/s end to end": round(pictures / total, 1),
                "seconds after start-up": round(inner, 2),
                "pictures/s after start-up": round(pictures / inner, 1),
                "threads": torch.get_num_threads(),
            }
        )
    return rows


def main() -> None:
    """Print a table, or with --json one JSON object per line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=10_000, help="pictures to sample")
    parser.add_argument("--rounds", type=int, default=3, help="times each is timed")
    parser.add_argument("--json", action="store_true", help="print one JSON object per line")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        write_generators(Path(name))
        rows = measure(Path(name), options.count, options.rounds)
    print("\n".join(map(json.dumps, rows)) if options.json else timing.table(rows))


if __name__ == "__main__":
    main()
