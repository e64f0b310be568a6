"""How long commands take before they do anything, and which heavy modules each imports.

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
    """The median and the least of `rounds` processes, and what one imports."""
    took = []
    for _ in range(rounds):
        began = time.perf_counter()
        run([sys.executable, "-m", "gancli", *words.split()], folder)
        took.append(time.perf_counter() - began)
    return {
        "command": f"gan {words}",
        "median ms": round(1e3 * statistics.median(took)),
        "least ms": round(1e3 * min(took)),
        "imports": ", ".join(imports(words, folder)),
    }


def imports(words: str, folder: Path) -> list[str]:
    """Those of HEAVY that `gan WORDS` imports."""
    command = [sys.executable, "-X", "importtime", "-m", "gancli", *words.split()]
    found = {line.rpartition("|")[2].strip() for line in run(command, folder).splitlines()}
    return [name for name in HEAVY if name in found]


def run(command: list[str], folder: Path) -> str:
    """What a process says on stderr, which must end well."""
    paths = [str(Path(__file__).parents[2]), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    return done.stderr


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true", help="a line for each command")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        write_generators(Path(name))
        rows = [timed(words, Path(name), options.rounds) for words in COMMANDS]
    print("\n".join(map(json.dumps, rows)) if options.json else timing.table(rows))


if __name__ == "__main__":
    main()
