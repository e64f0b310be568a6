"""The README, its commands and the behaviour cannot drift apart, nor can the examples."""

import re
import runpy
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from gancli import registry
from gancli.cli.app import app

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
LINES = [line for line in README.splitlines() if line.startswith("gan ")]
NEEDS_DATA = ("fashion-mnist", "evaluate", " mnist", "celeba", "--dataset facades")


@pytest.mark.parametrize("line", LINES)
def test_a_line_of_the_readme_works(
    line: str, runs: None, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def gan(*words: str) -> None:  # in this process: importing torch for each line takes a minute
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 0, (words, done.output, done.exception)

    words = shlex.split(line)[1:]
    for picture in sorted(pictures.rglob("*.png")):  # more than a batch of them
        shutil.copy(picture, picture.with_stem(f"{picture.stem}-again"))
    if words[0] == "train":  # everything but the training itself
        words = [*words, "--dry-run"]
        shutil.rmtree(tmp_path / "runs")  # generators alone, which no training goes on from
    if any(word in line for word in NEEDS_DATA) and words[:2] != ["datasets", "info"]:
        words = [*words, "--help"]  # data that tests cannot count on
    if words[0] == "translate":
        Image.new("RGB", (40, 30)).save(tmp_path / "in.jpg")
        Image.new("RGB", (64, 32)).save(tmp_path / "pictures" / "pair.jpg")
    if "--like" in words:
        gan("sample", "acgan", "--out", words[words.index("--like") + 1])
    if words[0] in ("sweep", "interpolate") and "--plane" not in words:
        words = [*words, "--steps", "2"]
    gan(*words)
    if "--out" in words and "--help" not in words:
        assert (tmp_path / words[words.index("--out") + 1]).exists()


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
