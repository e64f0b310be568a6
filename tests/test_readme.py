"""The README, its commands and the behaviour cannot drift apart, nor can the examples."""

import hashlib
import json
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from gancli import registry, weights
from gancli.cli.app import app
from gancli.data.idx import IdxSet
from gancli.data.verify import File
from gancli.datasets import celeba, fashion_mnist, mnist

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
LINES = [line for line in README.splitlines() if line.startswith("gan ")]
FEW = 160  # pictures that stand in for a data set: more than a batch of them
# What a line is given beside its own words, so that it takes a second.
BRIEFLY = {
    "train": ["--dry-run", "--precision", "fp32"],  # all but the training, and a trial of formats
    "sweep": ["--steps", "2"],
    "interpolate": ["--steps", "2"],
    "evaluate": ["--samples", "200"],
}


def described(path: Path) -> File:
    """The file as a data set would name it, so that it verifies."""
    data = path.read_bytes()
    return File(name=path.name, sha256=hashlib.sha256(data).hexdigest(), size=len(data))


def write_idx(path: Path, array: np.ndarray) -> File:
    """An idx file of bytes: type and number of axes, the length of each, the values."""
    head = bytes([0, 0, 8, array.ndim])
    lengths = b"".join(length.to_bytes(4, "big") for length in array.shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(head + lengths + array.tobytes())
    return described(path)


def stand_in(module: ModuleType, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a data set of idx files be a few random pictures, in files that verify, in `folder`."""
    ((name, of_idx),) = ((k, v) for k, v in vars(module).items() if isinstance(v, IdxSet))
    generator, files = np.random.default_rng(0), {}
    for split, (images, labels) in of_idx.files.items():
        files[split] = (
            write_idx(folder / images.name, generator.integers(0, 256, (FEW, 28, 28), np.uint8)),
            write_idx(folder / labels.name, np.arange(FEW, dtype=np.uint8) % 10),
        )
    few = replace(of_idx, files=files, sources=())
    for changed, value in ((name, few), ("load", few.load), ("download", few.download)):
        monkeypatch.setattr(module, changed, value)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is drawn is drawn once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def place(
    runs: None, pictures: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """The folder in which a reader of the README would type: with runs, pictures and data sets."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    monkeypatch.setenv("GAN_DATA_DIR", str(tmp_path / "data"))
    newest = tmp_path / "runs" / "dcgan-fashion-mnist" / weights.GENERATOR  # which `dcgan` means
    os.utime(newest, (2**31 - 1,) * 2)

    for picture in sorted(pictures.rglob("*.png")):  # more than a batch of them
        for copy in ("again", "once-more"):
            shutil.copy(picture, picture.with_stem(f"{picture.stem}-{copy}"))
    Image.new("RGB", (40, 30)).save(tmp_path / "in.jpg")

    for module, name in ((mnist, "mnist"), (fashion_mnist, "fashion-mnist")):
        stand_in(module, tmp_path / "data" / name, monkeypatch)
    for split, count in (("train", 4), ("test", 2)):
        for i in range(count):
            pair = tmp_path / "data" / "facades" / split / f"{i}.jpg"
            pair.parent.mkdir(parents=True, exist_ok=True)
            Image.effect_noise((512, 256), 50).convert("RGB").save(pair)
    with zipfile.ZipFile(tmp_path / celeba.ARCHIVE.name, "w") as archive:
        archive.write(tmp_path / "in.jpg", "img_align_celeba/000001.jpg")
    monkeypatch.setattr(celeba, "ARCHIVE", described(tmp_path / celeba.ARCHIVE.name))
    return tmp_path


@pytest.mark.parametrize("line", LINES)
def test_a_line_of_the_readme_works(line: str, place: Path) -> None:
    def gan(*words: str) -> str:  # in this process: importing torch for each line takes a minute
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 0, (words, done.output, done.exception)
        return done.stdout

    words = shlex.split(line)[1:]
    if words[0] == "train":
        shutil.rmtree(place / "runs")  # generators alone, which no training goes on from
    if words[0] == "translate":
        Image.new("RGB", (64, 32)).save(place / "pictures" / "pair.jpg")
    if "--like" in words:
        gan("sample", "acgan", "--out", words[words.index("--like") + 1])
    said = gan(*words, *([] if "--plane" in words else BRIEFLY.get(words[0], [])))
    assert said.strip()
    if "--out" in words:
        assert (place / words[words.index("--out") + 1]).exists()
    if words[0] == "train":
        plan = json.loads(said)
        assert plan["dataset"]["source"] == words[words.index("--dataset") + 1]
        if "--epochs" in words:
            assert plan["training"]["epochs"] == int(words[words.index("--epochs") + 1])
    if words[0] == "evaluate":
        assert "Fréchet distance" in said
        assert "the test split of fashion-mnist" in said
    if words[:2] == ["datasets", "download"]:
        assert said.strip() == str(place / "data" / words[2])


def test_the_readme_shows_every_command_and_lists_every_folder() -> None:
    help_text = subprocess.run(
        [sys.executable, "-m", "gancli", "--help"], capture_output=True, text=True, check=True
    ).stdout
    commands = re.findall(r"^│ (\w+) ", help_text, re.MULTILINE)
    assert {"train", "sample", "datasets"} <= set(commands)
    for command in commands:
        assert any(line.startswith(f"gan {command}") for line in LINES), command
    for path in (ROOT / "gancli").iterdir():
        name = f"{path.name}/" if path.is_dir() else path.name
        assert name.startswith("__") or name in README, name


def test_the_readme_names_every_model_and_data_set() -> None:
    for kind in ("models", "datasets"):
        for name in registry.names(kind):
            assert name in README, name


def test_the_example_makes_its_animation(runs: None, tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "examples" / "walk.py"), "dcgan", "walk.gif"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "walk.gif: 90 frames"
    assert (tmp_path / "walk.gif").stat().st_size > 1000


def test_the_table_of_scaling_is_that_of_the_networks(capsys: pytest.CaptureFixture[str]) -> None:
    """After a change of a network: python examples/scaling.py prints the new one."""
    runpy.run_path(str(ROOT / "examples" / "scaling.py"), run_name="__main__")
    table = capsys.readouterr().out
    assert table.count("\n") > 5
    assert table in (ROOT / "examples" / "scaling.md").read_text(encoding="utf-8")
