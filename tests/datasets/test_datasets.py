"""Datasets open by name or by path, and every registered dataset defines what it must."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gancli import registry
from gancli.data.pictures import Info, Places, digest, places
from gancli.datasets import find_folder, glyphs, open_pictures
from gancli.errors import FileError, UsageError


@pytest.fixture
def here(tmp_path):
    return Places(data=tmp_path / "data", cache=tmp_path / "cache")


@pytest.mark.parametrize("name", registry.names("datasets"))
def test_every_dataset_defines_info_load_and_a_summary(name):
    module = registry.load("datasets", name)
    assert isinstance(module.INFO, Info)
    assert module.INFO.title and module.INFO.size and module.INFO.terms and module.INFO.home
    assert callable(module.load)
    assert registry.summary("datasets", name).endswith((".", ";", ":"))


def test_importing_the_registry_loads_no_heavy_module():
    code = (
        "import sys, gancli.datasets, gancli.registry as r; r.names('datasets');"
        "r.summary('datasets', 'glyphs'); gancli.datasets.find_folder('glyphs');"
        "print({'numpy', 'torch', 'PIL', 'safetensors', 'urllib.request'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_a_name_opens_a_dataset_at_the_requested_size(here, monkeypatch):
    monkeypatch.setattr(glyphs, "INFO", dataclasses.replace(glyphs.INFO, train=20, test=10))
    messages = []
    pictures = open_pictures("glyphs", here, "test", size=32, channels=3, say=messages.append)
    assert pictures.images.shape == (10, 32, 32, 3)
    assert pictures.digest == digest(pictures.images, pictures.labels)
    assert messages
    assert open_pictures("glyphs", here).images.shape == (20, 28, 28, 1)


def test_a_path_opens_a_folder(here, tmp_path, monkeypatch):
    (tmp_path / "faces").mkdir()
    Image.new("RGB", (40, 20), "red").save(tmp_path / "faces" / "a.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for path in ("faces", "./faces", "faces/", str(tmp_path / "faces"), "~/faces"):
        pictures = open_pictures(path, here, size=16)
        assert (pictures.name, pictures.images.shape) == ("faces", (1, 16, 16, 3))


def test_a_dataset_name_takes_precedence_over_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "glyphs").mkdir()
    assert find_folder("glyphs") is None
    assert find_folder("./glyphs") == Path("glyphs")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("glyfs", "'glyphs'"),
        ("fashion_mnist", "'fashion-mnist'"),
        ("./none", "none"),
        ("some/where", "some/where"),
        ("file.png", "file.png"),
        ("folder", "folder"),
    ],
)
def test_an_unknown_name_or_path_is_a_usage_error_with_a_hint(
    here, tmp_path, monkeypatch, name, value
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file.png").write_bytes(b"")
    with pytest.raises(UsageError) as failure:
        open_pictures(name, here)
    assert value in failure.value.message
    assert failure.value.hint


def test_places_use_the_option_then_the_environment_then_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("GAN_DATA_DIR", str(tmp_path / "env"))
    cache = tmp_path / "xdg" / "gancli"
    assert places(tmp_path / "typed") == Places(data=tmp_path / "typed", cache=cache)
    assert places() == Places(data=tmp_path / "env", cache=cache)
    monkeypatch.delenv("GAN_DATA_DIR")
    assert places() == Places(data=cache, cache=cache)
    assert places().folders("x") == (cache / "x",)
    assert places(tmp_path / "typed").folders("x") == (tmp_path / "typed" / "x", cache / "x")


def test_a_data_folder_that_is_a_file_is_a_file_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="file"):
        places(tmp_path / "file")


@pytest.mark.skipif(os.name != "posix", reason="read-only folders are POSIX here")
def test_downloads_go_to_the_cache_if_the_data_folder_is_read_only_even_for_root(here):
    assert here.keep == here.data
    here.data.mkdir()
    assert here.keep == here.data
    here.data.chmod(0o555)
    assert here.keep == here.cache


def test_the_digest_depends_on_pixels_shape_and_labels():
    images = np.zeros((2, 2, 2, 1), np.uint8)
    others = images.copy()
    others[1, 1, 1] = 1
    labels = np.array([0, 1])
    digests = {
        digest(images),
        digest(others),
        digest(images.reshape(1, 2, 4, 1)),
        digest(images, labels),
        digest(images, labels[::-1].copy()),
    }
    assert len(digests) == 5
