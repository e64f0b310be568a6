"""Time how long commands take to start, and list the heavy modules that each imports.

python -m tests.benchmarks.startup
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks import timing
from tests.benchmarks.generators import write_generators

HEAVY = ("torch", "torchvision", "numpy", "PIL", "imageio", "safetensors", "rich", "typer")
COMMANDS = (
    "--help",
    *(f"{c} --help" for c in ("train", "sample", "sweep", "interpolate", "translate", "evaluate")),
    "datasets --help",
    "datasets list",
    "sample dcgan --count 1 --out one.png",
)


def timed(words: str, folder: Path, rounds: int) -> dict[str, object]:
    """Run `gan WORDS` `rounds` times; return the median and minimum time, and its heavy imports."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        run([sys.executable, "-m", "gancli", *words.split()], folder)
        times.append(time.perf_counter() - start)
    return {
        "command": f"gan {words}",
        "median ms": round(1e3 * statistics.median(times)),
        "min ms": round(1e3 * min(times)),
        "imports": ", ".join(imports(words, folder)),
    }


def imports(words: str, folder: Path) -> list[str]:
    """The modules of HEAVY that `gan WORDS` imports."""
    command = [sys.executable, "-X", "importtime", "-m", "gancli", *words.split()]
    found = {line.rpartition("|")[2].strip() for line in run(command, folder).splitlines()}
    return [name for name in HEAVY if name in found]


def run(command: list[str], folder: Path) -> str:
    """Run `command` in `folder` and return its stderr; raises CalledProcessError if it fails."""
    # `folder` is not the repository, so the process needs its path to import gancli from it.
    paths = [str(Path(__file__).parents[2]), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    return done.stderr


def main() -> None:
    """Print a table, or with --json one JSON object per line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7, help="times each command is run")
    parser.add_argument("--json", action="store_true", help="print one JSON object per line")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        write_generators(Path(name))
        rows = [timed(words, Path(name), options.rounds) for words in COMMANDS]
    print("\n".join(map(json.dumps, rows)) if options.json else timing.table(rows))


if __name__ == "__main__":
    main()
