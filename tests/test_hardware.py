"""Devices and compilers are found, and free memory is right on machines and in containers."""

import subprocess
import sys

import pytest
import torch

from gancli import hardware
from gancli.errors import UsageError

CPU = torch.device("cpu")
INFO = "MemTotal: 8000 kB\nMemFree: 100 kB\nMemAvailable: 3000 kB\n"


def test_device_returns_available_devices() -> None:
    assert hardware.device("cpu") == CPU
    assert hardware.device("auto").type in {"cpu", "cuda", "mps"}


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_a_missing_device_is_refused() -> None:
    with pytest.raises(UsageError, match="--device cuda") as raised:
        hardware.device("cuda")
    assert raised.value.hint == "--device auto"


def test_compiling_without_a_compiler_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr("shutil.which", lambda name: "/bin/g++" if name == "g++" else None)
    hardware.check_compiler(CPU)
    monkeypatch.setenv("CXX", "nowhere")
    with pytest.raises(UsageError, match=r"--compile .*C\+\+ compiler") as raised:
        hardware.check_compiler(CPU)
    assert raised.value.hint == "--no-compile"


@pytest.fixture
def system(tmp_path, monkeypatch):
    """A fake Linux: /proc/meminfo and the cgroup files are in the returned folder."""
    monkeypatch.setattr(hardware.sys, "platform", "linux")
    monkeypatch.setattr(hardware, "MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(hardware, "CGROUP", tmp_path)
    (tmp_path / "meminfo").write_text(INFO)
    return tmp_path


def set_limit(system, most: str) -> None:
    (system / "memory.max").write_text(f"{most}\n")
    (system / "memory.current").write_text("900000\n")
    (system / "memory.stat").write_text("anon 300000\nactive_file 100000\ninactive_file 500000\n")


def test_free_memory_is_mem_available(system):
    assert hardware.free_memory() == 3000 * 1024


def test_a_container_limits_free_memory_and_cached_files_count_as_free(system):
    set_limit(system, "1000000")
    assert hardware.free_memory() == 700_000
    set_limit(system, "max")
    assert hardware.free_memory() == 3000 * 1024
    set_limit(system, "99000000")
    assert hardware.free_memory() == 3000 * 1024


def test_free_memory_is_half_of_all_memory_if_unknown(system):
    (system / "meminfo").unlink()
    assert 2**28 < hardware.free_memory() == hardware._all_memory() // 2


def test_free_memory_of_this_machine_is_plausible() -> None:
    assert 2**26 < hardware.free_memory() < 2**50


@pytest.mark.skipif(sys.platform != "linux", reason="glibc only")
def test_kept_memory_causes_fewer_page_faults() -> None:
    code = """
import resource, sys
from gancli import hardware
if sys.argv[1] == "keep":
    hardware.keep_freed_memory()
for _ in range(20):
    bytearray(100_000_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
"""
    kept, not_kept = (
        int(
            subprocess.run(
                [sys.executable, "-c", code, how], capture_output=True, check=True
            ).stdout
        )
        for how in ("keep", "return")
    )
    assert kept < not_kept / 4
