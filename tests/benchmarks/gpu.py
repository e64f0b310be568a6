"""Check everything that needs a GPU, then print a table of its speed beside the targets.

    python -m tests.benchmarks.gpu

The checks are the tests marked `gpu`. The exit code is 1 without a GPU, or if a check fails
or a target is missed.
"""

import argparse
import gc
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from gancli import hardware
from gancli.config import Job
from gancli.reporting import silent
from gancli.training import health
from gancli.training.prepare import prepare
from gancli.training.run import Run
from tests.benchmarks import timing
from tests.benchmarks.train_step import Case

ROOT = Path(__file__).parents[2]
Target = tuple[str, int, int, int, "int | None", "float | None"]
TARGETS: tuple[Target, ...] = (
    # model, pixels, width, batch size, images per second, speed-up of captured over eager steps.
    # A CUDA graph saves the time to launch kernels, which shows only if a step is little work for
    # the GPU. DCGAN at 64 pixels keeps it busy anyway (0.55 TFLOP per step), so has no such target.
    ("dcgan", 28, 64, 512, 250_000, 3.0),
    ("dcgan", 64, 64, 512, 100_000, None),
    ("pix2pix", 256, 64, 1, 600, 3.0),
    ("cgan", 28, 64, 512, None, 3.0),
    ("acgan", 28, 64, 512, None, 3.0),
)
RUN_SECONDS = 15.0  # target for 25 epochs of 60,000 pictures, with samples and checkpoints


def checks() -> bool:
    """Run the tests marked `gpu` and return whether they pass; their output is not captured."""
    command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "tests"]
    return subprocess.run(command, cwd=ROOT, check=False).returncode == 0


def speed(
    targets: Sequence[Target], rounds: int, steps: int, device: str = "cuda"
) -> list[dict[str, object]]:
    """Compare captured with eager steps for each of `targets`; return one row of the table each.

    Captured steps replay a CUDA graph, eager ones launch every kernel from Python.
    """
    rows = []
    for model, size, width, batch, target, times in targets:
        gc.collect()  # frees the previous trainers, which are part of reference cycles
        case = Case(model, size, _options(width, batch, device))
        captured = case.trainer()
        # Each kind of step, with and without a health check, runs eagerly three times before it is
        # captured. Only one step in health.EVERY has a check.
        for _ in range(4 * health.EVERY):
            captured.step()
        memory = timing.peak_memory(captured.step, case.device)
        eager = case.trainer(capture=False)
        for _ in range(6):
            eager.step()
        calls = {"captured": captured.step, "eager": eager.step}
        timed = timing.in_turns(calls, rounds, steps, case.device)
        rate = batch / statistics.median(timed["captured"])
        ratio = timing.ratios(timed["eager"], timed["captured"])["median"]
        rows.append(
            {
                "model": model,
                "size": size,
                "batch": batch,
                "precision": case.precision,
                "images/s": round(rate),
                "target": target or "",
                "times eager": ratio,
                "target (eager)": times or "",
                "megabytes": round((memory or 0) / 1e6),
                "met": rate >= (target or 0) and ratio >= (times or 0),
            }
        )
    return rows


def _options(width: int, batch: int, device: str) -> argparse.Namespace:
    """The command-line options of `train_step` that a Case needs."""
    given = {"device": device, "batch_size": batch, "width": width}
    return argparse.Namespace(**given, own=False, channels=None, precision="auto", preset="default")


def whole_run(epochs: int, pictures: int = 60_000, device: str = "cuda") -> dict[str, object]:
    """Time a run of `gan train` on random pictures; start-up and loading are not counted.

    The defaults make it as long as 25 epochs of Fashion-MNIST, for which RUN_SECONDS is the target.
    """
    with tempfile.TemporaryDirectory() as folder:
        job = Job(
            model="dcgan",
            dataset=str(_write_pictures(Path(folder) / "data", pictures)),
            typed={"epochs": epochs, "batch_size": min(512, pictures)},
            device=device,
            out=Path(folder) / "run",
        )
        run = Run(prepare(job, print, silent), print)
        timing.wait(run.prepared.device)
        began = time.perf_counter()
        for _ in run.train():
            pass
        took = time.perf_counter() - began
    return {
        "run": f"{epochs} epochs of {pictures:,}",
        "seconds": round(took, 1),
        "target": RUN_SECONDS,
        "met": took <= RUN_SECONDS * epochs / 25,
    }


def _write_pictures(folder: Path, count: int) -> Path:
    """Write `count` random gray 28x28 pictures under `folder` and return it."""
    from gancli import images

    noise = torch.randint(0, 256, (count, 28, 28, 1), dtype=torch.uint8).numpy()
    for i, picture in enumerate(noise):
        path = folder / "train" / f"{i // 1000:02d}" / f"{i:05d}.png"  # 1000 per class folder
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(images.encode_png(picture))
    return folder


def main() -> int:
    """Run everything, print the tables and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9, help="times each is timed")
    parser.add_argument("--steps", type=int, default=50, help="steps per timing")
    parser.add_argument("--epochs", type=int, default=25, help="epochs of the run")
    options = parser.parse_args()
    if not torch.cuda.is_available():
        print("Nothing was checked: torch does not see a CUDA device.", file=sys.stderr)
        return 1
    hardware.prepare(sizes_repeat=True)
    passed = checks()
    rows = speed(TARGETS, options.rounds, options.steps)
    run = whole_run(options.epochs)
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}\n")
    print(timing.table(rows) + "\n\n" + timing.table([run]))
    print(f"\nChecks: {'passed' if passed else 'FAILED'}.")
    return 0 if passed and all(bool(row["met"]) for row in (*rows, run)) else 1


if __name__ == "__main__":
    raise SystemExit(main())
