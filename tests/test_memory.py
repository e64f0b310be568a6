"""Free memory as the system tells it, of a machine and of a container on it."""

import subprocess
import sys

import pytest

from gancli import memory

INFO = "MemTotal: 8000 kB\nMemFree: 100 kB\nMemAvailable: 3000 kB\n"


@pytest.fixture
def system(tmp_path, monkeypatch):
    """A Linux that says what the test writes down."""
    monkeypatch.setattr(memory.sys, "platform", "linux")
    monkeypatch.setattr(memory, "PROC", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "GROUP", tmp_path)
    (tmp_path / "meminfo").write_text(INFO)
    return tmp_path


def limit(system, most: str) -> None:
    (system / "memory.max").write_text(f"{most}\n")
    (system / "memory.current").write_text("900000\n")
    (system / "memory.stat").write_text("anon 300000\nactive_file 100000\ninactive_file 500000\n")


def test_a_machine_has_what_it_calls_available(system):
    assert memory.available() == 3000 * 1024


def test_a_container_has_what_its_limit_leaves_beside_what_is_only_cached(system):
    limit(system, "1000000")
    assert memory.available() == 700_000
    limit(system, "max")
    assert memory.available() == 3000 * 1024
    limit(system, "99000000")
    assert memory.available() == 3000 * 1024


def test_elsewhere_half_of_all_counts(system):
    (system / "meminfo").unlink()
    assert 2**28 < memory.available() == memory._all() // 2


def test_this_machine_has_some() -> None:
    assert 2**26 < memory.available() < 2**50


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's way with memory")
def test_memory_that_is_kept_does_not_come_page_by_page_again() -> None:
    code = """
import resource, sys
from gancli import memory
if sys.argv[1] == "keep":
    memory.keep()
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
