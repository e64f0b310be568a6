"""A folder is only resumed with the command of its run; its pictures may change if asked to."""

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest
import torch
from conftest import Command

from gancli import weights
from gancli.training.folder import RunFolder
from gancli.weights import read_generator

TINY = "--set width=4 --batch-size 10 --precision fp32 --device cpu --save-every 0"


def train(gan: Command, words: str, code: int = 0) -> str:
    line = f"train dcgan --dataset pictures {TINY} --out run {words}"
    return gan(*shlex.split(line), code=code).stderr


def failure(stderr: str) -> tuple[str, str]:
    """Return the message and the command that it suggests."""
    *_, message, hint = stderr.strip().splitlines()
    return message, hint.partition("Next: ")[2]


def add(pictures: Path, count: int) -> None:
    """Add pictures to the training split: one in ten names would be held out for testing."""
    for i, file in enumerate(sorted((pictures / "train").rglob("*.png"))[:count]):
        shutil.copy(file, file.with_name(f"new-{i}.png"))


@pytest.fixture
def divided(pictures: Path) -> Path:
    """The pictures, all of them in the training split."""
    whole = pictures.rename(pictures.with_name("whole"))
    pictures.mkdir()
    return whole.rename(pictures / "train").parent


def test_other_options_are_named_and_the_hint_resumes_the_run(
    gan_here: Command, divided: Path
) -> None:
    train(gan_here, "--epochs 1 --image-size 16")
    for words, named in (
        ("--image-size 32", "image size is 16, not 32"),
        ("--image-size 16 --lr 0.1 --seed 4", r"lr is 0[.]003, not 0[.]1, its seed is 0, not 4"),
    ):
        message, hint = failure(train(gan_here, f"--epochs 1 {words}", code=2))
        assert re.search(rf"run holds a different run: its {named}\.", message)
        assert "--out run-2" in message
        assert "--fresh" in message
        assert "already trained" in gan_here(*shlex.split(hint)[1:]).stderr


def test_a_setting_that_an_earlier_version_lacked_keeps_its_default_on_resuming(
    gan_here: Command, divided: Path, tmp_path: Path
) -> None:
    words = "--image-size 16 --preset paper --epochs"
    train(gan_here, f"{words} 1")
    plan = json.loads((tmp_path / "run/run.json").read_text())
    assert plan["settings"].pop("noise") == "uniform"  # in the preset; the default is normal
    (tmp_path / "run/run.json").write_text(json.dumps(plan))
    message, _ = failure(train(gan_here, f"{words} 2 --set noise=uniform", code=2))
    assert "its noise is normal, not uniform" in message
    train(gan_here, f"{words} 2")
    assert read_generator(tmp_path / "run/generator.safetensors").settings["noise"] == "normal"


def test_a_run_continues_with_more_pictures_if_the_user_accepts_them(
    gan_here: Command, divided: Path, tmp_path: Path
) -> None:
    run = RunFolder(tmp_path / "run")
    train(gan_here, "--epochs 1")
    seen = read_generator(run.generator).images_seen
    add(divided, 1)
    message, hint = failure(train(gan_here, "--epochs 3", code=2))
    assert "pictures has 1 more picture than" in message
    assert not re.search(r"[0-9a-f]{16}|\b60\b|\b61\b", message)
    assert "Resuming run after 1.0 epochs" in gan_here(*shlex.split(hint)[1:]).stderr
    header = read_generator(run.generator)
    assert header.dataset.pictures == 61
    assert header.images_seen == 191  # three epochs of 61: 61 after the first, then steps of 10
    assert seen == 60
    assert [line["epoch"] for line in run.records()] == [1, 2, 3]
    assert len(run.all_samples()) == 3
    assert "already trained" in train(gan_here, "--epochs 3")

    for file in sorted((divided / "train").rglob("new-*"))[:1]:
        file.unlink()
    for file in sorted((divided / "train").rglob("*.png"))[:20]:
        file.unlink()
    message, hint = failure(train(gan_here, "--epochs 4", code=2))
    assert "21 fewer pictures" in message
    gan_here(*shlex.split(hint)[1:])
    assert [line["epoch"] for line in run.records()] == [1, 2, 3, 4]
    assert (
        read_generator(run.generator).images_seen == 165
    )  # four epochs of 40: 125 after the third, then steps of 10


def test_changed_pictures_keep_their_number_of_epochs_after_a_crash(
    gan_here: Command, divided: Path, tmp_path: Path
) -> None:
    """The plan has the new pictures before the first checkpoint that counts in them."""
    train(gan_here, "--epochs 2")
    checkpoint = tmp_path / "run" / "training.safetensors"
    before = checkpoint.read_bytes()
    add(divided, 20)
    train(gan_here, "--epochs 3 --accept-new-data")
    trained = {k: v.clone() for k, v in weights.load(checkpoint).items()}  # not mapped
    checkpoint.write_bytes(before)
    assert "Resuming run after 2.0 epochs" in train(gan_here, "--epochs 3")
    again = weights.load(checkpoint)
    assert [k for k, v in trained.items() if not torch.equal(again[k], v)] == []


def test_pictures_that_changed_but_not_in_number_are_noticed(
    gan_here: Command, divided: Path
) -> None:
    train(gan_here, "--epochs 1")
    dark, light = (next((divided / "train" / name).iterdir()) for name in ("dark", "light"))
    shutil.copy(dark, light)
    message, hint = failure(train(gan_here, "--epochs 2", code=2))
    assert "The pictures of pictures have changed" in message
    assert "--accept-new-data" in hint
