"""Conversions and recipes round-trip, grids match a plain loop, and bad files are named."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from gancli import formats, images
from gancli.errors import FileError, UsageError

LEVELS = np.arange(256, dtype=np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
def test_uint8_round_trips_through_tensors(channels):
    pictures = np.stack([LEVELS.reshape(16, 16)] * channels, axis=-1)[None]
    assert np.array_equal(images.to_uint8(images.from_uint8(pictures)), pictures)


def test_tensors_are_channels_first_in_minus_one_to_one():
    picture = np.array([[[[0, 255, 51]]]], np.uint8)
    tensor = images.from_uint8(picture)
    assert tensor.shape == (1, 3, 1, 1)
    assert tensor.flatten().tolist() == pytest.approx([-1, 1, -0.6], abs=1e-6)


def test_to_uint8_clamps_and_rounds_to_the_nearest_level():
    levels = torch.tensor([-7.0, 7.0, 99.4 / 127.5 - 1, 99.6 / 127.5 - 1]).reshape(1, 1, 1, 4)
    assert images.to_uint8(levels).flatten().tolist() == [0, 255, 99, 100]


def test_to_uint8_does_not_depend_on_dtype_or_layout():
    tensor = torch.linspace(-1, 1, 96).reshape(2, 3, 4, 4).bfloat16()
    plain = images.to_uint8(tensor.float())
    assert np.array_equal(
        images.to_uint8(tensor.contiguous(memory_format=torch.channels_last)), plain
    )
    assert plain.shape == (2, 4, 4, 3) and plain.flags.c_contiguous


def _pictures(count, height=3, width=4, channels=1):
    return np.random.default_rng(0).integers(1, 256, (count, height, width, channels), np.uint8)


@pytest.mark.parametrize(("count", "shape"), [(1, (1, 1)), (3, (2, 2)), (10, (3, 4)), (64, (8, 8))])
def test_a_grid_is_nearly_square_and_holds_all_pictures(count, shape):
    assert images.layout(count) == shape


@pytest.mark.parametrize("gap", [0, 2])
def test_grid_places_pictures_row_by_row(gap):
    pictures = _pictures(5, channels=3)
    sheet = images.grid(pictures, columns=3, gap=gap)
    assert sheet.shape == (2 * 3 + gap, 3 * 4 + 2 * gap, 3)
    expected = np.zeros_like(sheet)
    for i, picture in enumerate(pictures):
        top, left = i // 3 * (3 + gap), i % 3 * (4 + gap)
        expected[top : top + 3, left : left + 4] = picture
    assert np.array_equal(sheet, expected)


def test_a_grid_with_too_few_cells_is_refused():
    with pytest.raises(UsageError, match=r"2x2 .*\b5\b"):
        images.grid(_pictures(5), rows=2, columns=2)


@pytest.mark.parametrize("sides", [{}, {"rows": 0}, {"columns": 0}])
def test_a_grid_without_pictures_is_refused(sides):
    with pytest.raises(UsageError):
        images.grid(_pictures(0), **sides)


def test_enlarge_repeats_every_pixel():
    picture = _pictures(1)[0]
    assert np.array_equal(images.enlarge(picture, 2)[::2, 1::2], picture)


@pytest.mark.parametrize("channels", [1, 3])
def test_save_png_keeps_the_pixels_and_the_recipe(tmp_path, channels):
    path, picture = tmp_path / "new" / "one.png", _pictures(1, 20, 30, channels)[0]
    recipe = {"command": "gan sample dcgan --seeds 3", "model": "Ärger ✓"}
    images.save_png(path, picture, recipe)
    assert formats.read_recipe(path) == recipe
    with Image.open(path) as file:
        assert file.mode == ("L" if channels == 1 else "RGB")
        assert np.array_equal(np.asarray(file).reshape(picture.shape), picture)


def test_a_picture_saved_without_a_recipe_has_none(tmp_path):
    images.save_png(tmp_path / "one.png", _pictures(1)[0])
    assert formats.read_recipe(tmp_path / "one.png") is None


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"seed": 3}', "[" * 9000, json.dumps("x")])
def test_read_recipe_ignores_text_that_is_not_a_recipe(tmp_path, text):
    info = PngInfo()
    info.add_text("gan", text)
    Image.new("L", (2, 2)).save(tmp_path / "one.png", pnginfo=info)
    assert formats.read_recipe(tmp_path / "one.png") is None


@pytest.mark.parametrize("damage", ["absent", "folder", "text", "cut", "empty"])
def test_files_that_are_not_pictures_are_named(tmp_path, damage):
    path = tmp_path / "one.png"
    if damage == "folder":
        path.mkdir()
    elif damage != "absent":
        png = images.encode_png(_pictures(1)[0], {"seed": "1"})
        path.write_bytes({"text": b"hello", "cut": png[:20], "empty": b""}[damage])
    with pytest.raises(FileError, match=r"one\.png"):
        formats.read_recipe(path)


def test_saving_replaces_the_file_and_leaves_no_temporary_file(tmp_path):
    path = Path(tmp_path / "one.png")
    for picture in _pictures(2):
        images.save_png(path, picture)
    assert [p.name for p in tmp_path.iterdir()] == ["one.png"]
