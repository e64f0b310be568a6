"""`gan runs`, `gan models` and `gan env`: what there is, as a table and as JSON."""

import json
from pathlib import Path

import pytest
from conftest import Command, write_weights

import gancli
from gancli import registry, settings
from gancli.training import precision
from gancli.weights import GENERATOR

TINY = ("--set", "width=4", "--batch-size", "10", "--precision", "fp32", "--device", "cpu")


def test_runs_lists_what_was_trained_newest_first_and_describes_one(
    gan_here: Command, pictures: Path, nothing_pretrained: None
) -> None:
    assert "gan train" in gan_here("runs").stderr
    assert json.loads(gan_here("runs", "--json").stdout) == []
    gan_here("train", "began", "--dataset", "./pictures", "--epochs", "2", *TINY)
    gan_here("train", "dcgan", "--dataset", "./pictures", "--epochs", "1", *TINY)
    newest, oldest = (line.split("\t") for line in gan_here("runs").stdout.splitlines())
    assert newest[:5] == ["dcgan-pictures", "dcgan", "pictures", "1/1", ""]
    assert oldest[:4] == ["began-pictures", "began", "pictures", "2/2"]
    assert oldest[4].startswith("convergence 0.")
    first, second = json.loads(gan_here("runs", "--json").stdout)
    assert (first["name"], first["epochs"], first["best"]) == ("dcgan-pictures", 1, None)
    assert second["best"]["measure"] == "convergence"
    described = dict(line.split("\t") for line in gan_here("runs", "began").stdout.splitlines())
    assert (described["model"], described["dataset.pictures"]) == ("began", "54")
    header = json.loads(gan_here("runs", "began", "--json").stdout)
    assert header["file"] == f"runs/began-pictures/{GENERATOR}"
    assert header["settings"]["width"] == 4


def test_remove_deletes_the_files_of_a_run_and_no_others(
    gan_here: Command, pictures: Path, tmp_path: Path
) -> None:
    for out in ("runs/a", "runs/b"):
        words = ("train", "dcgan", "--dataset", "./pictures", "--epochs", "1", "--out", out)
        gan_here(*words, *TINY)
    (tmp_path / "runs" / "b" / "notes.txt").write_text("mine")
    gan_here("runs", "--remove", "a")
    assert not (tmp_path / "runs" / "a").exists()
    assert "stay" in gan_here("runs", "--remove", "b").stderr
    assert [f.name for f in (tmp_path / "runs" / "b").iterdir()] == ["notes.txt"]
    for name in ("a", "../pictures", ".", ""):
        gan_here("runs", "--remove", name, code=2)
    assert len(list(pictures.rglob("*.png"))) == 60


def test_a_damaged_run_is_left_out_of_the_list_but_can_be_removed(
    gan_here: Command, tmp_path: Path, nothing_pretrained: None
) -> None:
    write_weights(tmp_path / "runs" / "good" / GENERATOR)
    (tmp_path / "runs" / "bad").mkdir()
    (tmp_path / "runs" / "bad" / GENERATOR).write_bytes(b"rubbish")
    assert [line.split("\t")[0] for line in gan_here("runs").stdout.splitlines()] == ["good"]
    gan_here("runs", "--remove", "bad")
    assert not (tmp_path / "runs" / "bad").exists()


@pytest.mark.parametrize("model", registry.names("models"))
def test_every_setting_of_every_model_has_help_and_known_values(model: str) -> None:
    for setting in settings.of(model):
        assert len(setting.help) > 5, setting.name
        assert setting.allowed != "any", setting.name
        assert setting.defaults.keys() == {"default", "paper"}


def test_models_shows_bounds_and_the_defaults_of_each_preset(gan_here: Command) -> None:
    rows = {line.split("\t")[0]: line.split("\t")[1:] for line in _lines(gan_here, "dcgan")}
    assert rows["--set width"][:3] == ["64", "128", "1 to 4,096"]
    assert rows["--lr"][:2] == ["0.003", "0.0002"]
    assert rows["--set minibatch_std"][:3] == ["true", "false", "true, false"]
    began = {line.split("\t")[0]: line.split("\t")[1] for line in _lines(gan_here, "began")}
    assert began["--set taper"] == "2 at 28 pixels, 1 at 64 pixels"
    pix2pix = {line.split("\t")[0]: line.split("\t")[1] for line in _lines(gan_here, "pix2pix")}
    assert pix2pix["--epochs"] == "50 at A2B, 100 at B2A"
    names = [line.split("\t")[0] for line in gan_here("models").stdout.splitlines()]
    assert tuple(names) == registry.names("models")
    found = json.loads(gan_here("models", "dcgan", "--json").stdout)
    assert {"name": "width", "option": "--set width"}.items() <= found[1].items()
    assert "began" in gan_here("models", "begun", code=2).stderr


def _lines(gan_here: Command, model: str) -> list[str]:
    return gan_here("models", model).stdout.splitlines()


def test_env_describes_the_machine_and_keeps_what_it_measured(
    gan_here: Command, tmp_path: Path
) -> None:
    found = json.loads(gan_here("env", "--json").stdout)
    assert found["gan"] == gancli.__version__
    assert found["number format"].split()[0] in precision.FORMATS
    assert str(tmp_path / "cache") in found["cache"]
    again = gan_here("env")
    assert "Measuring" not in again.stderr
    assert any(line.startswith("torch\t") for line in again.stdout.splitlines())


def test_training_ends_with_what_was_made_and_commands_that_work(
    gan_here: Command, pictures: Path
) -> None:
    words = ("train", "cgan", "--dataset", "./pictures", "--epochs", "1", *TINY)
    lines = gan_here(*words).stderr.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("Done: cgan after 1"))
    assert "samples/latest.png" in lines[at + 1]
    commands = [line.removeprefix("Next: ").strip() for line in lines[at + 2 :]]
    assert [command.split()[:2] for command in commands[:3]] == [
        ["gan", "sample"],
        ["gan", "sweep"],
        ["gan", "interpolate"],
    ]
    for command in commands[:3]:
        gan_here(*command.split()[1:])
    elsewhere = gan_here(*words, "--out", "my run").stderr
    assert "gan sample 'my run'" in elsewhere


def test_training_names_the_best_epoch_if_one_was_measured(
    gan_here: Command, pictures: Path
) -> None:
    words = ("train", "began", "--dataset", "./pictures", "--epochs", "2", *TINY)
    assert "(convergence 0." in gan_here(*words).stderr
