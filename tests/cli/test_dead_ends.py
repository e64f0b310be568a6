"""Folders that hold no run, half a run or other pictures than expected: what to type next works."""

import shlex
from pathlib import Path

import numpy as np
import pytest
from conftest import Command
from PIL import Image

TINY = "--image-size 16 --set width=4 --batch-size 10 --precision fp32 --device cpu --epochs 1"


def failure(stderr: str) -> tuple[str, str]:
    """Return the message and the command that it suggests."""
    *_, message, hint = stderr.strip().splitlines()
    return message, hint.partition("Next: ")[2]


def follow(gan: Command, line: str, code: int) -> tuple[str, str]:
    """Run a line that is refused and then, with few epochs, the line that it suggests."""
    message, hint = failure(gan(*shlex.split(line), code=code).stderr)
    assert hint.startswith("gan ")
    tiny = TINY.split() if hint.startswith("gan train dcgan") else []
    assert gan(*shlex.split(hint)[1:], *tiny).stdout
    return message, hint


@pytest.mark.parametrize("line", ["sample stopped", "sample runs/stopped", "runs stopped"])
def test_a_run_stopped_before_its_first_checkpoint_is_named_and_resumed(
    gan_here: Command, pictures: Path, tmp_path: Path, line: str
) -> None:
    plan = gan_here("train", "dcgan", "--dataset", "pictures", *TINY.split(), "--dry-run").stdout
    (tmp_path / "runs" / "stopped").mkdir(parents=True)
    (tmp_path / "runs" / "stopped" / "run.json").write_text(plan)
    message, _ = follow(gan_here, line, 2)
    assert "runs/stopped was stopped before its first checkpoint" in message
    assert gan_here("sample", "stopped", "--device", "cpu").stdout


def test_a_run_stopped_before_its_first_checkpoint_can_be_removed(
    gan_here: Command, tmp_path: Path
) -> None:
    (tmp_path / "runs" / "stopped").mkdir(parents=True)
    (tmp_path / "runs" / "stopped" / "run.json").write_text("{")
    message, _ = failure(gan_here("sample", "stopped", code=2).stderr)
    assert "damaged" in message
    gan_here("runs", "--remove", "stopped")
    assert not (tmp_path / "runs" / "stopped").exists()
    (tmp_path / "run.json").write_text("precious")
    gan_here("runs", "--remove", "..", code=2)
    assert (tmp_path / "run.json").exists()


@pytest.mark.parametrize(
    ("line", "code", "named"),
    [
        ("sample empty", 2, "empty is empty"),
        ("sample pictures", 2, "pictures does not contain"),
        ("datasets info ./pictures", 2, "./pictures is a folder"),
        ("train dcgan --dataset picture", 2, "the folder pictures?"),
        ("datasets stats picture", 2, "the folder pictures?"),
    ],
)
def test_a_folder_that_was_meant_for_something_else_leads_on(
    gan_here: Command, pictures: Path, tmp_path: Path, line: str, code: int, named: str
) -> None:
    (tmp_path / "empty").mkdir()
    if line == "sample empty":  # its hint would train on 60,000 glyphs
        message, hint = failure(gan_here(*line.split(), code=code).stderr)
        assert hint == "gan train dcgan --dataset glyphs"
    else:
        message, _ = follow(gan_here, line, code)
    assert named in message


@pytest.mark.parametrize("missing", ["run.json", "training.safetensors", ""])
def test_half_a_run_is_kept_and_another_is_trained_beside_it(
    gan_here: Command, pictures: Path, tmp_path: Path, missing: str
) -> None:
    line = f"train dcgan --dataset pictures {TINY}"
    gan_here(*line.split())
    folder = tmp_path / "runs" / "dcgan-pictures"
    if missing:
        (folder / missing).unlink()
    else:
        (folder / "run.json").write_text('{"model": 3}')
    before = (folder / "generator.safetensors").read_bytes()
    _, hint = follow(gan_here, line, 1)
    if missing:
        assert (folder / "generator.safetensors").read_bytes() == before
    else:
        assert hint.endswith("--fresh")


def test_a_preview_has_a_row_for_each_class(gan_here: Command, tmp_path: Path) -> None:
    for number in range(22):
        for copy in range(2 if number == 1 else 12):
            path = tmp_path / "pictures" / "train" / f"{number}" / f"{copy}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (16, 16), 10 * (number + 1)).save(path)
    done = gan_here("datasets", "preview", "./pictures", "--out", "preview.png")
    assert "Rows: 0, 1, 2, 3" in done.stderr
    with Image.open(tmp_path / "preview.png") as preview:
        pixels = np.asarray(preview)
    cells = pixels[8::18, 8::18]  # cells are 16 pixels wide, 2 apart
    assert cells.shape == (20, 10)
    assert cells[:, 0].tolist() == [10 * (number + 1) for number in range(20)]
    assert cells[1].tolist() == [20, 20] + 8 * [0]
