"""Walks, sweeps, maps and samples from a generator file."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import small
from PIL import Image

from gancli import weights
from gancli.errors import FileError
from gancli.formats import read_recipe
from gancli.gan import Shape
from gancli.sampling import choices, films, generator, latents, render, samples

SHAPE = Shape(channels=1, size=16, classes=3)
RECIPE = {"command": "gan sweep REF", "model": "cgan", "sha256": "", "version": "0"}


def header(name: str, labelled: bool, **settings: object) -> dict[str, object]:
    return {
        "model": name,
        "settings": {"width": 8, "z_dim": 6, **settings},
        "shape": {"channels": 1, "size": 16, "classes": 3},
        "dataset": {"name": "drawn", "source": "drawn", "pictures": 1, "digest": ""},
        "classes": ["dark", "gray", "light"],
        "labelled": labelled,
        "images_seen": 0,
        "version": "0",
    }


@pytest.fixture
def cgan(tmp_path: Path) -> generator.Generator:
    path = tmp_path / "cgan.safetensors"
    weights.save(path, small("cgan", SHAPE).generator.state_dict(), header("cgan", True))
    return generator.load(path, "cpu")


@pytest.fixture
def dcgan(tmp_path: Path) -> generator.Generator:
    path = tmp_path / "dcgan.safetensors"
    weights.save(path, small("dcgan", SHAPE).generator.state_dict(), header("dcgan", False))
    return generator.load(path, "cpu")


def opened(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


def single(loaded: generator.Generator, z: torch.Tensor, y: torch.Tensor | None) -> np.ndarray:
    label = None if y is None else y[None]
    (picture,) = render.pictures(loaded, z[None], label)
    return picture


def test_a_frame_of_a_sweep_shows_the_blended_label(cgan: generator.Generator) -> None:
    film = films.sweep(cgan, [3, 4], [0, 1, 2], steps=5, columns=2)
    frames = list(film.pictures())
    assert len(frames) == 10
    z = latents.noise([3, 4], 6, "normal")
    for k, y in ((0, [1, 0, 0]), (2, [0.6, 0.4, 0]), (5, [0, 1, 0]), (9, [0, 0, 1])):
        for i in range(2):
            expected = single(cgan, z[i], torch.tensor(y, dtype=torch.float))
            assert (frames[k][i] == expected).all()


def test_a_frame_of_a_walk_shows_the_interpolated_noise(dcgan: generator.Generator) -> None:
    film = films.interpolate(dcgan, [3, 7], steps=5, path="lerp")
    frames = list(film.pictures())
    assert len(frames) == 5
    a, b = latents.noise([3, 7], 6, "normal")
    for k in range(5):
        assert (frames[k][0] == single(dcgan, latents.lerp(a, b, k / 4), None)).all()


def test_labels_of_a_walk_are_side_by_side(cgan: generator.Generator) -> None:
    film = films.interpolate(cgan, [3, 7], steps=4, labels=[2, 0])
    frames = list(film.pictures())
    assert (film.rows, film.columns, len(frames)) == (1, 2, 4)
    start = latents.noise([3], 6, "normal")[0]
    assert (frames[0][0] == single(cgan, start, torch.tensor([0.0, 0, 1]))).all()
    assert (frames[0][1] == single(cgan, start, torch.tensor([1.0, 0, 0]))).all()


def test_a_saved_film_has_the_requested_frames_duration_and_scale(
    cgan: generator.Generator, tmp_path: Path
) -> None:
    out = tmp_path / "sweep.gif"
    film = films.sweep(cgan, range(4), [0, 1, 2], steps=10, columns=2)
    assert replace(film, fps=20, scale=3, recipe=RECIPE).save(out) == 20
    with Image.open(out) as animation:
        assert getattr(animation, "n_frames", 1) == 20
        assert animation.size == (3 * (16 * 2 + 2),) * 2
        assert animation.info["loop"] == 0
        durations = []
        for k in range(20):
            animation.seek(k)
            durations.append(animation.info["duration"])
    assert sum(durations) == 1000 + 1000 * films.HOLD  # ms; the last frame is held
    assert read_recipe(out) == RECIPE
    film = films.interpolate(cgan, [3, 7], steps=2, loop=True, labels=[0])
    film.save(out)
    with Image.open(out) as animation:
        animation.seek(3)
        assert animation.info["duration"] == 40


def test_a_film_can_be_saved_more_than_once(cgan: generator.Generator, tmp_path: Path) -> None:
    film = films.sweep(cgan, [3], [0, 1], steps=3, columns=1)
    for name in ("a.gif", "b.gif"):
        assert film.save(tmp_path / name) == 3
    assert (tmp_path / "a.gif").read_bytes() == (tmp_path / "b.gif").read_bytes()


def test_a_strip_has_a_row_for_each_label_and_a_column_for_each_frame(
    cgan: generator.Generator, tmp_path: Path
) -> None:
    out = tmp_path / "walk.png"
    film = films.interpolate(cgan, [3, 7], steps=5, labels=[0, 1, 2])
    assert film.save(out) == 5
    width, height = 5 * 18 - 2, 3 * 18 - 2
    assert opened(out).shape[1::-1] == (width * 7, height * 7)  # 616 pixels: about 600
    assert replace(film, scale=1).save(out) == 5
    assert opened(out).shape[1::-1] == (width, height)


def test_a_map_of_three_seeds_has_their_pictures_in_its_corners(
    dcgan: generator.Generator, tmp_path: Path
) -> None:
    out = tmp_path / "plane.png"
    films.plane(dcgan, choices.plane(dcgan.header, "1-3", None, None, "4x4")).save(out)
    sheet = opened(out)
    assert sheet.shape == (64, 64)
    a, b, c = latents.noise([1, 2, 3], 6, "normal")
    for corner, z in ((sheet[48:, :16], a), (sheet[48:, 48:], b), (sheet[:16, :16], c)):
        assert (corner == single(dcgan, z, None)[..., 0]).all()


def test_a_map_of_a_two_dimensional_z_covers_z_itself(tmp_path: Path) -> None:
    path = tmp_path / "two.safetensors"
    model = small("dcgan", SHAPE, z_dim=2)
    weights.save(path, model.generator.state_dict(), header("dcgan", False, z_dim=2))
    loaded = generator.load(path, "cpu")
    chosen = choices.plane(loaded.header, None, None, None, "3x3")
    films.plane(loaded, chosen).save(tmp_path / "p.png")
    sheet = opened(tmp_path / "p.png")
    assert (sheet[:16, :16] == single(loaded, torch.tensor([-1.0, 1.0]), None)[..., 0]).all()
    assert (sheet[32:, 32:] == single(loaded, torch.tensor([1.0, -1.0]), None)[..., 0]).all()


def test_a_grid_of_samples_has_a_row_for_each_label(
    cgan: generator.Generator, tmp_path: Path
) -> None:
    samples.grid(cgan, [5, 6], [2, 0, 1]).save(tmp_path / "grid.png")
    assert opened(tmp_path / "grid.png").shape[1::-1] == (2 * 18 - 2, 3 * 18 - 2)
    samples.save_each(cgan, [5, 6], [2, 0], tmp_path / "singles", RECIPE)
    z = latents.noise([6], 6, "normal")[0]
    found = opened(tmp_path / "singles" / "label-2-seed-000006.png")
    assert (found == single(cgan, z, torch.tensor([0.0, 0, 1]))[..., 0]).all()


def test_weights_that_do_not_fit_the_header_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "odd.safetensors"
    state = small("dcgan", SHAPE).generator.state_dict()
    for settings in ({"width": 4}, {"colour": "blue"}):
        weights.save(path, state, header("dcgan", False, **settings))
        with pytest.raises(FileError, match=r"odd\.safetensors.*\bdcgan\b") as caught:
            generator.load(path, "cpu")
        assert caught.value.hint == "gan train dcgan --help"


def test_the_digest_of_a_file_is_computed_once(
    cgan: generator.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[Path] = []
    monkeypatch.setattr(weights, "digest", lambda path: str(hashed.append(path)))
    assert [cgan.digest for _ in range(3)] == ["None"] * 3
    assert hashed == [cgan.path]
