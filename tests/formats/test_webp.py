"""WebP files, read back by Pillow: frames, durations, loops and the layout of the file."""

import numpy as np
import pytest
from PIL import Image

from gancli.errors import UsageError
from gancli.formats import read_recipe, webp


def _noise(count, height, width, channels):
    return np.random.default_rng(0).integers(0, 256, (count, height, width, channels), np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(1, 1), (5, 3), (64, 96)])
def test_every_frame_is_lossless(tmp_path, size, channels):
    frames = _noise(5, *size, channels)
    frames[3] = frames[2]
    assert webp.write(tmp_path / "a.webp", iter(frames), 25) == 5
    with Image.open(tmp_path / "a.webp") as file:
        assert (file.n_frames, file.info["loop"]) == (5, 0)
        for k, frame in enumerate(frames):
            file.seek(k)
            assert np.array_equal(np.asarray(file.convert("RGB")), frame + np.zeros(3, np.uint8))


@pytest.mark.parametrize("fps", [7, 30, 60])
def test_the_total_duration_is_right_to_half_a_tick(tmp_path, fps):
    webp.write(tmp_path / "a.webp", _noise(30, 2, 2, 1), fps)
    duration = 0
    with Image.open(tmp_path / "a.webp") as file:
        for k in range(file.n_frames):
            file.seek(k)
            file.load()
            duration += file.info["duration"]
    assert duration == pytest.approx(30_000 / fps, abs=0.501)


@pytest.mark.parametrize("seed", ["3", "12"])
def test_chunks_are_padded_to_an_even_length(tmp_path, seed):
    path = tmp_path / "a.webp"
    webp.write(path, _noise(2, 5, 3, 1), 25, {"seed": seed})
    data = path.read_bytes()
    assert len(data) % 2 == 0
    assert int.from_bytes(data[4:8], "little") == len(data) - 8
    assert read_recipe(path) == {"seed": seed}


def test_a_frame_too_large_for_the_format_is_refused(tmp_path):
    with pytest.raises(UsageError, match="16383"):
        webp.write(tmp_path / "a.webp", np.zeros((1, 1, 16_384, 1), np.uint8), 25)
    assert list(tmp_path.iterdir()) == []
