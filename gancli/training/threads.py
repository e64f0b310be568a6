"""Fixes the number of CPU threads of a run, since the result of a seed depends on it.

Each thread sums up a part of the numbers, so rounding depends on how many parts there are. It does
not depend on the number of cores: more threads than cores give the same bits, only more slowly.
"""

import math
import os
from typing import Any

import torch

from gancli.reporting import Say
from gancli.training import distributed


def fix(typed: int | None, plan: dict[str, Any] | None, say: Say) -> int:
    """Set the number of threads that torch uses in this process, and return it.

    It is the `typed` number, else that of the run to resume (in its `plan`), else the present one:
    torch's choice, or OMP_NUM_THREADS. Rank 0 chooses for all processes.
    """
    present = torch.get_num_threads()
    kept = plan.get("threads") if plan else None  # earlier versions stored none
    number = typed or kept or present
    number = int(distributed.broadcast_bytes(str(number).encode()))
    torch.set_num_threads(number)  # even if unchanged: it keeps MKL from using fewer threads
    if kept and kept != number:
        say(f"The number of threads is now {number} instead of {kept}, which changes the result.")
    elif kept and kept != present and not typed:
        say(_explanation(number, present))
    return number


def advice(number: int, others: float, cores: int) -> str | None:
    """Tell what would be faster beside other programs; None if nothing would.

    `others` is the number of cores that they keep busy, of `cores`. Threads wait for the slowest of
    them after every operation, and spin while they wait: beside one busy program on two cores, two
    threads reached 0.27 of their speed alone, and one thread 0.62.
    """
    better = max(1, cores - math.ceil(others - 0.25))
    if others < 0.5 or number <= better:
        return None
    return (
        f"Other programs keep {others:.1f} of {cores} cores busy, which slows down training with "
        f"{number} threads: each operation waits for the slowest. A new run with --threads "
        f"{better} is faster beside them (--fresh; the number of threads is part of the result)."
    )


def _explanation(number: int, present: int) -> str:
    """Tell why a resumed run does not use the `present` number of threads."""
    cores = os.cpu_count() or number
    fewer = f" This machine has fewer cores ({cores}), so it trains more slowly."
    return (
        f"This run keeps its number of threads, {number}, because its result depends on it "
        f"(--threads {present} to change that).{fewer if cores < number else ''}"
    )
