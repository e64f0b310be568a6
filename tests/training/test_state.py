"""Resuming from files that are damaged or hostile: one clear message, and nothing is lost."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from conftest import Command
from torch import Tensor

from gancli import weights
from gancli.training.folder import RunFolder
from gancli.training.meter import Meter

VERSION = Path(__file__).parents[1] / "versions" / "0.1.0"
RESUME = "train dcgan --dataset pictures --set width=8 --set hidden=8 --z-dim 4 --lr 0.01 "
RESUME += "--device cpu --precision fp32 --batch-size 8 --epochs 4 --out run"


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run that was stopped in its fourth epoch, and its data."""
    shutil.copytree(VERSION / "runs" / "dcgan-stopped", tmp_path / "run")
    shutil.copytree(VERSION / "pictures", tmp_path / "pictures")
    return RunFolder(tmp_path / "run")


Tensors = dict[str, Tensor]
CLOCKS = [torch.tensor(float("nan")), torch.tensor(-1), torch.tensor(2**62), torch.tensor([0, 1])]
PLATEAUS = [[float("nan"), 0, 0], [1.0, float("inf"), 0], [1.0, 0, -1], [1.0]]
CHANGES: dict[str, Callable[[Tensors], object]] = {
    "no clock": lambda t: t.pop("clock"),
    "other moments": lambda t: t.update({"g_optimiser.0.x": t.pop("g_optimiser.0.exp_avg")}),
    "other weights": lambda t: t.update({"gan.x": torch.zeros(1)}),
    "doubles": lambda t: t.update({k: v.double() for k, v in t.items() if k[:4] == "ema."}),
    "bool moments": lambda t: t.update({"d_optimiser.0.step": torch.tensor(True)}),
    "other shapes": lambda t: t.update({"d_optimiser.0.exp_avg": torch.zeros(3)}),
    "vectors as sums": lambda t: t.update({"stats.d_loss": torch.zeros(3)}),
    "negative rollbacks": lambda t: t.update(setbacks=torch.tensor(-(2**40))),
    "random state": lambda t: t.update({"noise.cpu": torch.zeros(5000)}),
    "not a number": lambda t: t["g_optimiser.0.exp_avg"].view(-1)[0].fill_(torch.nan),
    **{f"clock {c}": lambda t, c=c: t.update(clock=c) for c in CLOCKS},
    **{
        f"plateau {p}": lambda t, p=p: t.update(plateau=torch.tensor(p, dtype=torch.float64))
        for p in PLATEAUS
    },
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_checkpoint_that_does_not_fit_is_refused_and_kept(
    change: str, run: RunFolder, gan_here: Command
) -> None:
    tensors = weights.load(run.training)
    CHANGES[change](tensors)
    weights.save(run.training, tensors, weights.read_header(run.training))
    before = run.training.read_bytes()
    done = gan_here(*RESUME.split(), code=1)
    assert "run/training.safetensors" in done.stderr and "--fresh" in done.stderr
    assert run.training.read_bytes() == before


def test_a_damaged_checkpoint_of_the_epoch_start_is_dropped(
    run: RunFolder, gan_here: Command
) -> None:
    weights.save(run.epoch_start, {"clock": torch.tensor(float("nan"))}, {})
    gan_here(*RESUME.split())
    assert not run.epoch_start.exists()


def test_a_meter_starts_again_if_a_state_has_other_metrics() -> None:
    meter = Meter(torch.device("cpu"))
    meter.load({"old": torch.tensor(5.0), "count": torch.tensor(2.0)})
    meter.add({"new": torch.tensor(3.0)})
    assert meter.read() == {"new": 3.0}


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"a":' * 900 + "0" + "}" * 900,
        "[]",
        "{}",
        json.dumps({"device": "cpu", "precision": "fp32", "training": {}}),
    ],
)
def test_a_plan_that_is_no_plan_is_refused(text: str, run: RunFolder, gan_here: Command) -> None:
    run.plan.write_text(text)
    done = gan_here(*RESUME.split(), code=1)
    assert "run/run.json is damaged" in done.stderr


@pytest.mark.parametrize(
    "change", [{"training": {"lr": "0.01"}}, {"shape": None}, {"precision": []}, {"dataset": {}}]
)
def test_a_plan_with_a_wrong_field_is_refused(
    change: dict[str, object], run: RunFolder, gan_here: Command
) -> None:
    run.write_plan(json.loads(run.plan.read_text()) | change)
    done = gan_here(*RESUME.split(), code=1)
    assert "run/run.json is damaged" in done.stderr


def test_training_refuses_names_that_no_generator_may_have(
    pictures: Path, gan_here: Command
) -> None:
    (pictures / "dark").rename(pictures / "dark\x1b[31m")
    words = "--set width=8 --z-dim 4 --device cpu --precision fp32 --batch-size 8 --out run"
    done = gan_here("train", "dcgan", "--dataset", str(pictures), *words.split(), code=1)
    assert "in its header, classes" in done.stderr and "\x1b" not in done.stderr
    assert not Path("run").exists()


def test_a_long_value_of_another_run_is_cut(run: RunFolder, gan_here: Command) -> None:
    plan = json.loads(run.plan.read_text())
    plan["settings"]["width"] = "x" * 4000
    run.write_plan(plan)
    done = gan_here(*RESUME.split(), code=2)
    assert "its width is xxx" in done.stderr and len(done.stderr) < 1000


def test_lines_of_metrics_that_are_no_numbers_are_left_out(
    run: RunFolder, gan_here: Command
) -> None:
    first, second, *_ = run.records()
    hostile = [
        first | {"d_loss": "low", "g_loss": [1], "x\n_loss": 1.0, "y_loss": 1e300},
        {"epoch": 2},
        {"epoch": "2", "images_seen": 56},
        {"epoch": 2, "images_seen": [56]},
    ]
    lines = [*map(json.dumps, hostile), "[" * 100_000, json.dumps(second)]
    run.metrics.write_text("\n".join(lines))
    damaged = {"d_loss", "g_loss"}
    assert run.records() == [{k: v for k, v in first.items() if k not in damaged}, second]
    gan_here(*RESUME.split())
    assert [record["epoch"] for record in run.records()] == [1, 2, 4]
    assert run.losses.exists()
