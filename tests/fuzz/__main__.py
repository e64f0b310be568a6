"""Run many cases by hand: `python -m tests.fuzz [KIND...] --cases 10000 --seed 0`."""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.fuzz import harness


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=", ".join(harness.kinds()))
    parser.add_argument("--cases", type=int, default=300, help="cases of each kind")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first case")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="leave the last case's files here")
    options = parser.parse_args()
    if unknown := set(options.kinds) - set(harness.kinds()):
        parser.error(f"unknown kind: {', '.join(unknown)}")
    failures = 0
    print(f"{'kind':20}   cases  exit 0  failures   slowest      peak", flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        room = options.keep or Path(temporary)
        for kind in options.kinds or harness.kinds():
            failures += _run(kind, range(options.seed, options.seed + options.cases), room / kind)
    return int(failures > 0)


def _run(kind: str, seeds: range, room: Path) -> int:
    """Run cases, print each failure and a line of the table, and return the number of failures."""
    slowest, peak, failures, succeeded = 0.0, 0, 0, 0
    for outcome in harness.run_many(kind, seeds, room):
        slowest, peak = max(slowest, outcome.seconds), max(peak, outcome.peak)
        succeeded += outcome.succeeded
        if outcome.problems:
            failures += 1
            print(outcome, flush=True)
    counts = f"{len(seeds):7} {succeeded:7} {failures:9}"
    print(f"{kind:20} {counts} {slowest:7.1f} s {peak / 1e6:6.0f} MB", flush=True)
    return failures


if __name__ == "__main__":
    sys.exit(main())
