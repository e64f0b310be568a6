"""Run all models and commands in one process for an hour: `python -m tests.soak --minutes 60`.

Prints the slopes of memory and of open files after a warm-up. Both should be flat.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported

from tests.soak import rounds

WARM_UP = 0.2  # share of the time before the slopes are taken
MAX_MEGABYTES_PER_HOUR = 1.0
LINES = 12  # of the table


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    options = parser.parse_args()
    seconds, began = options.minutes * 60, time.monotonic()
    found: list[rounds.Usage] = []
    with tempfile.TemporaryDirectory() as room:
        rounds.prepare(Path(room))
        while time.monotonic() - began < seconds:
            rounds.run()
            found.append(rounds.usage(time.monotonic() - began))
            if _is_due(found, seconds):
                print(f"{found[-1].seconds / 60:6.1f} min  {found[-1]}", flush=True)
    settled = [usage for usage in found if usage.seconds > WARM_UP * seconds]
    (megabytes, error), (files, _) = rounds.slopes(settled)
    print(f"{len(found)} rounds of {rounds.COMMANDS} commands.")
    print(f"Memory: {megabytes:+.2f} ± {error:.2f} MB an hour. Open files: {files:+.2f} an hour.")
    return int(megabytes > MAX_MEGABYTES_PER_HOUR or files > 0.5)


def _is_due(found: list[rounds.Usage], seconds: float) -> bool:
    """Whether another `1 / LINES` of the time has passed."""
    last = found[-2].seconds if len(found) > 1 else 0.0
    return int(found[-1].seconds / seconds * LINES) > int(last / seconds * LINES)


if __name__ == "__main__":
    sys.exit(main())
