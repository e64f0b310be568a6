"""Options that start more processes: what they do, and that no process is left behind."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import PAUSING, Command, paused
from safetensors.torch import load_file

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/task").exists(), reason="needs /proc to find processes"
)

TINY = ("--set", "width=4", "--batch-size", "10", "--precision", "fp32", "--device", "cpu")
TRAIN = ("train", "dcgan", "--dataset", "./pictures", *TINY)
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start `gan ...` in the folder of the `gan` fixture; it ends with the test at the latest.

    With `pausing`, it pauses once it has printed that text.
    """
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache"), "NO_COLOR": "1"}
    environment.pop("GAN_DATA_DIR", None)
    started = []

    def run(*words: str, pausing: str = "") -> "subprocess.Popen[str]":
        how = ["-c", PAUSING, pausing] if pausing else ["-m", "gancli"]
        process = subprocess.Popen(
            [sys.executable, *how, *words],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.send_signal(signal.SIGCONT)
        process.terminate()  # a launcher ends the processes that it started
        process.communicate()


def read_until(process: "subprocess.Popen[str]", pattern: str) -> str:
    """Read the stderr of `process` up to a line that matches; fails if it ends before."""
    assert process.stderr is not None
    lines = ""
    for line in process.stderr:
        lines += line
        if re.search(pattern, line):
            return lines
    raise AssertionError(lines)


def descendants(process: int) -> list[int]:
    """Return the ids of the processes that `process` started, and of those that they started."""
    try:
        text = Path(f"/proc/{process}/task/{process}/children").read_text()
    except FileNotFoundError:
        return []
    children = [int(number) for number in text.split()]
    return children + [n for child in children for n in descendants(child)]


def all_end(processes: list[int], within: float = 60) -> bool:
    """Return whether all `processes` end within that many seconds."""
    until = time.monotonic() + within
    while any(Path(f"/proc/{n}").exists() for n in processes):
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def assert_same_bits(a: Path, b: Path) -> None:
    """Assert that all tensors in the files of two runs are equal to the bit."""
    for name in ("generator", "discriminator", "training"):
        one, other = (load_file(run / f"{name}.safetensors") for run in (a, b))
        assert one.keys() == other.keys()
        assert one
        differing = [k for k in one if one[k].numpy().tobytes() != other[k].numpy().tobytes()]
        assert differing == [], name


def test_streaming_gives_the_same_bits_as_memory_with_and_without_workers(
    gan: Command, start: Start, pictures: Path, tmp_path: Path
) -> None:
    words = (*TRAIN, "--epochs", "3")
    assert " GB" not in gan(*words, "--out", "held").stderr  # it fits in memory, so no streaming

    streamed = (*words, "--stream", "--out", "streamed")
    first = start(*streamed, "--workers", "2", pausing="epoch 2/")
    assert paused(first)
    readers = descendants(first.pid)
    first.send_signal(signal.SIGINT)
    first.send_signal(signal.SIGCONT)
    stderr = first.communicate()[1]
    assert first.returncode == 130, stderr
    assert " 0.0 GB" in stderr  # the size of what is streamed
    assert len(readers) >= 2
    assert all_end(readers)

    resumed = start(*streamed, "--workers", "0", pausing="epoch 3/")
    assert paused(resumed)
    assert descendants(resumed.pid) == []
    resumed.send_signal(signal.SIGCONT)
    stderr = resumed.communicate()[1]
    assert resumed.returncode == 0, stderr
    assert "epoch 1/" not in stderr  # it did not start over
    assert_same_bits(tmp_path / "held", tmp_path / "streamed")


def test_lost_processes_are_restarted_up_to_max_restarts(
    start: Start, pictures: Path, tmp_path: Path
) -> None:
    words = (*TRAIN, "--epochs", "9999", "--out", "run", "--devices", "2", "--max-restarts", "1")
    launcher = start(*words)
    read_until(launcher, r"^epoch 2/")
    os.kill(descendants(launcher.pid)[1], signal.SIGKILL)
    read_until(launcher, "SIGKILL")
    resumed = read_until(launcher, r"^epoch \d+/")
    assert not re.search("^epoch [12]/", resumed, re.MULTILINE)  # it did not start over
    both = descendants(launcher.pid)
    os.kill(both[0], signal.SIGKILL)
    stderr = launcher.communicate()[1]
    assert launcher.returncode == 1
    *_, message, hint = stderr.splitlines()
    assert re.fullmatch("gan: .*SIGKILL.*--max-restarts 1.*", message)
    assert hint.strip().startswith("Next: ")
    assert "Traceback" not in stderr
    assert all_end(both)
    assert (tmp_path / "run" / "training.safetensors").exists()


def test_one_of_two_processes_speaks(gan: Command, pictures: Path) -> None:
    """Only rank 0 prints the line of an epoch, names the samples, and says what was made."""
    done = gan(*TRAIN, "--epochs", "1", "--devices", "2")
    assert done.stdout == "runs/dcgan-pictures\n"
    lines = done.stderr.splitlines()
    for start in ("epoch", "Samples: ", "Done: ", "Next: "):
        assert sum(line.startswith(start) for line in lines) == 1, (start, lines)
    assert not any(line.startswith("gan: ") for line in lines)
