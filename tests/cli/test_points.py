"""Points in the plane from the command line: training, samples, the user's own, and refusals."""

import json
from pathlib import Path

import numpy as np
import pytest
from conftest import Command
from PIL import Image

from gancli import weights
from gancli.data.planar import read
from gancli.images import load_png
from gancli.sampling.plane import HEADER, SIDE

SHORT = ("--epochs", "2", "--set", "width=16", "--batch-size", "1000")
RUN = Path("runs/vanilla-ring")


@pytest.fixture
def ring(gan_here: Command) -> Path:
    """A short run on the ring."""
    gan_here("train", "vanilla", "--dataset", "ring", *SHORT)
    return RUN


def records(run: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def test_a_run_on_points_draws_and_measures_each_epoch(ring: Path) -> None:
    assert [r["epoch"] for r in records(ring)] == [1, 2]
    for record in records(ring):
        assert 0 <= record["modes_found"] <= 8
        assert 0 <= record["good_samples"] <= 1
    drawn = load_png(ring / "samples" / "epoch-0002.png")
    assert drawn.shape == (SIDE + HEADER, SIDE, 3)
    assert len(np.unique(drawn.reshape(-1, 3), axis=0)) > 50  # points and a background
    with Image.open(ring / "progress.gif") as film:
        assert film.n_frames == 2
    header = weights.read_generator(ring / weights.GENERATOR)
    assert header.shape.points
    assert header.precision == "fp32"


def test_a_stopped_run_on_points_resumes_to_the_bit(gan_here: Command) -> None:
    train = ("train", "vanilla", "--dataset", "ring", *SHORT[2:], "--set", "lr_decay=0")
    gan_here(*train, "--epochs", "2", "--out", "whole")
    gan_here(*train, "--epochs", "1", "--out", "parts")
    gan_here(*train, "--epochs", "2", "--out", "parts")
    for file in ("samples/latest.png", "discriminator.safetensors", "generator.safetensors"):
        assert Path("whole", file).read_bytes() == Path("parts", file).read_bytes(), file
    assert [r["d_loss"] for r in records(Path("whole"))] == [
        r["d_loss"] for r in records(Path("parts"))
    ]


def test_samples_of_points_are_drawn_or_written(gan_here: Command, ring: Path) -> None:
    gan_here("sample", "vanilla", "--out", "drawn.png")
    assert load_png(Path("drawn.png")).shape == (SIDE + HEADER, SIDE, 3)
    gan_here("sample", "vanilla", "--seeds", "5-8", "--out", "four.csv")
    gan_here("sample", "vanilla", "--seeds", "7", "--out", "one.csv")
    four = Path("four.csv").read_text().splitlines()
    assert four[0] == "x,y"
    assert len(four) == 5
    assert Path("one.csv").read_text().splitlines()[1] == four[3]  # point i depends on seed i alone


def test_points_of_a_file_come_back_in_its_units(gan_here: Command) -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal((500.0, -80.0), (3.0, 1.0), (2000, 2))
    Path("mine.csv").write_text("".join(f"{x},{y}\n" for x, y in rows))
    gan_here("train", "vanilla", "--dataset", "./mine.csv", *SHORT)
    assert "modes_found" not in records(Path("runs/vanilla-mine"))[0]
    gan_here("sample", "vanilla-mine", "-n", "50", "--out", "made.csv")
    made = np.loadtxt("made.csv", delimiter=",", skiprows=1)
    low, high = rows.min(0), rows.max(0)
    assert ((made > low - 30) & (made < high + 30)).all()
    assert read(Path("made.csv"), "train").images.shape == (50, 1, 1, 2)


def test_a_run_on_a_csv_file_resumes_only_with_the_same_points(gan_here: Command) -> None:
    def write(seed: int) -> None:
        rows = np.random.default_rng(seed).normal(size=(2000, 2))
        Path("mine.csv").write_text("".join(f"{x},{y}\n" for x, y in rows))

    write(0)
    gan_here("train", "vanilla", "--dataset", "mine.csv", *SHORT)
    write(1)
    more = ("--epochs", "3", *SHORT[2:])
    refused = gan_here("train", "vanilla", "--dataset", "mine.csv", *more, code=None)
    assert refused.returncode
    assert "mine" in refused.stderr


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("interpolate vanilla", "makes points in the plane, and this command needs pictures"),
        ("evaluate vanilla", "makes points in the plane, and this command needs pictures"),
        ("sample vanilla --out folder", "is not a .png or .csv file"),
        ("sample vanilla --out film.gif", "is not a .png or .csv file"),
        ("train vanilla --dataset glyphs --from vanilla", "makes points in the plane, and glyphs"),
        ("train dcgan --dataset ring", "dcgan learns from pictures, and ring has points"),
        ("datasets stats ring", "has points in the plane"),
        ("translate vanilla in.jpg", "No run of vanilla in runs/ translates"),
    ],
)
@pytest.mark.usefixtures("ring")
def test_what_needs_pictures_refuses_points(gan_here: Command, command: str, expected: str) -> None:
    done = gan_here(*command.split(), code=None)
    assert done.returncode in (1, 2)
    assert expected in " ".join(done.stderr.split())
    assert "Next: " in done.stderr


def test_points_do_not_start_from_a_generator_of_pictures(gan_here: Command, runs: None) -> None:
    gan_here("train", "vanilla", "--dataset", "glyphs", "--epochs", "0.01", *SHORT[2:-2])
    words = ("train", "vanilla", "--dataset", "ring", "--from", "vanilla-glyphs")
    done = gan_here(*words, code=2)
    assert "makes pictures, and ring has none" in " ".join(done.stderr.split())


def test_a_preview_draws_points(gan_here: Command) -> None:
    gan_here("datasets", "preview", "moons", "--out", "moons.png")
    assert load_png(Path("moons.png")).shape == (SIDE + HEADER, SIDE, 3)
