"""Devices, a compiler, and free memory as the system reports it, of a machine or a container."""

import subprocess
import sys

import pytest
import torch

from gancli import hardware
from gancli.errors import UsageError

CPU = torch.device("cpu")
INFO = "MemTotal: 8000 kB\nMemFree: 100 kB\nMemAvailable: 3000 kB\n"


def test_a_device_that_is_there() -> None:
    assert hardware.device("cpu") == CPU
    assert hardware.device("auto").type in {"cpu", "cuda", "mps"}


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is one")
def test_a_device_that_is_not_there() -> None:
    with pytest.raises(UsageError, match="--device cuda") as raised:
        hardware.device("cuda")
    assert raised.value.hint == "--device auto"


def test_compiling_asks_for_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr("shutil.which", lambda name: "/bin/g++" if name == "g++" else None)
    hardware.check_compiler(CPU)
    monkeypatch.setenv("CXX", "nowhere")
    with pytest.raises(UsageError, match=r"--compile needs a C\+\+ compiler") as raised:
        hardware.check_compiler(CPU)
    assert raised.value.hint == "--no-compile"


@pytest.fixture
def system(tmp_path, monkeypatch):
    """A Linux that says what the test writes down."""
    monkeypatch.setattr(hardware.sys, "platform", "linux")
    monkeypatch.setattr(hardware, "MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(hardware, "CGROUP", tmp_path)
    (tmp_path / "meminfo").write_text(INFO)
    return tmp_path


def limit(system, most: str) -> None:
    (system / "memory.max").write_text(f"{most}\n")
    (system / "memory.current").write_text("900000\n")
    (system / "memory.stat").write_text("anon 300000\nactive_file 100000\ninactive_file 500000\n")


def test_a_machine_has_what_it_calls_available(system):
    assert hardware.free_memory() == 3000 * 1024


def test_a_container_has_what_its_limit_leaves_beside_what_is_only_cached(system):
    limit(system, "1000000")
    assert hardware.free_memory() == 700_000
    limit(system, "max")
    assert hardware.free_memory() == 3000 * 1024
    limit(system, "99000000")
    assert hardware.free_memory() == 3000 * 1024


def test_elsewhere_half_of_all_counts(system):
    (system / "meminfo").unlink()
    assert 2**28 < hardware.free_memory() == hardware._all_memory() // 2


def test_this_machine_has_some() -> None:
    assert 2**26 < hardware.free_memory() < 2**50


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's way with memory")
def test_memory_that_is_kept_does_not_come_page_by_page_again() -> None:
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
        for how in ("keep", "give back")
    )
    assert kept < not_kept / 4
