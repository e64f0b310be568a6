"""What the machine offers: devices, a compiler, free memory, and settings that speed depends on.

Everything is found out by asking the system. Which number format is the faster one has to be
measured, with our own layers: `training.precision` does that.
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
CGROUP = Path("/sys/fs/cgroup")  # of a container, version 2
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # parameters of mallopt, from glibc's malloc.h
LARGEST_AUTOMATIC = 2**25  # bytes: the highest threshold that glibc chooses by itself


def device(asked: str = "auto") -> torch.device:
    """The device for `asked`: `auto` (the best there is), `cuda`, `mps` or `cpu`.

    Raises UsageError for a device that this machine, or this build of torch, does not have.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if asked == "auto":
        return torch.device(next((name for name, found in there.items() if found), "cpu"))
    if not there.get(asked, True):
        raise UsageError(f"--device {asked}: torch sees no such device here.", hint="--device auto")
    return torch.device(asked)


def check_compiler(device: torch.device) -> None:
    """Raise UsageError if torch.compile has no compiler to generate code for `device` with."""
    if device.type == "cuda":
        found, wanted = importlib.util.find_spec("triton") is not None, "the package triton"
    else:
        named = os.environ.get("CXX")
        compilers = [named] if named else ["g++", "clang++", "c++", "cl"]
        found, wanted = any(map(shutil.which, compilers)), "a C++ compiler"
    if not found:
        raise UsageError(f"--compile needs {wanted}, and there is none here.", hint="--no-compile")


def prepare(sizes_repeat: bool = False) -> None:
    """Process-wide settings. Denormal numbers would slow a CPU down 5 to 40 times: flush them.

    If the same sizes come again and again, as in training, cuDNN may benchmark its algorithms on
    the first of them, and freed memory is kept for the next step.
    """
    torch.set_flush_denormal(True)
    if sizes_repeat:  # never switched off again: sampling in the middle of a training calls this
        torch.backends.cudnn.benchmark = True
        keep_freed_memory()


# -- memory ---------------------------------------------------------------------------------------


def room(device: torch.device) -> int:
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
    """Have the C library keep freed memory for this process, as far as it can be told to.

    A training step frees what the next one allocates again. glibc returns blocks of more than 32 MB
    to the system each time, and new ones come page by page, zeroed: a layer with weights of
    1024x512x4x4 took four times as long (forward and backward, one picture, two cores: 27 ms
    against 7.6).
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is None:
        return
    if not mallopt(M_MMAP_THRESHOLD, 2**30):  # old versions refuse that much
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
    """What a container's limit leaves; None without a limit. Cached files count as free."""
    try:
        limit, used = ((CGROUP / f"memory.{n}").read_text().strip() for n in ("max", "current"))
        stat = (line.split() for line in (CGROUP / "memory.stat").read_text().splitlines())
        cached = sum(int(v) for k, v in stat if k in ("active_file", "inactive_file"))
        return max(0, int(limit) - int(used) + cached)
    except (OSError, ValueError):  # without a limit, memory.max reads "max"
        return None


def _all_memory() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _free_on_windows() -> int:
    """Through GlobalMemoryStatusEx: the third 64-bit number of its struct is what is available."""
    numbers = (ctypes.c_ulonglong * 8)(64)  # dwLength (its upper half is dwMemoryLoad), then sizes
    ctypes.windll.kernel32.GlobalMemoryStatusEx(numbers)  # type: ignore[attr-defined]
    return int(numbers[2])
