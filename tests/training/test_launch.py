"""Processes that are lost are replaced; those that stopped, or explained an error, are not."""

import json
import os
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


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks for processes in /proc")
def test_a_killed_process_is_replaced_and_a_stopped_run_goes_on(
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
        said = wait_for("epoch 2/", launcher)
        os.kill(children(launcher.pid)[1], signal.SIGKILL)
        said += wait_for("Going on with", launcher) + wait_for("epoch", launcher)
        launcher.send_signal(signal.SIGINT)
        said += launcher.communicate(timeout=300)[1]
    finally:
        launcher.terminate()  # and what it started
    assert launcher.returncode == 130, said
    assert "(rank 1) was ended by SIGKILL: starting again from the last checkpoint" in said
    assert "Stopped and saved in run" in said
    assert "Traceback" not in said

    monkeypatch.chdir(tmp_path)
    metrics = tmp_path / "run" / "metrics.jsonl"
    epochs = RunFolder(metrics.parent).records()[-1]["epoch"] + 2
    done = CliRunner().invoke(app, [*words, "--epochs", str(epochs)])  # one process goes on
    assert done.exit_code == 0, done.output
    lines = RunFolder(metrics.parent).records()
    assert [line["epoch"] for line in lines] == list(range(1, epochs + 1))
    pictures_there = json.loads((tmp_path / "run" / "run.json").read_text())["dataset"]["pictures"]
    assert lines[-1]["images_seen"] == ceil(epochs * pictures_there / 10) * 10


def wait_for(start: str, process: "subprocess.Popen[str]") -> str:
    """What `process` says up to a line that begins with `start`; it must not end before."""
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if line.startswith(start):
            return said
    raise AssertionError(said)


@pytest.mark.parametrize(
    ("ends", "restarts", "code"),
    [
        ({1: -signal.SIGKILL, 0: 130}, True, 0),  # the launcher ended the other as it started up
        ({0: -signal.SIGKILL, 1: distributed.LOST}, True, 0),
        ({0: 130, 1: 130}, False, 130),
        ({0: 130, 1: -signal.SIGTERM}, False, 130),
        ({0: distributed.LOST, 1: 2}, False, 2),
    ],
)
def test_who_was_lost_is_replaced_and_who_was_stopped_or_refused_is_not(
    ends: dict[int, int],
    restarts: bool,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    runs, said = iter([ends, {}]), []
    monkeypatch.setattr(launch, "_run", lambda *_: next(runs))
    try:
        launch.launch(["train"], 2, 1, tmp_path / "run.json", said.append)
        ended = 0
    except SystemExit as end:
        ended = int(end.code or 0)
    assert (ended, bool(said)) == (code, restarts)
    if restarts:
        lost = next(rank for rank, c in ends.items() if c == -signal.SIGKILL)
        assert f"rank {lost}) was ended by SIGKILL" in said[0]
