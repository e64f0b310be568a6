"""Devices and compilers are found, and free memory is right on machines and in containers."""

import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from gancli import hardware
from gancli.errors import UsageError

CPU = torch.device("cpu")


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
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fake Linux with 3 of 8 MB free; its control groups go into the returned folder."""
    machine = SimpleNamespace(available=3_000_000, total=8_000_000)
    monkeypatch.setattr("psutil.virtual_memory", lambda: machine)
    monkeypatch.setattr("psutil.Process.memory_info", lambda self: SimpleNamespace(rss=100_000))
    monkeypatch.setattr(hardware, "GROUPS", tmp_path / "of-this-process")
    monkeypatch.setattr(hardware, "CGROUP", tmp_path)
    return tmp_path


def limit(group: Path, version: int, most: object) -> None:
    group.mkdir(parents=True, exist_ok=True)
    names = ("max", "current") if version == 2 else ("limit_in_bytes", "usage_in_bytes")
    for name, value in zip(names, (most, 900_000), strict=True):
        (group / f"memory.{name}").write_text(f"{value}\n")
    # In version 1, those without "total_" leave out the groups below.
    total, own = ("", "nothing_") if version == 2 else ("total_", "")
    lines = ["anon 300000", f"{total}active_file 100000", f"{total}inactive_file 500000"]
    (group / "memory.stat").write_text("\n".join([*lines, f"{own}inactive_file 1", ""]))


@pytest.mark.parametrize("path", ["/", "/job", "/job/step", "/elsewhere/on/the/host"])
@pytest.mark.parametrize("version", [1, 2])
def test_a_limit_of_a_group_or_one_above_it_counts_and_cached_files_are_free(
    groups: Path, version: int, path: str
) -> None:
    lines = {1: f"12:cpu,cpuacct:/\n4:memory:{path}\n0::/\n", 2: f"0::{path}\n"}
    (groups / "of-this-process").write_text(lines[version])
    root = groups / "memory" if version == 1 else groups
    (root / "job" / "step").mkdir(parents=True)
    assert hardware.memory(CPU) == (3_000_000, 7_900_000)
    limit(root / "job" if path.startswith("/job") else root, version, 1_000_000)
    assert hardware.memory(CPU) == (700_000, 900_000)


@pytest.mark.parametrize(("version", "unlimited"), [(1, 9223372036854771712), (2, "max")])
def test_a_group_without_a_limit_has_the_memory_of_the_machine(
    groups: Path, version: int, unlimited: object
) -> None:
    (groups / "of-this-process").write_text("4:memory:/\n" if version == 1 else "0::/\n")
    limit(groups / "memory" if version == 1 else groups, version, unlimited)
    assert hardware.memory(CPU) == (3_000_000, 7_900_000)


def test_the_memory_of_this_machine_is_plausible() -> None:
    free, most = hardware.memory(CPU)
    assert 2**26 < free < most + 2**30 < 2**50


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


def test_busy_programs_are_counted_and_this_process_is_not() -> None:
    counting = "import time\nend = time.monotonic() + 20\nwhile time.monotonic() < end: pass"
    with subprocess.Popen([sys.executable, "-c", counting]) as other:
        seen = hardware.OtherPrograms()
        until = time.monotonic() + 10
        while seen.cores() < 0.05 and time.monotonic() < until:
            time.sleep(0.2)
        found = seen.cores()
        other.kill()
    assert found >= 0.05
