"""Files made by earlier versions keep working.

Each folder here holds what a version left: runs that were stopped in mid-epoch (`*-stopped`),
generators of the same runs trained to the end (`*-finished`), the data of both, and pictures made
by the latter (`kept`). The runs of 0.1.0 were made by

    gan train MODEL --dataset pictures --set width=8 --set hidden=8 --z-dim 4 --epochs 12 --lr 0.01
    gan train pix2pix --dataset pairs --direction A2B --set width=1 --epochs 6

with --device cpu --precision fp32 --batch-size 8, and their pictures by what their recipes say.
"""

import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import Command
from PIL import Image, ImageSequence
from typer.testing import CliRunner

from gancli.cli.app import app
from gancli.training.folder import RunFolder

HERE = Path(__file__).parent
VERSIONS = sorted(path.name for path in HERE.iterdir() if (path / "runs").is_dir())
KEPT = [(v, path.name) for v in VERSIONS for path in sorted((HERE / v / "kept").iterdir())]
STOPPED = [(v, p.name) for v in VERSIONS for p in sorted((HERE / v / "runs").glob("*-stopped"))]
OPTIONS = ("--device", "cpu", "--precision", "fp32", "--batch-size", "8")
NOISE = ("--set", "width=8", "--set", "hidden=8", "--z-dim", "4", "--epochs", "12", "--lr", "0.01")
PAIRS = ("--direction", "A2B", "--set", "width=1", "--epochs", "6")


def frames(path: Path) -> list[np.ndarray]:
    """Every frame of a picture or an animation, int16 (H, W, 3)."""
    with Image.open(path) as picture:
        return [np.asarray(f.convert("RGB"), np.int16) for f in ImageSequence.Iterator(picture)]


@pytest.mark.parametrize(("version", "name"), KEPT)
def test_a_picture_is_made_again_within_one_level(
    version: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(HERE / version)
    kept, again = Path("kept", name), tmp_path / name
    words = ["sample", "--like", str(kept), "--out", str(again)]
    if name.endswith("-A2B.png"):
        source = f"pairs/test/{name.removesuffix('-A2B.png')}.png"
        words = ["translate", "runs/pix2pix-finished", source, "--paired", "--out", str(again)]
    done = CliRunner().invoke(app, [*words, "--device", "cpu"])
    assert done.exit_code == 0, (done.output, done.exception)
    pairs = list(zip(frames(kept), frames(again), strict=True))
    assert all(np.abs(old - new).max() <= 1 for old, new in pairs)
    assert np.ptp(pairs[0][0]) > 100  # there is something to see


@pytest.mark.parametrize(("version", "name"), STOPPED)
def test_a_stopped_run_goes_on_to_its_end(
    version: str, name: str, gan: Command, tmp_path: Path
) -> None:
    shutil.copytree(HERE / version, tmp_path, dirs_exist_ok=True)
    model = name.removesuffix("-stopped")
    words = ("pairs", *PAIRS) if model == "pix2pix" else ("pictures", *NOISE)
    folder = RunFolder(tmp_path / "runs" / name)
    before = folder.records()
    done = gan("train", model, "--dataset", *words, *OPTIONS, "--out", f"runs/{name}")
    assert "Going on with" in done.stderr
    records = folder.records()
    assert records[: len(before)] == before
    assert [record["epoch"] for record in records] == list(
        range(1, int(words[words.index("--epochs") + 1]) + 1)
    )
    assert folder.progress.exists() and not folder.epoch_start.exists()
