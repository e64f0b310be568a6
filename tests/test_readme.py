"""Run every `gan ...` line of the pages and every example, so that they cannot become outdated.

The datasets and runs that the lines name are replaced by small stand-ins.
"""

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
from typing import Any

import nbformat
import numpy as np
import pytest
from conftest import HEADER, small
from nbclient import NotebookClient
from PIL import Image
from typer.testing import CliRunner

from gancli import plugins, registry, weights
from gancli.cli.app import app
from gancli.data.idx import IdxSet
from gancli.data.verify import File
from gancli.datasets import celeba, fashion_mnist, glyphs, mnist
from gancli.evaluation import classifier
from gancli.shape import Shape
from gancli.training import precision

ROOT = Path(__file__).parents[1]
PAGES = {  # the front page, and those that it links to
    page.name: page.read_text(encoding="utf-8")
    for page in (ROOT / "README.md", *sorted((ROOT / "examples").glob("*.md")))
}
README, GUIDE = PAGES["README.md"], PAGES["guide.md"]
LINES = sorted({line for p in PAGES.values() for line in p.splitlines() if line.startswith("gan ")})
STAND_IN_SIZE = 600  # pictures in a stand-in dataset: more than the largest batch size
# Options that are added to a line, by command, so that it takes about a second.
SHORTCUTS = {
    "train": ["--dry-run", "--precision", "fp32"],  # no training, no timing of number formats
    "sweep": ["--steps", "2"],
    "interpolate": ["--steps", "2"],
    "evaluate": ["--samples", "200"],
}


def file_entry(path: Path) -> File:
    """The entry of a dataset for this file, with the digest and size that it really has."""
    data = path.read_bytes()
    return File(name=path.name, sha256=hashlib.sha256(data).hexdigest(), size=len(data))


