"""The generators that come with gan: their files, their names, and the first commands with them."""

import json
import re
from dataclasses import asdict
from pathlib import Path

import pytest
from conftest import Command
from PIL import Image

from gancli import pretrained, weights
from gancli.sampling import generator
from gancli.sampling.find import find, newest

LARGEST = 60e6  # bytes of all files, which every installation downloads


def test_the_folder_holds_the_files_that_are_named_and_no_others() -> None:
    names = sorted(file.name for file in pretrained.FOLDER.glob("*.safetensors"))
    assert names == sorted(f"{name}.safetensors" for name in pretrained.NAMES)
    assert sum(file.stat().st_size for file in pretrained.files()) < LARGEST


@pytest.mark.parametrize("name", pretrained.NAMES)
def test_each_has_a_card_and_says_nothing_of_the_machine_it_was_made_on(name: str) -> None:
    header = weights.read_generator(pretrained.FOLDER / f"{name}.safetensors")
    assert header.card is not None
    assert all(asdict(header.card).values())
    assert re.fullmatch(r"gan train .*", header.card.command)
    assert "protocol" in header.card.measures
    assert header.dataset.source == header.dataset.name
    assert header.model_file is None
    assert "celeba" not in header.dataset.name


@pytest.mark.parametrize("name", pretrained.NAMES)
def test_each_loads_with_its_name_and_has_its_discriminator(name: str) -> None:
    loaded = generator.load(find(name, Path("nowhere")), device="cpu")
    assert loaded.header.images_seen > 10_000
    stored = weights.load(pretrained.FOLDER / f"{name}.safetensors")
    assert any(key.startswith("discriminator:") for key in stored)


def test_a_name_means_the_users_run_first(runs: None, tmp_path: Path) -> None:
    mine = tmp_path / "runs" / "dcgan-mnist" / weights.GENERATOR
    assert find("dcgan-mnist", tmp_path / "runs") == mine
    assert pretrained.name_of(find("acgan", tmp_path / "runs")) is None
    assert pretrained.name_of(find("acgan", tmp_path)) == "acgan-mnist"
    assert pretrained.name_of(newest(runs=tmp_path)) == pretrained.NAMES[0]
    assert newest(runs=tmp_path / "runs").is_relative_to(tmp_path)


def test_the_first_commands_need_no_training(gan_here: Command, tmp_path: Path) -> None:
    Image.new("RGB", (256, 300), "gray").save(tmp_path / "in.jpg")
    gan_here("translate", "facades", "--direction", "A2B", "in.jpg")
    with Image.open(tmp_path / "in-A2B.png") as translated:
        assert translated.size == (256, 300)
    done = gan_here("sweep", "acgan", "--z-seed", "3", "--out", "sweep.gif", "--steps", "2")
    assert "Pretrained acgan-mnist: acgan, trained on mnist" in done.stderr
    assert (tmp_path / "sweep.gif").stat().st_size > 1000
    assert gan_here("sample", "acgan").stdout == "acgan-mnist-samples.png\n"
    gan_here("sample", "--like", "acgan-mnist-samples.png", "--out", "again.png")
    first, again = (tmp_path / name for name in ("acgan-mnist-samples.png", "again.png"))
    assert first.read_bytes() == again.read_bytes()


def test_runs_lists_them_below_the_users_own(gan_here: Command, runs: None) -> None:
    listed = json.loads(gan_here("runs", "--json").stdout)
    assert [run["name"] for run in listed if run["pretrained"]] == list(pretrained.NAMES)
    assert not listed[0]["pretrained"]
    rows = gan_here("runs").stdout.splitlines()
    assert not rows[0].endswith("pretrained")
    assert all(row.endswith("\tpretrained") for row in rows[-len(pretrained.NAMES) :])


def test_they_cannot_be_removed(gan_here: Command) -> None:
    refused = gan_here("runs", "--remove", "acgan-mnist", code=2)
    assert "acgan-mnist comes with gan, so it cannot be removed." in refused.stderr
    assert (pretrained.FOLDER / "acgan-mnist.safetensors").is_file()


def test_the_card_is_printed(gan_here: Command) -> None:
    card = gan_here("runs", "acgan-mnist").stdout
    for word in ("card.data", "card.citation", "card.command", "card.measures", "card.limits"):
        assert word in card
