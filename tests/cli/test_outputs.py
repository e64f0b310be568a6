"""Names of results: built from names of inputs and runs, and always inside the folder meant."""

import os
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import Command
from PIL import Image

from gancli import pretrained
from gancli.cli import outputs
from gancli.cli.command import without_aliases
from gancli.cli.generators import stem
from gancli.errors import UsageError
from gancli.formats import read_recipe
from gancli.images import save_png
from gancli.sampling import choices
from gancli.weights import GENERATOR

ODD = (
    " ",
    "..",
    "...",
    "-n",
    "a.b.c",
    "~root",
    "x\x1b[2J",
    "*?[a]",
    "a\\b",
    "né€",
    "C:x",
    "'\"$(x)",
)


@pytest.mark.parametrize("ending", ["A2B", "/../../x/y", "../x", "a/b", "x\0"])
def test_results_stay_in_their_folder_whatever_a_header_says(tmp_path: Path, ending: str) -> None:
    sources = [tmp_path / "in" / f"{name}.png" for name in ODD]
    for out in (None, Path("o"), tmp_path / "o"):
        if ending == "A2B":
            found = outputs.targets(sources, out, ending, variations=2)
            assert {target.parent for pair in found for target in pair} == {out or tmp_path / "in"}
            assert len({target for pair in found for target in pair}) == 2 * len(ODD)
        else:
            with pytest.raises(UsageError):
                outputs.targets(sources, out, ending)


@pytest.mark.parametrize("name", ["/x.png", "../x.png", "..", ".", "", "a/x.png", "./x.png"])
def test_only_a_name_is_a_file_inside_a_folder(name: str) -> None:
    with pytest.raises(UsageError):
        outputs.inside(Path("o"), name)


def test_a_linked_input_has_its_result_beside_the_link(
    gan_here: Command, runs: None, tmp_path: Path
) -> None:
    for folder in ("here", "there"):
        (tmp_path / folder).mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "there" / "real.png")
    (tmp_path / "here" / "link.png").symlink_to("../there/real.png")
    (tmp_path / "folder").symlink_to("there")
    gan_here("translate", "toy-facades", "here", "folder")
    assert (tmp_path / "here" / "link-A2B.png").is_file()
    assert [p.name for p in sorted((tmp_path / "there").iterdir())] == ["real-A2B.png", "real.png"]


def test_a_run_gives_its_name_to_results_however_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "runs" / "dcgan-x" / "samples"
    run.mkdir(parents=True)
    monkeypatch.chdir(run)
    for file in ("../generator.safetensors", "../../dcgan-x/generator.safetensors"):
        assert stem(Path(file)) == "dcgan-x"
    monkeypatch.chdir(run.parent)
    assert stem(Path("generator.safetensors")) == "dcgan-x"
    assert stem(Path("best.safetensors")) == "dcgan-x-best"


def test_a_result_without_out_never_replaces_a_file(
    gan_here: Command, runs: None, tmp_path: Path
) -> None:
    """The name gets a number, also where a link without a target stands."""
    (tmp_path / "dcgan-glyphs-samples.png").write_bytes(b"kept")
    (tmp_path / "dcgan-glyphs-samples-2.png").symlink_to("nowhere")
    done = gan_here("sample", "dcgan", "-n", "1")
    assert done.stdout == "dcgan-glyphs-samples-3.png\n"
    assert (tmp_path / "dcgan-glyphs-samples.png").read_bytes() == b"kept"
    gan_here("sample", "dcgan", "-n", "1", "--out", "dcgan-glyphs-samples.png")
    with Image.open(tmp_path / "dcgan-glyphs-samples.png") as picture:
        assert picture.size == (588, 588)  # 28 pixels, enlarged 21 times


def test_pictures_of_earlier_versions_are_repeated_at_their_size(
    gan_here: Command, runs: None, tmp_path: Path
) -> None:
    """Their recipes have no --scale: grids and strips were not enlarged."""
    gan_here("sample", "dcgan", "-n", "4", "--scale", "1", "--out", "old.png")
    gan_here("sample", "dcgan", "-n", "4", "--out", "new.png")
    old, new = tmp_path / "old.png", tmp_path / "new.png"
    recipe = read_recipe(old) or {}
    with Image.open(old) as picture:
        pixels = np.asarray(picture)
    earlier = recipe | {"command": recipe["command"].replace(" --scale 1", "")}
    save_png(old, pixels[..., None], earlier)
    gan_here("sample", "--like", "old.png")
    gan_here("sample", "--like", "new.png")
    with Image.open(tmp_path / "old-again.png") as again:
        assert (np.asarray(again) == pixels).all()
    assert (tmp_path / "new-again.png").read_bytes() == new.read_bytes()


def test_without_a_name_the_newest_run_is_used(
    gan_here: Command, runs: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.utime(tmp_path / "runs" / "pix2pix-toy-facades-A2B" / GENERATOR, (9e9, 9e9))
    os.utime(tmp_path / "runs" / "dcgan-glyphs" / GENERATOR, (8e9, 8e9))
    os.utime(tmp_path / "runs" / "cgan-glyphs" / GENERATOR, (7e9, 7e9))
    assert "runs/dcgan-glyphs/" in gan_here("sample", "-n", "1").stderr
    assert "runs/dcgan-glyphs/" in gan_here("interpolate", "--steps", "1").stderr
    assert "runs/cgan-glyphs/" in gan_here("sweep", "--steps", "1").stderr  # it has labels
    shutil.rmtree(tmp_path / "runs")
    assert "Pretrained cgan-fashion-mnist" in gan_here("sweep", "--steps", "1").stderr
    monkeypatch.setattr(pretrained, "NAMES", ())
    done = gan_here("sweep", code=2)
    assert "gan train acgan" in done.stderr


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("sample acgan --classes 3 --z-seeds 1-2", "sample acgan --labels 3 --seeds 1-2"),
        ("sweep acgan --z-seed=3 --label 1,2", "sweep acgan --seeds 3 --labels 1,2"),
        ("interpolate dcgan --z-seed 3,4", "interpolate dcgan --seeds 3,4"),
        ("sample dcgan -n 1 --device GPU", "sample dcgan -n 1 --device cuda"),
    ],
)
def test_other_words_for_an_option_are_understood(typed: str, meant: str) -> None:
    known = {"--seeds", "--labels", "--device", "-n"}
    assert shlex.split(meant) == [
        word for arg in without_aliases(shlex.split(typed), known) for word in arg.split("=")
    ]


def test_seeds_of_a_sweep_count_up_or_stand_side_by_side() -> None:
    assert choices.sweep_seeds("3", "2x2") == ([3, 4, 5, 6], 2)
    assert choices.sweep_seeds("3,9", None) == ([3, 9], 2)
    assert choices.sweep_seeds("3,9", "2x1") == ([3, 9], 1)
    with pytest.raises(UsageError, match="4 cells, but --seeds 3,9 names 2"):
        choices.sweep_seeds("3,9", "2x2")
