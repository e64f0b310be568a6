"""Timing on machines that do something else besides: in turns, several rounds, medians.

What is compared is timed within one process and one after the other, so that both meet the same
neighbours; what counts is the median of the ratios within a round.
"""

import re
import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import torch

Seconds = dict[str, list[float]]  # of one call, by name and round
STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def in_turns(
    calls: Mapping[str, Callable[[], object]], rounds: int, repeats: int, device: torch.device
) -> Seconds:
    """Seconds of one call, each timed over `repeats` of them, `rounds` times in turns."""
    found: Seconds = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            found[name].append(seconds(call, repeats, device))
    return found


def seconds(call: Callable[[], object], repeats: int, device: torch.device) -> float:
    """Seconds of one of `repeats` calls, the device's work included."""
    wait(device)
    began = time.perf_counter()
    for _ in range(repeats):
        call()
    wait(device)
    return (time.perf_counter() - began) / repeats


def wait(device: torch.device) -> None:
    """Until `device` has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def ratios(slow: list[float], fast: list[float]) -> dict[str, float]:
    """How many times faster `fast` was: median, least and most of the rounds."""
    each = [a / b for a, b in zip(slow, fast, strict=True)]
    return {
        "median": round(statistics.median(each), 2),
        "min": round(min(each), 2),
        "max": round(max(each), 2),
    }


def peak_memory(call: Callable[[], object], device: torch.device) -> int | None:
    """Bytes held at most during `call`: of the GPU, else of the process; None where unknown.

    What is set aside for all that lives on the GPU counts: let nothing else live there.
    """
    if device.type == "cuda":
        torch.cuda.empty_cache()
        call()  # what a recording needs was set aside when it was made
        return torch.cuda.memory_reserved(device)
    with suppress(OSError):
        CLEAR.write_text("5")  # Linux: forget the high-water mark
        call()
        if found := re.search(r"VmHWM:\s+(\d+) kB", STATUS.read_text()):
            return int(found[1]) * 1024
    return None


def table(rows: list[dict[str, object]]) -> str:
    """Rows of the same keys as a table for a README."""
    head = list(rows[0]) if rows else []
    lines = [head, ["---"] * len(head), *([str(r[k]) for k in head] for r in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
