"""How much memory there is to be had, asked of the system: nothing is imported for it."""

import ctypes
import os
import sys
from pathlib import Path

PROC = Path("/proc/meminfo")
GROUP = Path("/sys/fs/cgroup")  # of a container, version 2


def available() -> int:
    """Bytes of main memory that can be had without pushing anything out; half of all if unknown."""
    if sys.platform == "win32":
        return _windows()
    known = [free for free in (_linux(), _container()) if free is not None]
    return min(known) if known else _all() // 2


def _linux() -> int | None:
    try:
        lines = PROC.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    kilobytes = (line.split()[1] for line in lines if line.startswith("MemAvailable:"))
    return next((int(k) * 1024 for k in kilobytes), None)


def _container() -> int | None:
    """What a container's limit leaves; None without one. Files that are cached count as free."""
    try:
        limit, used = ((GROUP / f"memory.{n}").read_text().strip() for n in ("max", "current"))
        stat = (line.split() for line in (GROUP / "memory.stat").read_text().splitlines())
        cached = sum(int(v) for k, v in stat if k in ("active_file", "inactive_file"))
        return max(0, int(limit) - int(used) + cached)
    except (OSError, ValueError):  # "max" is no number: there is no limit
        return None


def _all() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _windows() -> int:
    """GlobalMemoryStatusEx, whose third number of 64 bits is what is available."""
    numbers = (ctypes.c_ulonglong * 8)(64)  # dwLength (and dwMemoryLoad in its upper half), then
    ctypes.windll.kernel32.GlobalMemoryStatusEx(numbers)  # type: ignore[attr-defined]
    return int(numbers[2])
