"""Results on stdout, as JSON, and in the system's viewer."""

import json
import sys
from pathlib import Path

import pytest
from conftest import Command
from PIL import Image

GENERATORS = {
    "sample dcgan -n 2": "runs/dcgan-glyphs",
    "sweep acgan --steps 2": "runs/acgan-glyphs",
    "interpolate cgan --steps 2": "runs/cgan-glyphs",
    "interpolate dcgan --plane --grid 2x2": "runs/dcgan-glyphs",
    "translate facades in.png --variations 1": "runs/pix2pix-facades-A2B",
}


@pytest.fixture
def viewer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program `xdg-open` (`open` on macOS) that writes what it is to open into a file."""
    if sys.platform == "win32":
        pytest.skip("Windows has no program that opens a file")
    opened = tmp_path / "opened"
    for name in ("xdg-open", "open"):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\necho noise\necho noise >&2\necho $1 >> {opened}\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))  # and not the system's own viewer
    return opened


@pytest.mark.usefixtures("runs")
@pytest.mark.parametrize("line", GENERATORS)
def test_json_names_the_files_and_their_generator(
    gan_here: Command, tmp_path: Path, line: str
) -> None:
    Image.new("RGB", (32, 32)).save(tmp_path / "in.png")
    found = json.loads(gan_here(*line.split(), "--json").stdout)
    assert found["generator"] == str(Path(GENERATORS[line]) / "generator.safetensors")
    (file,) = found["files"]
    assert (tmp_path / file).is_file()


def test_json_of_datasets(gan_here: Command, pictures: Path) -> None:
    assert "glyphs" in json.loads(gan_here("datasets", "list", "--json").stdout)
    found = gan_here("datasets", "preview", "./pictures", "--json").stdout
    assert json.loads(found) == {"files": ["preview.png"]}


def test_json_of_a_training(gan_here: Command, pictures: Path) -> None:
    words = "train dcgan --dataset ./pictures --epochs 1 --set width=4 --batch-size 10"
    found = json.loads(gan_here(*words.split(), "--precision", "fp32", "--json").stdout)
    assert found["run"] == str(Path("runs/dcgan-pictures"))
    assert found["epoch"] == 1
    assert found["images_seen"] == 60


@pytest.mark.usefixtures("runs")
def test_open_starts_the_viewer_and_keeps_its_output_away(
    gan_here: Command, viewer: Path, tmp_path: Path
) -> None:
    done = gan_here("sample", "dcgan", "-n", "1", "--out", "one.png", "--open")
    assert done.stdout == "one.png\n"
    assert "noise" not in done.stderr
    assert viewer.read_text().strip() == str(tmp_path / "one.png")


@pytest.mark.usefixtures("runs", "viewer")
def test_without_a_viewer_the_result_is_kept_and_a_message_says_why(
    gan_here: Command, tmp_path: Path
) -> None:
    for name in ("xdg-open", "open"):
        (tmp_path / "bin" / name).write_text("#!/bin/sh\nexit 3\n")
    done = gan_here("sample", "dcgan", "-n", "1", "--out", "one.png", "--open")
    assert done.stdout == "one.png\n"
    assert "one.png" in done.stderr.splitlines()[-1]
    for name in ("xdg-open", "open"):
        (tmp_path / "bin" / name).unlink()
    gan_here("sample", "dcgan", "-n", "1", "--out", "one.png", "--open")
