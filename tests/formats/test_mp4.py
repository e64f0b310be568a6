"""MP4 files, read back by ffmpeg."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gancli.errors import FileError, GanError
from gancli.formats import mp4, writer_for


def test_without_the_encoder_the_error_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)  # as if it were not installed
    with pytest.raises(GanError) as caught:
        writer_for(tmp_path / "a.mp4")
    assert caught.value.hint == "pip install imageio-ffmpeg"


def _decoded(path, size):
    """Return every frame of a film, uint8 (N, H, W, 3)."""
    import imageio_ffmpeg

    exe = imageio_ffmpeg.get_ffmpeg_exe()
    options = ["-v", "error", "-i", str(path), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    raw = subprocess.run([exe, *options], capture_output=True, check=True).stdout
    return np.frombuffer(raw, np.uint8).reshape(-1, *size, 3)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("size", "even"), [((32, 48), (32, 48)), ((33, 47), (34, 48))])
def test_frames_are_nearly_lossless_and_sides_are_even(tmp_path, channels, size, even):
    levels = np.linspace(30, 220, 9).astype(np.uint8)
    frames = levels[:, None, None, None] * np.ones((1, *size, channels), np.uint8)
    assert mp4.write(tmp_path / "a.mp4", iter(frames), 12) == 9
    shown = _decoded(tmp_path / "a.mp4", even)
    assert len(shown) == 9
    inside = shown[:, : size[0] - 2, : size[1] - 2].mean(axis=(1, 2, 3))
    assert inside == pytest.approx(levels.astype(float), abs=4)


def test_the_duration_is_exact(tmp_path):
    import imageio_ffmpeg

    mp4.write(tmp_path / "a.mp4", np.zeros((30, 16, 16, 1), np.uint8), 12)
    assert imageio_ffmpeg.count_frames_and_secs(str(tmp_path / "a.mp4")) == (30, 2.5)


def test_a_full_disk_raises_an_error_and_leaves_no_files(tmp_path, monkeypatch):
    """/dev/full stands in for a full disk; ffmpeg then leaves a film without frames."""
    from gancli.formats.mp4 import _encoder

    def full(path: Path, fps: float, recipe: object):
        path.symlink_to("/dev/full")
        return _encoder(path, fps, None)

    monkeypatch.setattr(mp4, "_encoder", full)
    with pytest.raises(FileError, match=r"a\.mp4"):
        mp4.write(tmp_path / "a.mp4", np.zeros((3, 16, 16, 1), np.uint8), 25)
    assert list(tmp_path.iterdir()) == []
