"""Folders of numbered frames."""

import numpy as np
import pytest
from PIL import Image

from gancli.errors import FileError
from gancli.formats import folder, read_recipe


def _frames(count):
    return np.random.default_rng(0).integers(0, 256, (count, 5, 7, 3), np.uint8)


def test_frame_k_is_file_k_with_the_recipe(tmp_path):
    frames = _frames(12)
    assert folder.write(tmp_path / "frames", iter(frames), 25, {"seed": "3"}) == 12
    paths = sorted((tmp_path / "frames").iterdir())
    assert [p.name for p in paths] == [f"{k:05d}.png" for k in range(12)]
    for k, path in enumerate(paths):
        assert np.array_equal(np.asarray(Image.open(path)), frames[k])
        assert read_recipe(path) == {"seed": "3", "frame": str(k)}


def test_an_existing_empty_folder_is_used(tmp_path):
    (tmp_path / "frames").mkdir()
    folder.write(tmp_path / "frames", _frames(1), 25)
    assert [p.name for p in tmp_path.rglob("*.png")] == ["00000.png"]


@pytest.mark.parametrize(
    "act", [folder.check, lambda path, fps: folder.write(path, _frames(1), fps)]
)
def test_a_folder_that_is_not_empty_is_refused(tmp_path, act):
    (tmp_path / "photo.jpg").write_bytes(b"dear")
    with pytest.raises(FileError, match=str(tmp_path)) as caught:
        act(tmp_path, 25)
    assert "--out" in str(caught.value.hint)
    assert [p.name for p in tmp_path.iterdir()] == ["photo.jpg"]


def test_a_file_with_the_name_of_the_folder_is_not_overwritten(tmp_path):
    (tmp_path / "frames").write_bytes(b"dear")
    with pytest.raises(FileError, match="frames"):
        folder.check(tmp_path / "frames", 25)
    with pytest.raises(FileError, match="frames"):
        folder.write(tmp_path / "frames", _frames(1), 25)
    assert (tmp_path / "frames").read_bytes() == b"dear"
