"""Wrong command lines: the sentence that each one is answered with, and the command to type next.

wrong-lines.txt lists the lines and their answers. To add a line, write it there, after a `$`; then
fill in its answer, and read the diff:

    GAN_UPDATE_SNAPSHOTS=1 pytest tests/cli/test_wrong_lines.py
"""

import os
import shlex
from pathlib import Path

import numpy as np
import pytest
import typer
from conftest import HEADER, Command, small, write_weights
from PIL import Image

from gancli import weights
from gancli.cli import next_command
from gancli.cli.app import app
from gancli.gan import Shape
from gancli.images import save_png

FILE = Path(__file__).with_name("wrong-lines.txt")
ANSWERS = dict(part.partition("\n")[::2] for part in FILE.read_text("utf-8").split("\n\n"))
LINES = [line.removeprefix("$ ") for line in ANSWERS]


def save_noise(path: Path, size: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (size, size, 3), np.uint8)).save(path)


@pytest.fixture
def world(tmp_path: Path, runs: None) -> None:
    """What the lines name: pictures in classes, an empty folder, files of other kinds, runs."""
    for kind in ("circles", "squares"):
        for number in range(20):
            save_noise(tmp_path / "pics" / kind / f"{number}.png", 16)
    for name in ("photo.png", "photo2.png"):
        save_noise(tmp_path / name, 32)
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("Bring milk.")
    (tmp_path / "empty.py").write_text("")
    recipe = {"command": "gan sample REF -n 1", "sha256": "0" * 64}
    save_png(tmp_path / "made.png", np.zeros((28, 28, 1), np.uint8), recipe)
    (tmp_path / "runs" / "stopped").mkdir()
    write_weights(tmp_path / "weights.safetensors")
    model = small("acgan", Shape(channels=1, size=28, classes=2))
    header = HEADER | {
        "model": "acgan",
        "settings": {"width": 8, "z_dim": 6},
        "shape": {"channels": 1, "size": 28, "classes": 2},
        "dataset": {"name": "shapes"},
        "classes": ["circles", "squares"],
        "labelled": True,
    }
    file = tmp_path / "runs" / "acgan-shapes" / weights.GENERATOR
    weights.save(file, model.generator.state_dict(), header)


def answer(gan_here: Command, line: str) -> str:
    """Return the message for a wrong line, and the command to type next."""
    done = gan_here(*shlex.split(line)[1:], code=None)
    assert done.returncode in (1, 2)
    assert done.stdout == ""
    shown = [text.strip() for text in done.stderr.splitlines()]
    (message,) = (text for text in shown if text.startswith("gan: "))
    assert "Internal error" not in message
    return "\n".join([message, *(text for text in shown if text.startswith("Next: "))])


@pytest.mark.usefixtures("world")
def test_every_wrong_line_is_answered_as_in_the_snapshot(gan_here: Command) -> None:
    found = {line: answer(gan_here, line) for line in LINES}
    if os.environ.get("GAN_UPDATE_SNAPSHOTS"):
        parts = (f"$ {line}\n{text}" for line, text in found.items())
        FILE.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
        pytest.skip("snapshot updated")
    assert found == {line: ANSWERS[f"$ {line}"].strip() for line in LINES}
    assert len(found) >= 100


@pytest.mark.parametrize("line", LINES)
def test_the_suggested_command_can_be_parsed(line: str) -> None:
    hint = ANSWERS[f"$ {line}"].partition("\nNext: ")[2].strip()
    if not hint.startswith("gan "):
        assert not hint.startswith("-")  # an option alone is not a command
        return
    assert hint != line
    words = shlex.split(hint)[1:]
    count, command = next_command.find(typer.main.get_command(app), words)
    try:
        command.make_context("gan", words[count:])
    except typer.Exit as end:  # of --help
        assert end.exit_code == 0


@pytest.mark.parametrize(
    ("words", "hint", "whole"),
    [
        ("sample dcgan -n0", "-n 64", "gan sample dcgan -n 64"),
        ("sample dcgan --count=0 --show", "-n 64", "gan sample dcgan --show -n 64"),
        ("sample acgan --label x", "--labels 'a b'", "gan sample acgan --labels 'a b'"),
        ("sample acgan --show --labels 3", "leave out --labels", "gan sample acgan --show"),
        ("sample acgan --show --seeds 3", "leave out --show", "gan sample acgan --seeds 3"),
        ("train x --epochs --seed 1", "--epochs 2", "gan train x --seed 1 --epochs 2"),
        ("sweep x", "--seeds 1 --labels all", "gan sweep x --seeds 1 --labels all"),
        ("interpolate x --range 1,0", "--range=-1,1", "gan interpolate x --range=-1,1"),
        ("train x --dry-run=3", "--dry-run", "gan train x --dry-run"),
        ("train x", "--lr 1 to go slower", "--lr 1 to go slower"),
        ("train x", "--nonsense 3", "--nonsense 3"),
        ("train x", "gan models", "gan models"),
    ],
)
def test_a_suggested_option_becomes_a_whole_command(words: str, hint: str, whole: str) -> None:
    root = typer.main.get_command(app)
    assert next_command.completed(hint, words.split(), root) == whole
