"""`gancli.train`: the same run as by `gan train`, as a loop that may be left at any time."""

import inspect
import os
import signal
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import Command

import gancli
from gancli import weights
from gancli.cli.train import train as typed_train
from gancli.config import Job
from gancli.training.run import Run
from gancli.training.trainer import Trainer

TINY: dict[str, Any] = {
    "epochs": 2,
    "batch_size": 10,
    "precision": "fp32",
    "device": "cpu",
    "say": gancli.silent,
    "width": 4,
}


def start(pictures: Path, out: str, **options: Any) -> gancli.Run:
    return gancli.train("dcgan", pictures, out=out, **(TINY | options))


def tensors(out: str) -> dict[str, bytes]:
    """Return every tensor of a run's checkpoint, which includes its weights."""
    found = weights.load(Path(out, "training.safetensors"))
    return {name: tensor.numpy().tobytes() for name, tensor in found.items()}


@pytest.fixture(autouse=True)
def here(
    tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[pytest.MonkeyPatch]:
    """An empty folder to work in, and a report after every step."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    run = Trainer.run
    monkeypatch.setattr(Trainer, "run", lambda trainer: run(trainer, 0))
    return monkeypatch


def test_a_loop_trains_the_same_run_as_the_command(gan_here: Command, pictures: Path) -> None:
    words = "--epochs 2 --batch-size 10 --precision fp32 --device cpu --set width=4 --seed 3"
    gan_here("train", "dcgan", "--dataset", str(pictures), *words.split(), "--out", "typed")
    messages: list[str] = []
    run = start(pictures, "looped", seed=3, say=messages.append)
    reports = list(run)
    assert [r.epoch for r in reports if r.epoch_ended] == [1, 2]
    assert {"d_loss", "g_loss"} <= reports[-1].metrics.keys()
    assert any("fp32" in line for line in messages)
    assert run.folder.losses.exists()
    assert os.fspath(run.folder) == "looped"
    assert tensors("looped") == tensors("typed")


def test_the_defaults_are_those_of_the_command_and_of_job() -> None:
    ours = inspect.signature(gancli.train).parameters
    typed = inspect.signature(typed_train).parameters
    defaults = {f.name: f.default for f in fields(Job)}
    by_command = {"ctx", "config", "dry_run", "json", "preview", "devices", "max_restarts", "set"}
    assert {name.strip("_") for name in typed} - by_command <= ours.keys()
    for name, parameter in typed.items():
        if (known := name.strip("_")) in ours.keys() - {"model", "dataset", "save_every"}:
            assert ours[known].default == parameter.default, name
            assert defaults.get(known, parameter.default) == parameter.default, name


@pytest.mark.parametrize(
    ("options", "named", "hint"),
    [
        ({"model": "dcgn"}, "'dcgan'", "gan models"),
        ({"dataset": "mnits"}, "'mnist'", "gan datasets list"),
        ({"widht": 3}, "'width'", "--dry-run"),
        ({"lr": "fast"}, "'fast'", "--lr 0.0002"),
        ({"image_size": 30}, "30", "--image-size 32"),
        ({"device": "gpu"}, "auto, cuda, mps, cpu, not 'gpu'", "--device auto"),
        ({"precision": "fp8"}, "'fp8'", "--precision auto"),
        ({"preset": "best"}, "'best'", "--preset default"),
        ({"broken": "keep"}, "'keep'", "--broken skip"),
        ({"direction": "A2C"}, "'A2C'", "--direction A2B"),
        ({"workers": -1}, "--workers", "--workers 0"),
        ({"evaluate_every": -1}, "--evaluate-every", ""),
    ],
)
def test_wrong_words_are_usage_errors(options: dict[str, Any], named: str, hint: str) -> None:
    words = {"model": "dcgan", "dataset": "glyphs", **options}
    with pytest.raises(gancli.UsageError) as raised:
        gancli.train(**words)
    assert named in raised.value.message
    assert hint in (raised.value.hint or "")
    if hint:
        assert raised.value.__notes__ == [f"Next: {raised.value.hint}"]


def test_a_loop_that_is_left_early_resumes_to_the_same_bits(pictures: Path) -> None:
    for _ in start(pictures, "straight"):
        pass

    for report in start(pictures, "stopped"):
        if report.images_seen == 20:
            break
    run = start(pictures, "stopped")
    assert run.trainer.images_seen == 20
    with pytest.raises(ZeroDivisionError):
        for report in run:
            if report.images_seen == 80:
                1 / 0  # noqa: B018
    with pytest.raises(gancli.UsageError, match="once") as raised:
        list(run)
    assert "gancli.train" in str(raised.value.hint)

    with pytest.raises(gancli.Stopped, match="stopped"):
        for report in start(pictures, "stopped"):
            if report.images_seen == 100:
                os.kill(os.getpid(), signal.SIGINT)
    last = list(start(pictures, "stopped"))
    assert [r.images_seen for r in last] == [110]
    assert tensors("stopped") == tensors("straight")


def test_leaving_the_loop_closes_the_data_and_restores_the_signal_handlers(
    pictures: Path, here: pytest.MonkeyPatch
) -> None:
    closed: list[Trainer] = []
    here.setattr(Trainer, "close", lambda trainer: closed.append(trainer))
    before = signal.getsignal(signal.SIGINT)
    run = start(pictures, "run")
    for _ in run:
        assert signal.getsignal(signal.SIGINT) != before
        break
    assert closed == [run.trainer]
    assert signal.getsignal(signal.SIGINT) == before


def test_a_run_that_was_not_looped_over_makes_way_for_the_same_call(pictures: Path) -> None:
    first = start(pictures, "run")
    second = start(pictures, "run")
    with pytest.raises(gancli.UsageError, match="once"):
        list(first)
    looping = iter(second)
    next(looping)
    with pytest.raises(gancli.UsageError, match="using run"):
        start(pictures, "run")
    assert [report.epoch for report in looping if report.epoch_ended] == [1, 2]


def test_random_numbers_that_the_loop_draws_do_not_change_the_run(pictures: Path) -> None:
    for _ in start(pictures, "straight"):
        pass
    run = start(pictures, "drawing")
    torch.rand(1)
    for report in run:
        torch.rand(report.epoch + 1)
        if report.images_seen == 90:
            break
    for _ in start(pictures, "drawing"):
        torch.manual_seed(0)
    assert tensors("drawing") == tensors("straight")


def test_the_generator_of_a_run_is_a_snapshot_with_a_recipe_once_it_is_saved(
    pictures: Path,
) -> None:
    run = start(pictures, "run")
    untrained = run.generator()
    before = untrained.sample(4)
    assert untrained.path is None and before.recipe is None
    for report in run:
        if report.epoch_ended:
            now = run.generator()
            assert now.path == Path("run", weights.GENERATOR)
            assert now.digest == weights.digest(now.path)
        else:
            assert run.generator().path is None
    assert (untrained.sample(4).array == before.array).all()
    assert (run.generator().sample(4).array != before.array).any()
    loaded = gancli.load("run").sample(4)
    assert (run.generator().sample(4).array == loaded.array).all()
    assert run.generator().sample(4).recipe == loaded.recipe
    assert isinstance(run, Run)
