"""How long runs are, and what happens by the clock within an epoch: neither changes a result."""

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from conftest import PAUSING, paused

from gancli import weights
from gancli.config import Job
from gancli.errors import UsageError
from gancli.images import load_png
from gancli.reporting import Say, silent
from gancli.training import length
from gancli.training import run as run_module
from gancli.training import speed as speed_module
from gancli.training.prepare import prepare
from gancli.training.run import Run
from gancli.training.trainer import Trainer

MODELS = ["dcgan", "acgan", "began"]


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("GAN_DATA_DIR", raising=False)


def job(pictures: Path, out: Path, model: str = "dcgan", **typed: object) -> Job:
    return Job(
        model=model,
        dataset=str(pictures),
        typed={"width": 4, "batch_size": 10, **typed},
        device="cpu",
        precision="fp32",
        out=out,
    )


def start(job: Job, say: Say = silent) -> Run:
    return Run(prepare(job, say, silent), say)


class AlwaysDue:
    def __init__(self, *_: object) -> None:
        pass

    def due(self) -> bool:
        return True

    def restart(self) -> None:
        pass


@pytest.fixture
def always_due(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw samples and save a checkpoint after every step."""
    monkeypatch.setattr(run_module, "Timetable", AlwaysDue)
    run = Trainer.run
    monkeypatch.setattr(Trainer, "run", lambda self: run(self, seconds=0.0))


def same(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> list[str]:
    """Return the names of tensors that differ."""
    assert left.keys() == right.keys()
    return [k for k in left if not torch.equal(left[k], right[k])]


@pytest.mark.parametrize("model", MODELS)
def test_samples_and_checkpoints_by_the_clock_change_no_bit(
    pictures: Path, tmp_path: Path, model: str, request: pytest.FixtureRequest
) -> None:
    plain = start(job(pictures, tmp_path / "plain", model, epochs=2))
    assert not any(report.samples for report in plain.train() if not report.epoch_ended)
    request.getfixturevalue("always_due")
    clocked = start(job(pictures, tmp_path / "clocked", model, epochs=2))
    reports = list(clocked.train())
    assert len(reports) == 11  # one per step
    assert all(r.samples and r.samples.exists() for r in reports)
    assert same(plain.trainer.state(), clocked.trainer.state()) == []
    for name in ("generator.safetensors", "training.safetensors"):
        ours, theirs = tmp_path / "clocked" / name, tmp_path / "plain" / name
        assert same(weights.load(ours), weights.load(theirs)) == []


@pytest.mark.usefixtures("always_due")
@pytest.mark.parametrize("steps", [1, 3, 7, 9])
def test_a_run_killed_within_an_epoch_resumes_from_the_last_checkpoint_to_the_same_bits(
    pictures: Path, tmp_path: Path, steps: int
) -> None:
    whole = start(job(pictures, tmp_path / "whole", epochs=2))
    list(whole.train())
    killed = start(job(pictures, tmp_path / "killed", epochs=2))
    reports = killed.train()
    for _ in range(steps):
        next(reports)
    killed.close()  # nothing is saved, as if the process were lost
    resumed = start(job(pictures, tmp_path / "killed", epochs=2))
    assert resumed.trainer.images_seen == 10 * steps
    list(resumed.train())
    assert same(whole.trainer.state(), resumed.trainer.state()) == []
    assert not resumed.folder.epoch_start.exists()


def test_the_newest_samples_are_those_of_the_last_epoch(pictures: Path, tmp_path: Path) -> None:
    run = start(job(pictures, tmp_path / "run", epochs=2))
    list(run.train())
    latest, last = run.folder.latest_samples, run.folder.samples(2)
    assert (load_png(latest) == load_png(last)).all()


def test_a_run_may_end_within_an_epoch_and_go_on_later(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    run = start(job(pictures, out, epochs=1.5, lr_decay=0))
    assert [r.epoch for r in run.train() if r.epoch_ended] == [1, 2]
    assert run.trainer.images_seen == 90  # 54 training pictures, in batches of 10
    assert [line["epoch"] for line in run.folder.records()] == [1, 1.6667]
    assert run.folder.progress.exists()
    longer = start(job(pictures, out, epochs=3, lr_decay=0))
    list(longer.train())
    assert [line["epoch"] for line in longer.folder.records()] == [1, 1.6667, 2, 3]
    whole = start(job(pictures, tmp_path / "whole", epochs=3, lr_decay=0))
    list(whole.train())
    assert same(longer.trainer.state(), whole.trainer.state()) == []


def timed(pictures: Path, out: Path, minutes: float, **typed: object) -> Job:
    return replace(job(pictures, out, **typed), minutes=minutes, created=time.monotonic())


@pytest.fixture
def speed(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The speed that is measured, in images per second; the steps are really taken."""
    found = [10.0]

    def fixed(trainer: Trainer) -> float:
        assert speed_module.images_per_second(trainer) > 0
        return found[0]

    monkeypatch.setattr(speed_module, "SECONDS", 0.01)
    monkeypatch.setattr(length, "images_per_second", fixed)
    return found


def test_minutes_fix_the_epochs_once_and_train_like_that_number(
    pictures: Path, tmp_path: Path, speed: list[float]
) -> None:
    said: list[str] = []
    run = start(timed(pictures, tmp_path / "run", 0.5), said.append)
    epochs = run.prepared.training.epochs
    assert epochs == pytest.approx(10 * 30 / 54, rel=0.1)
    assert any("10 images/s" in line for line in said)
    plan = json.loads(run.folder.plan.read_text())
    assert (plan["minutes"], plan["training"]["epochs"]) == (0.5, epochs)
    reports = run.train()
    for _ in range(3):
        next(reports)
    run._save_mid_epoch()
    run.close()
    speed[0] = 99.0  # the resumed run keeps its end
    resumed = start(timed(pictures, tmp_path / "run", 0.5))
    assert resumed.prepared.training.epochs == epochs
    list(resumed.train())
    whole = start(job(pictures, tmp_path / "whole", epochs=epochs))
    list(whole.train())
    assert same(whole.trainer.state(), resumed.trainer.state()) == []


def test_minutes_after_the_end_of_a_run_make_it_longer(
    pictures: Path, tmp_path: Path, speed: list[float]
) -> None:
    out = tmp_path / "run"
    list(start(job(pictures, out, epochs=1)).train())
    longer = start(timed(pictures, out, 0.5))
    assert longer.prepared.training.epochs == pytest.approx(1 + 10 * 30 / 54, rel=0.1)


def test_a_resumed_run_keeps_its_number_of_epochs_unless_another_is_typed(
    pictures: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    reports = start(job(pictures, out, epochs=3)).train()
    next(report for report in reports if report.epoch_ended)
    reports.close()  # type: ignore[attr-defined]
    assert start(job(pictures, out)).prepared.training.epochs == 3
    assert start(job(pictures, out, epochs=2)).prepared.training.epochs == 2


def test_few_pictures_get_more_epochs_and_a_short_run_is_noticed(
    pictures: Path, tmp_path: Path
) -> None:
    said: list[str] = []
    run = start(job(pictures, tmp_path / "default"), said.append)
    assert run.prepared.training.epochs == -(-length.FEW_STEPS * 10 // 54)
    assert any("54 pictures are only 6 steps per epoch" in line for line in said)
    start(job(pictures, tmp_path / "typed", epochs=2), said.append)
    assert any("too short" in line for line in said)
    said.clear()
    start(job(pictures, tmp_path / "long", epochs=200), said.append)
    assert not any("step" in line for line in said)


def test_minutes_and_epochs_exclude_each_other(pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--minutes and --epochs"):
        timed(pictures, tmp_path / "run", 1, epochs=2)


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows has no SIGHUP")
@pytest.mark.parametrize("ignored", [False, True])
def test_a_closed_terminal_saves_and_stops_unless_hangups_are_ignored(
    pictures: Path, tmp_path: Path, ignored: bool
) -> None:
    words = ["train", "dcgan", "--dataset", "./pictures", "--epochs", "2", "--set", "width=4"]
    words += ["--batch-size", "10", "--precision", "fp32", "--device", "cpu"]
    process = subprocess.Popen(
        [sys.executable, "-c", PAUSING, "epoch 1/2", *words],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=(lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)) if ignored else None,
    )
    assert paused(process)
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGCONT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == (0 if ignored else 130)
    assert ("Stopped and saved" in errors) == (not ignored)
    assert (tmp_path / "runs" / "dcgan-pictures" / "training.safetensors").exists()
