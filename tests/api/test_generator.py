"""`gancli.load`: the same pictures and recipes as by the commands, as arrays."""

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Command
from PIL import Image

import gancli
from gancli.evaluation import classifier
from gancli.formats import read_recipe


@pytest.fixture(autouse=True)
def _runs(runs: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def load(ref: str) -> gancli.Generator:
    return gancli.load(ref, device="cpu")


SAME: list[tuple[str, str, Callable[[gancli.Generator], gancli.Grid | gancli.Film]]] = [
    ("sample acgan --count 3", "png", lambda g: g.sample(3)),
    ("sample dcgan --seeds 3,7", "png", lambda g: g.sample(seeds="3,7")),
    (
        "sample acgan --labels 3,0-1 --per-class 2",
        "png",
        lambda g: g.sample(labels=[3, 0, 1], per_class=2),
    ),
    ("sample acgan --labels 4 --seeds 5-6", "png", lambda g: g.sample(seeds=[5, 6], labels=4)),
    (
        "sweep cgan --steps 2 --labels 1-3 --grid 2x1 --seeds 4",
        "gif",
        lambda g: g.sweep(steps=2, labels=range(1, 4), grid=(2, 1), seeds=4),
    ),
    (
        "sweep acgan --steps 3 --labels 1,5 --fps 12.5 --scale 2",
        "webp",
        lambda g: g.sweep(steps=3, labels=[1, 5], fps=12.5, scale=2),
    ),
    (
        "interpolate dcgan --seeds 3,7 --steps 4 --loop --path lerp",
        "gif",
        lambda g: g.interpolate([3, 7], steps=4, loop=True, path="lerp"),
    ),
    (
        "interpolate acgan --seeds 3,7 --labels 2,4 --steps 3",
        "png",
        lambda g: g.interpolate([3, 7], steps=3, labels=[2, 4]),
    ),
    (
        "interpolate dcgan --plane --seeds 4-6 --grid 3x2 --range=-1,0.5",
        "png",
        lambda g: g.plane(range(4, 7), grid=(3, 2), range=(-1, 0.5)),
    ),
    (
        "interpolate cgan --plane --labels 3 --grid 2x2",
        "png",
        lambda g: g.plane(labels=3, grid="2x2"),
    ),
]


@pytest.mark.parametrize(("words", "suffix", "made"), SAME, ids=[words for words, *_ in SAME])
def test_a_method_saves_the_same_bytes_as_the_command(
    gan_here: Command, words: str, suffix: str, made: Any
) -> None:
    typed, ours = Path(f"typed.{suffix}"), Path(f"ours.{suffix}")
    gan_here(*words.split(), "--out", str(typed), "--device", "cpu")
    made(load(words.split()[1])).save(str(ours))
    assert read_recipe(ours) == read_recipe(typed)
    assert ours.read_bytes() == typed.read_bytes()


def test_a_picture_can_be_made_again_with_like(gan_here: Command) -> None:
    load("acgan").sample(labels="all", per_class=2).save("a.png")
    gan_here("sample", "--like", "a.png")
    assert Path("a-again.png").read_bytes() == Path("a.png").read_bytes()


def test_samples_are_an_array_and_a_picture() -> None:
    grid = load("acgan").sample(labels=[1, 2], per_class=3)
    assert grid.pictures.shape == (6, 28, 28, 1)
    assert grid.pictures.dtype == np.uint8
    assert np.asarray(grid).shape == (2 * 30 - 2, 3 * 30 - 2, 1)
    assert np.array(grid, np.float32).dtype == np.float32
    grid.save("a.jpg")
    with Image.open("a.jpg") as picture, Image.open(io.BytesIO(grid._repr_png_())) as shown:
        assert picture.size == shown.size == (7 * 88, 7 * 58)
    with pytest.raises(gancli.UsageError, match=r"a\.gif"):
        grid.save("a.gif")


def test_a_film_is_an_array_and_is_shown_in_a_notebook() -> None:
    film = load("acgan").sweep(steps=3, labels="0-2", grid="1x2", fps=10)
    assert film.frames.shape == (6, 28, 2 * 30 - 2, 1)
    html = film._repr_html_()
    data = html.partition("base64,")[2].partition('"')[0]
    with Image.open(io.BytesIO(base64.b64decode(data))) as shown:
        assert (shown.n_frames, shown.size) == (6, (58, 28))
        assert (np.asarray(shown.convert("L")) == film.frames[0, ..., 0]).all()
    assert "width: 290px" in html


def test_translate_gives_the_same_as_the_command(gan_here: Command) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 64, 3), np.uint8)
    Image.fromarray(noise).save("in.png")
    facades = gancli.load("facades", direction="A2B", device="cpu")
    for words, result in (
        ("--seed 3", facades.translate("in.png", seed=3)),
        ("--paired", facades.translate("in.png", paired=True)),
    ):
        gan_here("translate", "facades", "in.png", *words.split(), "--force", "--out", "typed.png")
        result.save("ours.png")
        assert Path("ours.png").read_bytes() == Path("typed.png").read_bytes()
    several = facades.translate(noise, variations=2, seed=3)
    assert several.pictures.shape == (2, 40, 64, 3)
    assert (several.pictures[0] == facades.translate("in.png", seed=3).array).all()
    assert (several.pictures[0] != several.pictures[1]).any()
    assert facades.translate(noise[..., 0]).array.shape == (40, 64, 3)
    for wrong in (noise.astype(np.float32), noise[None], noise[:0]):
        with pytest.raises(gancli.DataError, match="uint8"):
            facades.translate(wrong)


