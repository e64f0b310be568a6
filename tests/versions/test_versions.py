"""Files made by earlier versions keep working.

Each folder here holds files of one version: runs stopped in the middle of an epoch (`*-stopped`),
generators of the same runs after the last epoch (`*-finished`), their training data, and pictures
from the finished generators (`kept`). These commands made the runs of 0.1.0:

    gan train MODEL --dataset pictures --set width=8 --set hidden=8 --z-dim 4 --epochs 12 --lr 0.01
    gan train pix2pix --dataset pairs --direction A2B --set width=1 --epochs 6

with --device cpu --precision fp32 --batch-size 8. The recipes in the pictures say how to make them.
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
    """Return the frames of a picture or an animation, each int16 (H, W, 3)."""
    with Image.open(path) as picture:
        return [np.asarray(f.convert("RGB"), np.int16) for f in ImageSequence.Iterator(picture)]


@pytest.mark.parametrize(("version", "name"), KEPT)
def test_old_generators_reproduce_their_pictures_within_one_level(
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
    assert np.ptp(pairs[0][0]) > 100  # the picture is not blank


@pytest.mark.parametrize(("version", "name"), STOPPED)
def test_old_stopped_runs_resume_and_finish(
    version: str, name: str, gan: Command, tmp_path: Path
) -> None:
    shutil.copytree(HERE / version, tmp_path, dirs_exist_ok=True)
    model = name.removesuffix("-stopped")
    words = ("pairs", *PAIRS) if model == "pix2pix" else ("pictures", *NOISE)
    folder = RunFolder(tmp_path / "runs" / name)
    before = folder.records()
    gan("train", model, "--dataset", *words, *OPTIONS, "--out", f"runs/{name}")
    records = folder.records()
    assert records[: len(before)] == before
    assert [record["epoch"] for record in records] == list(
        range(1, int(words[words.index("--epochs") + 1]) + 1)
    )
    assert folder.progress.exists() and not folder.epoch_start.exists()
