"""Large pictures of any mode are converted in bands, which changes no bit."""

import numpy as np
import pytest
from PIL import Image

from gancli.data import modes

RNG = np.random.default_rng(0)
RGBA = Image.fromarray(RNG.integers(0, 256, (13, 31, 4), dtype=np.uint8))
PALETTE = RGBA.convert("RGB").convert("P")
PALETTE.info["transparency"] = bytes(range(256))
DEEP = RNG.integers(0, 65536, (13, 31))
PICTURES = {
    "RGBA": RGBA,
    "LA": RGBA.convert("LA"),
    "P": PALETTE,
    "I;16": Image.fromarray(DEEP.astype(np.uint16)),
    "I": Image.fromarray((DEEP // 256).astype(np.int32)),
    "F": Image.fromarray((DEEP / 65535).astype(np.float32)),
}


@pytest.mark.parametrize("mode", PICTURES)
def test_bands_give_the_same_as_the_whole_picture(
    monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    assert PICTURES[mode].mode == mode
    whole = modes.to_gray_or_rgb(PICTURES[mode])
    monkeypatch.setattr(modes, "BAND", 70)  # bands of 2 rows, and a last one of 1
    banded = modes.to_gray_or_rgb(PICTURES[mode])
    assert (banded.mode, banded.tobytes()) == (whole.mode, whole.tobytes())


@pytest.mark.parametrize(("mode", "step"), [("RGBA", "_over_white"), ("I;16", "_rounded")])
def test_no_conversion_sees_more_than_a_band(
    monkeypatch: pytest.MonkeyPatch, mode: str, step: str
) -> None:
    seen: list[int] = []
    real = getattr(modes, step)

    def measured(given: Image.Image | np.ndarray) -> Image.Image:
        result: Image.Image = real(given)
        seen.append(result.width * result.height)
        return result

    monkeypatch.setattr(modes, step, measured)
    monkeypatch.setattr(modes, "BAND", 70)
    modes.to_gray_or_rgb(PICTURES[mode])
    assert sum(seen) == 13 * 31
    assert max(seen) <= 70


def test_infinity_is_refused_in_any_band(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.zeros((9, 9), np.float32)
    values[8, 8] = np.inf
    monkeypatch.setattr(modes, "BAND", 9)
    with pytest.raises(modes.DataError, match="infinite"):
        modes.to_gray_or_rgb(Image.fromarray(values))