def write_idx(path: Path, array: np.ndarray) -> File:
    """Write a uint8 array as an idx file: type, number of axes, length of each axis, values."""
    head = bytes([0, 0, 8, array.ndim])
    lengths = b"".join(length.to_bytes(4, "big") for length in array.shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(head + lengths + array.tobytes())
    return file_entry(path)


def stand_in(module: ModuleType, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace a dataset of idx files by a few random pictures in `folder` that pass its check."""
    ((name, original),) = ((k, v) for k, v in vars(module).items() if isinstance(v, IdxSet))
    rng, files = np.random.default_rng(0), {}
    for split, (images, labels) in original.files.items():
        files[split] = (
            write_idx(
                folder / images.name, rng.integers(0, 256, (STAND_IN_SIZE, 28, 28), np.uint8)
            ),
            write_idx(folder / labels.name, np.arange(STAND_IN_SIZE, dtype=np.uint8) % 10),
        )
    small = replace(original, files=files, sources=())
    replaced = {name: small, "load": small.load, "download": small.download}
    for attribute, value in replaced.items():
        monkeypatch.setattr(module, attribute, value)


def own_code(folder: Path) -> None:
    """Write my_gan.py and my_data.py to `folder`, and a generator of that model."""
    for file in (ROOT / "tests" / "own_code").glob("*.py"):
        shutil.copy(file, folder)
    header = {
        **HEADER,
        "model": "my_gan",
        "model_file": {"name": "my_gan.py", "digest": plugins.digest(str(folder / "my_gan.py"))},
    }
    model = small(str(folder / "my_gan.py"), Shape(channels=1, size=16), z_dim=4)
    weights.save(
        folder / "runs" / "my_gan-mnist" / weights.GENERATOR, model.generator.state_dict(), header
    )


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that all tests share, so that the drawn datasets are drawn only once."""
    return tmp_path_factory.mktemp("cache")


def save_run_of_points(folder: Path) -> None:
    """Save an untrained generator of points."""
    model = small("vanilla", Shape(channels=2, size=1))
    header = HEADER | {
        "model": "vanilla",
        "settings": {"width": 8, "z_dim": 6},
        "shape": {"channels": 2, "size": 1},
        "dataset": {"name": "ring"},
    }
    weights.save(folder / weights.GENERATOR, model.generator.state_dict(), header)


@pytest.fixture
def workspace(
    runs: None, pictures: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A folder with the runs, pictures and datasets that the README names; the tests run in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    monkeypatch.setenv("GAN_DATA_DIR", str(tmp_path / "data"))
    # `dcgan` means the newest run of that model, so this one is dated to 2038.
    newest = tmp_path / "runs" / "dcgan-fashion-mnist" / weights.GENERATOR
    os.utime(newest, (2**31 - 1,) * 2)

    for picture in sorted(pictures.rglob("*.png")):  # 180 of them: more than a batch
        for copy in ("again", "once-more"):
            shutil.copy(picture, picture.with_stem(f"{picture.stem}-{copy}"))
    Image.new("RGB", (40, 30)).save(tmp_path / "in.jpg")
    own_code(tmp_path)

    save_run_of_points(tmp_path / "runs" / "vanilla-ring")

    for module, name in ((mnist, "mnist"), (fashion_mnist, "fashion-mnist")):
        stand_in(module, tmp_path / "data" / name, monkeypatch)
    for split, count in (("train", 4), ("test", 2)):
        for i in range(count):
            pair = tmp_path / "data" / "facades" / split / f"{i}.jpg"
            pair.parent.mkdir(parents=True, exist_ok=True)
            Image.effect_noise((512, 256), 50).convert("RGB").save(pair)
    with zipfile.ZipFile(tmp_path / celeba.ARCHIVE.name, "w") as archive:
        archive.write(tmp_path / "in.jpg", "img_align_celeba/000001.jpg")
    monkeypatch.setattr(celeba, "ARCHIVE", file_entry(tmp_path / celeba.ARCHIVE.name))
    return tmp_path


@pytest.mark.parametrize("line", LINES)
def test_each_command_line_of_the_pages_works(line: str, workspace: Path) -> None:
    def gan(*words: str) -> str:
        # In this process: importing torch again for every line would take a minute in all.
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 0, (words, done.output, done.exception)
        return done.stdout

    words = shlex.split(line)[1:]
    if words[0] == "train":
        shutil.rmtree(workspace / "runs")  # they have no checkpoint to resume
    if "--config" in words:
        run = Path("runs", words[words.index("--config") + 1])
        run.mkdir(parents=True)
        printed = gan("train", *run.name.split("-", 1)[:1], "--dataset", "mnist", "--dry-run")
        (run / "run.json").write_text(printed)
    if words[0] == "translate":  # the folder gets a picture of another size as well
        Image.new("RGB", (64, 32)).save(workspace / "pictures" / "pair.jpg")
    if "sneaker" in words:  # as on a new machine: the pretrained generator knows that word
        shutil.rmtree(workspace / "runs")
    if "--like" in words:
        gan("sample", "acgan", "--out", words[words.index("--like") + 1])
    output = gan(*words, *([] if "--plane" in words else SHORTCUTS.get(words[0], [])))
    assert output.strip()
    if "--out" in words:
        assert (workspace / words[words.index("--out") + 1]).exists()
    if words[0] == "train":
        plan = json.loads(output)
        assert plan["dataset"]["source"] == words[words.index("--dataset") + 1]
        if "--epochs" in words:
            assert plan["training"]["epochs"] == int(words[words.index("--epochs") + 1])
    if words[0] == "evaluate":
        assert "Fréchet distance" in output
        assert "the test split of fashion-mnist" in output
    if words[:2] == ["datasets", "download"]:
        assert output.strip() == str(workspace / "data" / words[2])


def test_the_pages_show_every_command_and_list_every_folder() -> None:
    help_text = subprocess.run(
        [sys.executable, "-m", "gancli", "--help"], capture_output=True, text=True, check=True
    ).stdout
    commands = re.findall(r"^│ ([a-z][a-z-]*) ", help_text, re.MULTILINE)
    assert {"train", "sample", "datasets"} <= set(commands)
    for command in commands:
        assert any(line.startswith(f"gan {command}") for line in LINES), command
    for path in (ROOT / "gancli").iterdir():
        name = f"{path.name}/" if path.is_dir() else path.name
        assert name.startswith("__") or name in PAGES["code.md"], name


def test_every_link_between_the_pages_leads_to_a_file() -> None:
    for name, page in PAGES.items():
        folder = ROOT if name == "README.md" else ROOT / "examples"
        found = re.findall(r'(?:\]\(|src=")([^)"#]+)', page)
        for link in found:
            assert link.startswith("https://") or (folder / link).exists(), (name, link)
        assert name == "README.md" or f"](examples/{name})" in README, name


def test_the_pages_name_every_model_and_data_set() -> None:
    for kind in ("models", "datasets"):
        for name in registry.names(kind):
            assert name in GUIDE, name


def shortened(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw fewer glyphs, train the classifiers of metrics for five steps, and time no formats."""
    monkeypatch.setattr(glyphs, "INFO", replace(glyphs.INFO, train=300, test=100))
    monkeypatch.setattr(classifier, "STEPS", 5)
    monkeypatch.setattr(precision, "choose", lambda *_: ("fp32", "as in this test"))


def test_the_python_code_of_the_guide_works(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    shortened(monkeypatch)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))  # not for the other tests
    shutil.rmtree(workspace / "runs" / "dcgan-glyphs")  # it has no checkpoint to resume
    (code,) = re.findall(r"^```python\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
    found: dict[str, Any] = {}
    exec(code, found)
    for array in ("digits", "frames"):
        assert f"{array} = " in code
        assert f"# {found[array].dtype} {found[array].shape}" in code
    lines = capsys.readouterr().out.splitlines()
    assert float(lines[-1]) > 0
    for name in ("grid.png", "sweep.gif", "out.png"):
        assert (workspace / name).exists()


def test_the_notebook_runs_from_top_to_bottom(tmp_path: Path) -> None:
    notebook = nbformat.read(ROOT / "examples" / "notebook.ipynb", as_version=4)
    for cell in notebook.cells:
        assert not cell.get("outputs"), "clear the outputs before saving the notebook"
    start = f"import sys; sys.path[:0] = [{str(ROOT / 'tests')!r}, {str(ROOT)!r}]\n"
    start += "import pytest, test_readme; test_readme.shortened(pytest.MonkeyPatch())"
    notebook.cells.insert(0, nbformat.v4.new_code_cell(start))
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    client = NotebookClient(notebook, resources={"metadata": {"path": str(tmp_path)}})
    client.execute(env=environment)
    shown = {
        kind
        for cell in notebook.cells
        for out in cell.get("outputs", ())
        for kind in out.get("data", ())
    }
    assert {"image/png", "text/html", "text/markdown"} <= shown
    assert (tmp_path / "walk.gif").exists()


def test_walk_py_writes_an_animation_of_90_frames(runs: None, tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "examples" / "walk.py"), "dcgan", "walk.gif"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "walk.gif: 90 frames"
    assert (tmp_path / "walk.gif").stat().st_size > 1000


def test_the_table_in_scaling_md_matches_scaling_py(capsys: pytest.CaptureFixture[str]) -> None:
    """If a network changed, paste the output of `python examples/scaling.py` into scaling.md."""
    runpy.run_path(str(ROOT / "examples" / "scaling.py"), run_name="__main__")
    table = capsys.readouterr().out
    assert table.count("\n") > 5
    assert table in (ROOT / "examples" / "scaling.md").read_text(encoding="utf-8")
