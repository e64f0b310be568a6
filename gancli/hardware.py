"""What this machine has (devices, a compiler, free memory), and process settings for speed.

Everything here comes from the operating system or from torch. The fastest number format has to be
measured with our own layers: see `training.precision`.
"""

import ctypes
import importlib.util
import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil
import torch

from gancli.errors import UsageError

GROUPS = Path("/proc/self/cgroup")  # the control groups of this process
CGROUP = Path("/sys/fs/cgroup")
LIMIT_FILES = {  # by version of control groups: limit, bytes in use, prefix of the statistics
    1: ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_"),
    2: ("memory.max", "memory.current", ""),
}
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # parameters of mallopt, from glibc's malloc.h
LARGEST_AUTOMATIC = 2**25  # bytes: the highest threshold that glibc sets by itself


def device(requested: str = "auto") -> torch.device:
    """Return the device for `cuda`, `mps`, `cpu`, or `auto`: the first of these that is available.

    Raises UsageError if this machine, or this build of torch, does not have the device.
    """
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if requested == "auto":
        return torch.device(next((name for name, found in available.items() if found), "cpu"))
    if not available.get(requested, True):
        raise UsageError(
            f"--device {requested} is not available: torch does not find it on this machine.",
            hint="--device auto",
        )
    return torch.device(requested)


def check_compiler(device: torch.device) -> None:
    """Raise UsageError if torch.compile finds no compiler for `device`."""
    if device.type == "cuda":
        found, wanted = importlib.util.find_spec("triton") is not None, "the package triton"
    else:
        named = os.environ.get("CXX")
        compilers = [named] if named else ["g++", "clang++", "c++", "cl"]
        found, wanted = any(map(shutil.which, compilers)), "a C++ compiler"
    if not found:
        raise UsageError(f"--compile needs {wanted}, which is not installed.", hint="--no-compile")


def prepare(sizes_repeat: bool = False) -> None:
    """Set process-wide options for speed.

    Denormal numbers become zero: they would slow a CPU down 5 to 40 times. If `sizes_repeat`, as in
    training, cuDNN benchmarks its algorithms on the first batch, and freed memory is kept for the
    next step.
    """
    torch.set_flush_denormal(True)
    if sizes_repeat:  # never set to False: sampling during training calls this too
        torch.backends.cudnn.benchmark = True
        keep_freed_memory()


class OtherPrograms:
    """What other programs use of the processor, measured from when this object is made.

    Programs of low priority (`nice`) do not count on systems that tell them apart: they give way.
    """

    def __init__(self) -> None:
        self._started = self._times()

    def cores(self) -> float:
        """The number of cores that they have kept busy on average since then."""
        now = self._times()
        passed, busy, own = (b - a for a, b in zip(self._started, now, strict=True))
        return max(0.0, (busy - own) / passed) if passed > 0 else 0.0

    @staticmethod
    def _times() -> tuple[float, float, float]:
        """Seconds: of the clock, of all programs, and of this process."""
        machine, own = psutil.cpu_times(), psutil.Process().cpu_times()
        return time.monotonic(), machine.user + machine.system, own.user + own.system


# -- memory ---------------------------------------------------------------------------------------


class Memory(NamedTuple):
    """Bytes that this process can have: `free` now, and at `most`, if no other program had any."""

    free: int
    most: int


def memory(device: torch.device) -> Memory:
    """The memory that `device` keeps its data in: that of a GPU, or main memory.

    A container limits main memory. What is available without swapping counts as free, cached files
    too.
    """
    if device.type == "cuda":
        return Memory(*torch.cuda.mem_get_info(device))
    machine, own = psutil.virtual_memory(), psutil.Process().memory_info().rss
    limits = [Memory(machine.available, machine.total), *_limits()]
    return Memory(min(m.free for m in limits), min(m.most for m in limits) - own)


def _limits() -> Iterator[Memory]:
    """The limits that Linux sets for this process: those of its control groups, or of a container.

    A group is limited by those above it as well. Inside a container, the mounted root is often its
    own group, whatever path /proc names.
    """
    try:
        lines = GROUPS.read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        version = 1 if controllers else 2  # in version 1 each controller has a tree of its own
        root = CGROUP / "memory" if version == 1 else CGROUP
        group = root / path.strip("/")
        for folder in (group, *group.parents):
            if folder.is_relative_to(root) and (limit := _limit(folder, version)):
                yield limit


def _limit(group: Path, version: int) -> Memory | None:
    """The limit of one control group; None if it has none or does not exist."""
    limit_file, used_file, prefix = LIMIT_FILES[version]
    cached_kinds = (f"{prefix}active_file", f"{prefix}inactive_file")
    try:
        limit, used = (int((group / name).read_text()) for name in (limit_file, used_file))
        stat = (line.split() for line in (group / "memory.stat").read_text().splitlines())
        cached = sum(int(value) for key, value in stat if key in cached_kinds)
    except (OSError, ValueError):  # without a limit, memory.max is "max"
        return None
    return Memory(max(0, limit - used + cached), limit)


def keep_freed_memory() -> None:
    """Make glibc keep freed memory for this process. Has no effect on other systems.

    A training step frees memory that the next one allocates again. By default glibc returns blocks
    of more than 32 MB to the system, and gets them back page by page, zeroed. A layer with weights
    of 1024x512x4x4 took four times as long (forward and backward, one image, two cores: 27 ms
    instead of 7.6).
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is None:
        return
    if not mallopt(M_MMAP_THRESHOLD, 2**30):  # old versions refuse a value this large
        mallopt(M_MMAP_THRESHOLD, LARGEST_AUTOMATIC)
    mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
