"""GIFs, read back by Pillow: frames, colours, durations and loops."""

import numpy as np
import pytest
from PIL import Image

from gancli.errors import UsageError
from gancli.formats import gif, writer_for
from gancli.images import grid


def _read(path):
    """Return frames (N, H, W, 3), their durations in ms, and the number of loops (0: for ever)."""
    shown, milliseconds = [], []
    with Image.open(path) as file:
        for k in range(file.n_frames):
            file.seek(k)
            shown.append(np.asarray(file.convert("RGB")))
            milliseconds.append(file.info["duration"])
        return np.stack(shown), milliseconds, file.info["loop"]


def _noise(count, height, width, channels):
    return np.random.default_rng(0).integers(0, 256, (count, height, width, channels), np.uint8)


@pytest.mark.parametrize("size", [(1, 1), (5, 3), (28, 28), (300, 301)])
def test_gray_is_lossless(tmp_path, size):
    frames = _noise(4, *size, 1)
    assert gif.write(tmp_path / "a.gif", iter(frames), 25) == 4
    shown, _, loop = _read(tmp_path / "a.gif")
    assert np.array_equal(shown, frames.repeat(3, axis=3))
    assert loop == 0


def test_gray_in_three_channels_is_lossless(tmp_path):
    frames = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1).repeat(3, axis=3)
    gif.write(tmp_path / "a.gif", frames, 25)
    assert np.array_equal(_read(tmp_path / "a.gif")[0], frames)


def test_equal_frames_are_not_merged(tmp_path):
    frames = np.zeros((7, 8, 8, 1), np.uint8)
    assert gif.write(tmp_path / "a.gif", frames, 25) == 7
    shown, milliseconds, _ = _read(tmp_path / "a.gif")
    assert len(shown) == 7 and milliseconds == [40] * 7


@pytest.mark.parametrize("fps", [1, 7, 12, 24, 25, 29.97, 30, 40, 50])
def test_the_total_duration_is_right_to_half_a_tick(tmp_path, fps):
    gif.write(tmp_path / "a.gif", np.zeros((30, 2, 2, 1), np.uint8), fps)
    milliseconds = _read(tmp_path / "a.gif")[1]
    assert sum(milliseconds) == pytest.approx(30_000 / fps, abs=5.001)
    assert min(milliseconds) >= 20  # browsers show shorter frames for 100 ms


def test_a_frame_rate_that_players_do_not_keep_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"\b50\b.*\b60\b") as caught:
        writer_for(tmp_path / "a.gif", 60)
    assert "--fps 50" in (caught.value.hint or "")


def test_up_to_256_colours_are_lossless(tmp_path):
    palette = _noise(1, 1, 256, 3)[0, 0]
    frames = palette[np.random.default_rng(1).integers(0, 256, (3, 20, 20))]
    gif.write(tmp_path / "a.gif", frames, 25)
    assert np.array_equal(_read(tmp_path / "a.gif")[0], frames)


def test_gray_and_colour_frames_can_be_mixed(tmp_path):
    gray, colour = _noise(1, 9, 9, 1).repeat(3, axis=3), _noise(1, 9, 9, 3)
    frames = np.concatenate([colour, gray, colour[:, ::-1], gray])
    gif.write(tmp_path / "a.gif", frames, 25)
    assert np.array_equal(_read(tmp_path / "a.gif")[0], frames)


def _smooth(height, width):
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    bands = [np.sin(5 * x + 3 * y), np.cos(4 * y - x), np.sin(7 * x * y)]
    return np.stack([(band + 1) * 127.5 for band in bands], axis=-1).astype(np.uint8)


def test_many_colours_are_nearer_than_with_pillows_own_palette(tmp_path):
    """Pillow chooses its 256 colours from every pixel; ours come from a sample, with k-means."""
    picture = _smooth(90, 120)
    gif.write(tmp_path / "a.gif", [picture], 25)

    def error(shown):
        return np.square(shown.astype(float) - picture).mean()

    pillow = np.asarray(Image.fromarray(picture).quantize(256).convert("RGB"))
    assert 1 < error(_read(tmp_path / "a.gif")[0][0]) < 0.8 * error(pillow)


def test_a_frame_too_large_for_the_format_is_refused(tmp_path):
    with pytest.raises(UsageError, match="65535"):
        gif.write(tmp_path / "a.gif", np.zeros((1, 1, 70_000, 1), np.uint8), 25)
    assert list(tmp_path.iterdir()) == []


def test_all_450_frames_of_a_sweep_are_there(tmp_path):
    """A sweep of 100 digits of 28x28 per frame; writing takes half as long as Pillow does."""
    digits = _noise(100, 28, 28, 1) // 64 * 85
    frames = (grid(np.roll(digits, k // 2, axis=0)) for k in range(450))  # each frame twice
    assert gif.write(tmp_path / "a.gif", frames, 25) == 450
    with Image.open(tmp_path / "a.gif") as file:
        assert file.n_frames == 450
