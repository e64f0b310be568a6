"""What this machine has (devices, a compiler, free memory), and process settings for speed.

Everything here comes from the operating system or from torch. The fastest number format has to be
measured with our own layers: see `training.precision`.
"""

import ctypes
import importlib.util
import os
import shutil
import sys
from pathlib import Path

import torch

from gancli.errors import UsageError

MEMINFO = Path("/proc/meminfo")
CGROUP = Path("/sys/fs/cgroup")  # of a container (cgroup v2)
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


# -- memory ---------------------------------------------------------------------------------------


def free_bytes(device: torch.device) -> int:
    """Free bytes where data for `device` would be held."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return free_memory()


def free_memory() -> int:
    """Bytes of main memory that are available without swapping; half of all memory if unknown."""
    if sys.platform == "win32":
        return _free_on_windows()
    known = [free for free in (_free_on_linux(), _free_in_container()) if free is not None]
    return min(known) if known else _all_memory() // 2


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


def _free_on_linux() -> int | None:
    try:
        lines = MEMINFO.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    kilobytes = (line.split()[1] for line in lines if line.startswith("MemAvailable:"))
    return next((int(k) * 1024 for k in kilobytes), None)


def _free_in_container() -> int | None:
    """Free bytes under a container's limit; None without one. Cached files count as free."""
    try:
        limit, used = ((CGROUP / f"memory.{n}").read_text().strip() for n in ("max", "current"))
        stat = (line.split() for line in (CGROUP / "memory.stat").read_text().splitlines())
        cached = sum(int(v) for k, v in stat if k in ("active_file", "inactive_file"))
        return max(0, int(limit) - int(used) + cached)
    except (OSError, ValueError):  # without a limit, memory.max is "max"
        return None


def _all_memory() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _free_on_windows() -> int:
    """Available bytes, from GlobalMemoryStatusEx: the third 64-bit number of its struct."""
    numbers = (ctypes.c_ulonglong * 8)(64)  # dwLength (dwMemoryLoad above it), then sizes
    ctypes.windll.kernel32.GlobalMemoryStatusEx(numbers)  # type: ignore[attr-defined]
    return int(numbers[2])
