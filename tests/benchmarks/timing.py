"""Compare speeds on a busy machine: take turns, repeat for several rounds, use medians.

Functions that are compared are timed one right after the other, so that other work on the machine
slows them equally. The result is the median of the ratios within each round.
"""

import re
import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import torch

Seconds = dict[str, list[float]]  # by name: seconds per call in each round
STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def in_turns(
    calls: Mapping[str, Callable[[], object]], rounds: int, repeats: int, device: torch.device
) -> Seconds:
    """Time `calls` in turns for `rounds` rounds, with `repeats` calls of each in a row."""
    found: Seconds = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            found[name].append(seconds(call, repeats, device))
    return found


def seconds(call: Callable[[], object], repeats: int, device: torch.device) -> float:
    """Seconds per call over `repeats` calls, including the work that they queue on `device`."""
    wait(device)
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    wait(device)
    return (time.perf_counter() - start) / repeats


def wait(device: torch.device) -> None:
    """Wait until `device` has finished all queued work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def ratios(slow: list[float], fast: list[float]) -> dict[str, float]:
    """How many times as fast `fast` was, per round: median, minimum and maximum."""
    each = [a / b for a, b in zip(slow, fast, strict=True)]
    return {
        "median": round(statistics.median(each), 2),
        "min": round(min(each), 2),
        "max": round(max(each), 2),
    }


def peak_memory(call: Callable[[], object], device: torch.device) -> int | None:
    """Peak memory in bytes during `call`: of the GPU or, on the CPU, of this process.

    None if the system does not tell. On a GPU it counts everything that torch has reserved, so no
    other model should be there.
    """
    if device.type == "cuda":
        torch.cuda.empty_cache()
        call()  # a CUDA graph reserved its memory earlier, when it was captured
        return torch.cuda.memory_reserved(device)
    with suppress(OSError):
        CLEAR.write_text("5")  # Linux: reset the peak of the resident set (VmHWM)
        call()
        if found := re.search(r"VmHWM:\s+(\d+) kB", STATUS.read_text()):
            return int(found[1]) * 1024
    return None


def table(rows: list[dict[str, object]]) -> str:
    """Format rows that have the same keys as a Markdown table."""
    head = list(rows[0]) if rows else []
    lines = [head, ["---"] * len(head), *([str(r[k]) for k in head] for r in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
