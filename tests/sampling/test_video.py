"""Reading and translating videos."""

import sys
from pathlib import Path

import numpy as np
import pytest

from gancli import weights
from gancli.errors import DataError, GanError
from gancli.formats import mp4
from gancli.sampling import generator, translate, video

# imageio does not close ffmpeg's pipes, and Python warns about it
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def clip(path: Path, frames: int) -> Path:
    """Write a video whose frames get brighter."""
    shades = (np.full((48, 64, 3), 10 * i, np.uint8) for i in range(frames))
    mp4.write(path, shades, fps=12)
    return path


def test_frames_are_read_in_order_with_their_frame_rate(tmp_path: Path) -> None:
    with video.opened(clip(tmp_path / "in.mp4", 9)) as (frames, fps):
        shades = [frame.mean() for frame in frames]
    assert fps == pytest.approx(12)
    np.testing.assert_allclose(shades, 10 * np.arange(9), atol=6)


def test_a_video_is_translated_frame_by_frame(runs: None, tmp_path: Path) -> None:
    run = tmp_path / "runs" / "pix2pix-facades-A2B" / weights.GENERATOR
    loaded = generator.load(run, "cpu")
    translate.save_video(loaded, clip(tmp_path / "in.mp4", 5), tmp_path / "out.mp4", 0, {})
    with video.opened(tmp_path / "out.mp4") as (frames, fps):
        assert [frame.shape for frame in frames] == 5 * [(48, 64, 3)]
    assert fps == pytest.approx(12)


def test_a_file_that_is_not_a_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in.mp4").write_bytes(b"not a video")
    with pytest.raises(DataError, match=r"in\.mp4"), video.opened(tmp_path / "in.mp4"):
        pass


def test_without_the_decoder_the_error_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with (
        pytest.raises(GanError) as caught,
        video.opened(tmp_path / "a.mp4"),
    ):
        pass
    assert caught.value.hint == "pip install imageio-ffmpeg"
