"""`launch` restarts lost processes, but not those that were stopped or reported an error."""

import json
import os
import re
import signal
import subprocess
import sys
from math import ceil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gancli.cli.app import app
from gancli.training import distributed, launch
from gancli.training.folder import RunFolder

ROOT = Path(__file__).parents[2]


def children(process: int) -> list[int]:
    return [int(n) for n in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")
def test_a_killed_process_is_restarted_and_a_stopped_run_is_resumed(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["train", "dcgan", "--dataset", str(pictures), "--out", "run"]
    words += ["--set", "width=4", "--batch-size", "10", "--precision", "fp32", "--device", "cpu"]
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}
    launcher = subprocess.Popen(
        [sys.executable, "-m", "gancli", *words, "--epochs", "1000", "--devices", "2"],
        cwd=tmp_path,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        output = wait_for("epoch 2/", launcher)
        os.kill(children(launcher.pid)[1], signal.SIGKILL)
        output += wait_for("Resuming run", launcher) + wait_for("epoch", launcher)
        launcher.send_signal(signal.SIGINT)
        output += launcher.communicate(timeout=300)[1]
    finally:
        launcher.terminate()  # and with it the processes it started
    assert launcher.returncode == 130, output
    assert re.search(r"rank 1\b.*SIGKILL", output)
    assert "Stopped" in output
    assert "Traceback" not in output

    monkeypatch.chdir(tmp_path)
    metrics = tmp_path / "run" / "metrics.jsonl"
    epochs = RunFolder(metrics.parent).records()[-1]["epoch"] + 2
    done = CliRunner().invoke(app, [*words, "--epochs", str(epochs)])  # resumes in one process
    assert done.exit_code == 0, done.output
    lines = RunFolder(metrics.parent).records()
    assert [line["epoch"] for line in lines] == list(range(1, epochs + 1))
    pictures_there = json.loads((tmp_path / "run" / "run.json").read_text())["dataset"]["pictures"]
    assert lines[-1]["images_seen"] == ceil(epochs * pictures_there / 10) * 10


def wait_for(start: str, process: "subprocess.Popen[str]") -> str:
    """Wait for a line of stderr that begins with `start`; the text up to and including it."""
    assert process.stderr is not None
    output = ""
    for line in process.stderr:
        output += line
        if line.startswith(start):
            return output
    raise AssertionError(output)


@pytest.mark.parametrize(
    ("exit_codes", "restarts", "expected"),
    [
        ({1: -signal.SIGKILL, 0: 130}, True, 0),  # ended by the launcher while it started
        ({0: -signal.SIGKILL, 1: distributed.EXIT_LOST}, True, 0),
        ({0: 130, 1: 130}, False, 130),
        ({0: 130, 1: -signal.SIGTERM}, False, 130),
        ({0: distributed.EXIT_LOST, 1: 2}, False, 2),
    ],
)
def test_launch_restarts_after_a_lost_process_only(
    exit_codes: dict[int, int],
    restarts: bool,
    expected: int,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    runs, output = iter([exit_codes, {}]), []
    monkeypatch.setattr(launch, "_run", lambda *_: next(runs))
    try:
        launch.launch(["train"], 2, 1, tmp_path / "run.json", output.append)
        ended = 0
    except SystemExit as end:
        ended = int(end.code or 0)
    assert (ended, bool(output)) == (expected, restarts)
    if restarts:
        lost = next(rank for rank, c in exit_codes.items() if c == -signal.SIGKILL)
        assert f"rank {lost})" in output[0]
        assert "SIGKILL" in output[0]
