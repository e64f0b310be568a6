"""PNG files: one lossless picture."""

import numpy as np
import pytest
from PIL import Image

from gancli.errors import UsageError
from gancli.formats import png


def test_pixels_are_lossless(tmp_path):
    frame = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    assert png.write(tmp_path / "a.png", [frame], 25) == 1
    assert np.array_equal(np.asarray(Image.open(tmp_path / "a.png")), frame)


def test_more_than_one_frame_is_refused(tmp_path):
    frames = np.zeros((2, 4, 4, 1), np.uint8)
    with pytest.raises(UsageError, match=r"\.gif, \.webp or \.mp4") as caught:
        png.write(tmp_path / "a.png", iter(frames), 25)
    assert caught.value.hint == f"--out {tmp_path / 'a.gif'}"
    assert list(tmp_path.iterdir()) == []
