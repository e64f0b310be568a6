"""One picture and no more."""

import numpy as np
import pytest
from PIL import Image

from gancli.errors import UsageError
from gancli.formats import png


def test_the_pixels_are_exact(tmp_path):
    frame = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    assert png.write(tmp_path / "a.png", [frame], 25) == 1
    assert np.array_equal(np.asarray(Image.open(tmp_path / "a.png")), frame)


def test_what_moves_is_sent_elsewhere(tmp_path):
    frames = np.zeros((2, 4, 4, 1), np.uint8)
    with pytest.raises(UsageError, match=r"\.gif, \.webp or \.mp4") as caught:
        png.write(tmp_path / "a.png", iter(frames), 25)
    assert "a.gif" in (caught.value.hint or "")
    assert list(tmp_path.iterdir()) == []
