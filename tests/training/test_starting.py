"""`--from`: a run starts from the weights of another, and is resumed without them."""

import json
from pathlib import Path

import pytest
import torch
from conftest import Command
from safetensors.torch import load_file

TINY = ("--set", "width=4", "--batch-size", "10", "--device", "cpu", "--precision", "fp32")
TRAIN = ("train", "dcgan", "--dataset", "./pictures")
FROM = (*TRAIN, "--from", "first", "--batch-size", "10", "--precision", "fp32", "--device", "cpu")


@pytest.fixture
def first(gan_here: Command, pictures: Path, tmp_path: Path) -> Path:
    gan_here(*TRAIN, *TINY, "--epochs", "1", "--out", "runs/first")
    return tmp_path / "runs" / "first"


def tensors(run: Path, name: str) -> dict[str, torch.Tensor]:
    return load_file(run / f"{name}.safetensors")


def test_both_networks_start_where_the_other_run_ended(
    gan_here: Command, first: Path, tmp_path: Path
) -> None:
    done = gan_here(*FROM, "--epochs", "0.1", "--lr", "1e-9", "--set", "ema=0", "--out", "next")
    assert "Starting from the weights in runs/first/generator.safetensors.\n" in done.stderr
    for network in ("generator", "discriminator"):
        before, after = tensors(first, network), tensors(tmp_path / "next", network)
        learned = [name for name in before if "weight" in name]
        assert learned
        for name in learned:  # a step at a learning rate of 1e-9 moves them by about 1e-9
            torch.testing.assert_close(after[name], before[name], rtol=0, atol=1e-6)
    plan = json.loads((tmp_path / "next" / "run.json").read_text())
    assert plan["settings"]["width"] == 4  # not typed: that of the other run
    assert plan["start_from"]["name"] == "first"


def test_a_run_is_resumed_without_the_one_it_started_from(
    gan_here: Command, first: Path, tmp_path: Path
) -> None:
    gan_here(*FROM, "--epochs", "2", "--out", "whole")
    gan_here(*FROM, "--epochs", "1", "--set", "lr_decay=0", "--out", "parts")
    gan_here(*FROM, "--epochs", "2", "--set", "lr_decay=0", "--out", "other")
    (first / "generator.safetensors").unlink()
    without = [word for word in FROM if word not in ("--from", "first")]
    gan_here(*without, "--epochs", "2", "--set", "lr_decay=0", "--out", "parts")
    one, other = (tensors(tmp_path / run, "generator") for run in ("parts", "other"))
    assert all(torch.equal(one[name], other[name]) for name in other)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--set", "width=8"), "The networks of first have width=4"),
        (("--image-size", "32"), "their size is 16, not 32"),
        (("--from", "nothing"), "nothing is not a file, a run folder"),
    ],
)
def test_what_does_not_fit_is_refused(
    gan_here: Command, first: Path, words: tuple[str, ...], sentence: str
) -> None:
    done = gan_here(*FROM, *words, "--out", "next", code=2)
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_another_model_is_refused(gan_here: Command, first: Path) -> None:
    done = gan_here("train", "cgan", "--dataset", "./pictures", "--from", "first", code=2)
    assert "No run of first in runs/ is a cgan." in done.stderr
    by_path = ("--from", "runs/first/generator.safetensors")
    done = gan_here("train", "cgan", "--dataset", "./pictures", *by_path, code=2)
    assert "is a dcgan, so this run cannot start from it" in done.stderr


def test_a_resumed_run_refuses_another_start(gan_here: Command, first: Path) -> None:
    gan_here(*FROM, "--epochs", "1", "--out", "next")
    done = gan_here(*FROM, "--from", "dcgan", "--epochs", "2", "--out", "next", code=2)
    assert "holds a run that started from first, not from dcgan" in done.stderr
    done = gan_here(*FROM, "--epochs", "2", "--out", "runs/first", code=2)
    assert "holds a run that started from new weights, not from first" in done.stderr