def test_evaluate_gives_the_same_as_the_command(
    gan_here: Command, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(classifier, "STEPS", 5)
    words = "--epochs 1 --batch-size 10 --precision fp32 --device cpu --set width=4"
    gan_here("train", "dcgan", "--dataset", "pictures", *words.split(), "--out", "run")
    typed = json.loads(gan_here("evaluate", "run", "--samples", "200", "--json").stdout)
    found = gancli.load("run").evaluate(samples=200, say=gancli.silent)
    assert found.as_dict() == {k: v for k, v in typed.items() if k != "file"}
    assert f"<td>{found.rows()[0][1]}</td>" in found._repr_html_()


@pytest.mark.parametrize(
    ("ref", "call", "named", "hint"),
    [
        ("dcgan", lambda g: g.sample(labels=3), "dcgan", "leave out --labels"),
        ("dcgan", lambda g: g.sample(4, per_class=3), "--per-class", ""),
        ("dcgan", lambda g: g.sample(0), "-n", "-n 1"),
        ("dcgan", lambda g: g.sample(seeds=[-1]), "'-1'", "--seeds 0-3"),
        ("dcgan", lambda g: g.sample(seeds=[]), "--seeds", "--seeds 0-3"),
        ("acgan", lambda g: g.sample(labels="shoe"), "'shoe'", "--labels 0-9"),
        ("acgan", lambda g: g.sample(labels=[]), "''", "--labels 0-9"),
        ("dcgan", lambda g: g.sweep(), "dcgan", "gan interpolate runs/dcgan-"),
        ("acgan", lambda g: g.sweep(labels=[3]), "classes", "--labels all"),
        ("acgan", lambda g: g.sweep(seeds=-1), "--seeds", "--seeds 0"),
        ("acgan", lambda g: g.sweep(grid=(0, 3)), "'0x3'", "--grid 10x10"),
        ("dcgan", lambda g: g.interpolate([3]), "seeds", "--seeds 3,7"),
        ("dcgan", lambda g: g.interpolate(steps=0), "--steps", "--steps 1"),
        ("dcgan", lambda g: g.interpolate(scale=99), "--scale", "--scale 1"),
        ("dcgan", lambda g: g.interpolate(path="arc"), "'arc'", "--path slerp"),
        ("dcgan", lambda g: g.plane([1, 2]), "2", "--seeds 3,7,12 --plane"),
        ("dcgan", lambda g: g.plane(range=(1, 0)), "'1,0'", "--range=-1,1"),
        ("dcgan", lambda g: g.translate("in.png"), "dcgan", "gan train pix2pix"),
        ("dcgan", lambda g: g.evaluate(samples=3), "--samples", "--samples 200"),
        ("facades", lambda g: g.sample(), "pix2pix", "gan translate runs/pix2pix-facades-A2B"),
        ("facades", lambda g: g.translate("in.png", variations=0), "--variations", ""),
    ],
)
def test_words_that_do_not_fit_the_generator_are_usage_errors(
    ref: str, call: Any, named: str, hint: str
) -> None:
    with pytest.raises(gancli.UsageError) as raised:
        call(load(ref))
    assert named in raised.value.message
    assert hint in (raised.value.hint or "")


@pytest.mark.parametrize(
    ("words", "named", "hint"),
    [
        ({"ref": "nothing"}, "nothing", "gan runs"),
        ({"ref": "dcgan", "device": "gpu"}, "'gpu'", "--device auto"),
        ({"ref": "facades", "direction": "A2C"}, "'A2C'", "--direction A2B"),
        ({"ref": "facades", "direction": "B2A"}, "B2A", "--direction B2A"),
    ],
)
def test_load_refuses_names_that_it_does_not_find(
    words: dict[str, str], named: str, hint: str
) -> None:
    with pytest.raises(gancli.UsageError) as raised:
        gancli.load(**words)  # type: ignore[arg-type]
    assert named in raised.value.message
    assert hint in str(raised.value.hint)


def test_open_pictures_returns_arrays(pictures: Path) -> None:
    found = gancli.open_pictures(pictures, image_size=32, channels=3)
    assert found.images.shape[1:] == (32, 32, 3)
    assert found.classes == ("dark", "light")
    wrong: list[dict[str, Any]] = [{"split": "val"}, {"channels": 2}, {"image_size": 30}]
    for words in wrong:
        with pytest.raises(gancli.UsageError, match=str(*words.values())):
            gancli.open_pictures(pictures, **words)
