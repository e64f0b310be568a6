"""Compare the speed of training alone and beside busy processes, under several environments.

    python -m tests.benchmarks.beside --model dcgan --busy 1
    python -m tests.benchmarks.beside "GOMP_SPINCOUNT=10000" "OMP_NUM_THREADS=1"

Each environment (`NAME=VALUE`, several separated by commas) is a process of its own, and so is the
default one. They take turns, alone and beside `--busy` processes that only count.
"""

import argparse
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import time

from tests.benchmarks import timing


def child(model: str, seconds: float, options: list[str]) -> None:
    """Train for `seconds` and print the number of images per second."""
    from gancli import hardware
    from tests.benchmarks import train_step

    hardware.prepare(sizes_repeat=True)
    sys.argv = ["train_step", *options]
    parsed = train_step.parse_args()
    trainer = train_step.Case(model, parsed.size[0], parsed).trainer()
    for _ in range(3):
        trainer.step()
    steps, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        trainer.step()
        steps += 1
    took = time.perf_counter() - start
    print(json.dumps(steps * trainer.config.batch_size / took))


def count() -> None:
    """Keep one core busy for good."""
    while True:
        pass


def rate(environment: str, model: str, seconds: float, options: list[str]) -> float:
    """Images per second of a new process with `environment`."""
    added = dict(pair.split("=", 1) for pair in environment.split(",") if pair)
    child = [sys.executable, "-m", __spec__.name, "--child"]
    done = subprocess.run(
        [*child, "--model", model, "--seconds", str(seconds), *options],
        env={**os.environ, **added},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return float(done.stdout.splitlines()[-1])


def main() -> None:
    """Measure every environment in turns and print a table of medians."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("environments", nargs="*", default=[])
    parser.add_argument("--model", default="dcgan")
    parser.add_argument("--busy", type=int, default=1, help="processes that train beside it")
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    parsed, options = parser.parse_known_args()
    if parsed.child:
        child(parsed.model, parsed.seconds, options)
        return
    environments = ["", *parsed.environments]
    found: dict[str, dict[str, list[float]]] = {
        e: {"alone": [], "beside": []} for e in environments
    }
    for _ in range(parsed.rounds):
        for where in ("alone", "beside"):
            busy = [
                multiprocessing.Process(target=count, daemon=True)
                for _ in range(parsed.busy if where == "beside" else 0)
            ]
            for process in busy:
                process.start()
            for environment in environments:
                speed = rate(environment, parsed.model, parsed.seconds, options)
                found[environment][where].append(speed)
            for process in busy:
                process.terminate()
    own = statistics.median(found[""]["alone"])
    print(timing.table([_row(name or "(default)", both, own) for name, both in found.items()]))


def _row(name: str, found: dict[str, list[float]], own: float) -> dict[str, object]:
    """Medians of images per second, and as a share of `own`, those of the default alone."""
    medians = {where: statistics.median(speeds) for where, speeds in found.items()}
    shares = {f"{where}, share": f"{speed / own:.2f}" for where, speed in medians.items()}
    return {"environment": name, **{w: round(m) for w, m in medians.items()}, **shares}


if __name__ == "__main__":
    main()
