"""Let trainings die or go wrong, and check how they recover: `python -m tests.crash`."""

import argparse
import os
import random
import sys
import tempfile
import time
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported: no threads, so that it can fork

from gancli import registry
from tests.crash import cases


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--models", nargs="+", default=["all"], metavar="MODEL")
    parser.add_argument("--deaths", type=int, default=20, help="kills at random moments per model")
    parser.add_argument("--every", type=int, default=1, help="die at each Nth file operation")
    parser.add_argument("--faults", type=int, default=8, help="runs with NaN or infinity per model")
    parser.add_argument("--collapses", type=int, default=2, help="runs that collapse per model")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    models = registry.names("models") if options.models == ["all"] else options.models
    failures = 0
    print(f"{'model':8} {'kind':11} {'cases':>5} {'failures':>8} {'leftovers':>9} {'seconds':>7}")
    with tempfile.TemporaryDirectory() as room:
        os.environ["XDG_CACHE_HOME"] = room
        for model in models:
            failures += _run(model, Path(room) / model, options)
    return int(failures > 0)


def _run(model: str, room: Path, options: argparse.Namespace) -> int:
    """Run all kinds of cases for a model, print a line for each, and return the failures."""
    rng = random.Random(f"{model} {options.seed}")
    kinds = {
        "killed": lambda: cases.killed(model, room, options.deaths, rng),
        "operations": lambda: cases.operations(
            model, room, options.every, rng.randint(1, options.every)
        ),
        "replacing": lambda: cases.replacements(
            model, room, options.every, rng.randint(1, options.every)
        ),
        "faults": lambda: cases.faults(model, room, options.faults, rng),
        "collapses": lambda: cases.collapses(model, room, options.collapses, rng),
    }
    failures = 0
    for kind, run in kinds.items():
        began = time.perf_counter()
        found = [*run()]
        problems = [problem for problem in found if problem]
        left = sum("leftover" in problem for problem in problems)
        seconds = time.perf_counter() - began
        print(f"{model:8} {kind:11} {len(found):5} {len(problems):8} {left:9} {seconds:7.1f}")
        print(*problems, sep="\n", end="\n" * bool(problems), flush=True)
        failures += len(problems)
    return failures


if __name__ == "__main__":
    sys.exit(main())
