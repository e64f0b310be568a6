"""Options that start more processes, --workers and --devices: what they do, and that all end."""

import os
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
    not Path("/proc/self/task").exists(), reason="looks for processes in /proc"
)

TINY = ("--set", "width=4", "--batch-size", "10", "--precision", "fp32", "--device", "cpu")
TRAIN = ("train", "dcgan", "--dataset", "./pictures", *TINY)
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start `gan ...` in the folder of the `gan` fixture; the test ends it if it is still running.

    With `pausing`, the process stops itself (SIGSTOP) once it has printed that text.
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
        process.terminate()  # a launcher also ends the processes that it started
        process.communicate()


def heard(process: "subprocess.Popen[str]", start: str) -> str:
    """Read stderr of `process` up to a line that begins with `start` and return it.

    Raises AssertionError if the process ends before.
    """
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if line.startswith(start):
            return said
    raise AssertionError(said)


def below(process: int) -> list[int]:
    """The ids of all descendants of `process`: its children, their children and so on."""
    try:
        text = Path(f"/proc/{process}/task/{process}/children").read_text()
    except FileNotFoundError:
        return []
    children = [int(number) for number in text.split()]
    return children + [n for child in children for n in below(child)]


def gone(processes: list[int], within: float = 60) -> bool:
    """Wait until all of them have ended; return False after `within` seconds."""
    until = time.monotonic() + within
    while any(Path(f"/proc/{n}").exists() for n in processes):
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def assert_same_bits(a: Path, b: Path) -> None:
    """Assert that the weights and the training state of two runs are identical to the bit."""
    for name in ("generator", "discriminator", "training"):
        one, other = (load_file(run / f"{name}.safetensors") for run in (a, b))
        assert one.keys() == other.keys()
        assert one
        differing = [k for k in one if one[k].numpy().tobytes() != other[k].numpy().tobytes()]
        assert differing == [], name


def test_streaming_with_and_without_workers_gives_the_same_weights_as_data_in_memory(
    gan: Command, start: Start, pictures: Path, tmp_path: Path
) -> None:
    words = (*TRAIN, "--epochs", "3")
    assert "Streaming" not in gan(*words, "--out", "held").stderr  # data that fits stays in memory

    streamed = (*words, "--stream", "--out", "streamed")
    first = start(*streamed, "--workers", "2", pausing="epoch 2/")
    assert paused(first)
    readers = below(first.pid)
    first.send_signal(signal.SIGINT)
    first.send_signal(signal.SIGCONT)
    said = first.communicate()[1]
    assert first.returncode == 130, said
    assert "Streaming 0.0 GB of pictures from disk" in said
    assert len(readers) >= 2
    assert gone(readers)

    again = start(*streamed, "--workers", "0", pausing="epoch 3/")
    assert paused(again)
    assert below(again.pid) == []
    again.send_signal(signal.SIGCONT)
    said = again.communicate()[1]
    assert again.returncode == 0, said
    assert "Going on with streamed" in said
    assert_same_bits(tmp_path / "held", tmp_path / "streamed")


def test_killed_processes_are_restarted_at_most_max_restarts_times(
    start: Start, pictures: Path, tmp_path: Path
) -> None:
    words = (*TRAIN, "--epochs", "9999", "--out", "run", "--devices", "2", "--max-restarts", "1")
    launcher = start(*words)
    said = heard(launcher, "epoch 2/")
    os.kill(below(launcher.pid)[1], signal.SIGKILL)
    said += heard(launcher, "Going on with run") + heard(launcher, "epoch")
    assert "starting again from the last checkpoint (0 restarts left)" in said
    both = below(launcher.pid)
    os.kill(both[0], signal.SIGKILL)
    said = launcher.communicate()[1]
    assert launcher.returncode == 1
    assert "was ended by SIGKILL, and --max-restarts 1 allows no more restarts." in said
    assert "Next: the same command goes on from the last checkpoint" in said
    assert "Traceback" not in said
    assert gone(both)
    assert (tmp_path / "run" / "training.safetensors").exists()


def test_with_two_processes_only_rank_0_draws_the_preview(gan: Command, pictures: Path) -> None:
    """The other process has no samples to draw: rank 0 alone makes them."""
    done = gan(*TRAIN, "--epochs", "1", "--devices", "2", "--preview")
    assert done.stdout == "runs/dcgan-pictures\n"
    said = [line for line in done.stderr.splitlines() if "▀" not in line]
    assert [line for line in said if line.startswith("epoch")] == said[-1:]
    assert "should not have happened" not in done.stderr
