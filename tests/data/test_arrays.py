"""Datasets in a file of the user's: what `load(split)` may return, and what is refused."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gancli.data.pictures import Pictures, places
from gancli.datasets import find_folder, open_pictures
from gancli.errors import DataError, UsageError

START = """
import numpy as np
import torch
rng = np.random.default_rng(0)
images = rng.integers(0, 256, (6, 16, 16, 3), np.uint8)

def load(split):
    return {returned}
"""


def opened(folder: Path, returned: str, extra: str = "", **options: Any) -> Pictures:
    """Open a dataset file whose `load` returns the expression `returned`."""
    file = folder / "cats.py"
    file.write_text(START.format(returned=returned) + extra)
    return open_pictures(str(file), places(folder), **options)


def test_pictures_alone_and_with_labels(tmp_path: Path) -> None:
    found = opened(tmp_path, "images")
    assert (found.name, found.split, found.labels, found.classes) == ("cats", "train", None, ())
    assert found.images.shape == (6, 16, 16, 3)
    found = opened(tmp_path, "images, np.array([0, 1, 2] * 2)")
    assert found.labels.dtype == np.int64
    assert found.classes == ("0", "1", "2")
    named = opened(tmp_path, "images, torch.tensor([0, 1] * 3)", "CLASSES = ('cat', 'dog')")
    assert named.classes == ("cat", "dog")
    assert len({found.digest, named.digest, opened(tmp_path, "images").digest}) == 3


def test_arrays_can_be_of_torch_and_are_made_writable(tmp_path: Path) -> None:
    found = opened(tmp_path, "torch.from_numpy(images).flip(0)")
    assert found.images.dtype == np.uint8
    fixed = opened(tmp_path, "np.broadcast_to(images[:1], images.shape)")
    assert fixed.images.flags.writeable
    torch.from_numpy(fixed.images)  # warns, and so fails, if it is not writable


def test_pairs(tmp_path: Path) -> None:
    found = opened(tmp_path, "images, 255 - images", "PAIRS = True", pairs=True)
    assert (found.partners == 255 - found.images).all()
    small = opened(tmp_path, "images[:, :, :12], 255 - images[:, :, :12]", "PAIRS = True", size=32)
    assert small.images.shape == small.partners.shape == (6, 32, 32, 3)
    assert small.partners.mean() == pytest.approx(255 - small.images.mean(), abs=1)
    assert small.digest != opened(tmp_path, "images, images", "PAIRS = True", size=32).digest
    with pytest.raises(UsageError, match=r"cats\.py has no pairs") as caught:
        opened(tmp_path, "images", pairs=True)
    assert "PAIRS = True" in str(caught.value.hint)


def test_size_and_channels_are_converted(tmp_path: Path) -> None:
    found = opened(tmp_path, "images[:, :, :10], np.arange(6)", size=24, channels=1)
    assert found.images.shape == (6, 24, 24, 1)
    assert found.classes == tuple("012345")


@pytest.mark.parametrize(
    ("returned", "said", "next_"),
    [
        ("None", "uint8, from 0 to 255, not NoneType", "255"),
        ("[images[0], images[1, 1:]]", "uint8.*not list", "255"),
        ("images / 255", "uint8.*not float64", "astype"),
        ("images[..., 0]", r"\(N, H, W, C\).*\(6, 16, 16\)", "[..., None]"),
        ("images.transpose(0, 3, 1, 2)", r"\(6, 3, 16, 16\)", "transpose"),
        ("images[:0]", r"\(0, 16, 16, 3\)", ""),
        (
            "images[:, :, :12]",
            "12x16 pixels.*squares.*multiple of 4 from 16 to 256",
            "--image-size",
        ),
        ("images[:, :10, :10]", "10x10 pixels", "--image-size"),
        ("images, np.arange(5)", r"one label per picture.*\(6,\).*\(5,\)", "PAIRS"),
        ("images, np.ones(6)", "whole numbers.*float64", "PAIRS"),
        ("images, np.arange(6) - 1", "start from 0", "PAIRS"),
        ("images, images", r"one label per picture.*\(6, 16, 16, 3\)", "PAIRS"),
    ],
)
def test_each_message_says_what_to_return(
    returned: str, said: str, next_: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=said) as caught:
        opened(tmp_path, returned)
    assert "load('train') in cats.py" in caught.value.message
    assert next_ in str(caught.value.hint)


def test_classes_pairs_and_functions_that_are_missing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="names 2 CLASSES, but there is a label 5"):
        opened(tmp_path, "images, np.arange(6)", "CLASSES = ('cat', 'dog')")
    with pytest.raises(DataError, match="must return pairs"):
        opened(tmp_path, "images", "PAIRS = True", pairs=True)
    with pytest.raises(DataError, match=r"different shapes.*\(6, 16, 16, 3\).*\(5, 16, 16, 3\)"):
        opened(tmp_path, "images, images[1:]", "PAIRS = True", pairs=True)
    (tmp_path / "empty.py").write_text("")
    with pytest.raises(DataError, match=re.escape("empty.py does not define load(split)")) as found:
        open_pictures(str(tmp_path / "empty.py"), places(tmp_path))
    assert "def load(split)" in str(found.value.hint)
    with pytest.raises(UsageError, match="There is no file"):
        find_folder(str(tmp_path / "none.py"))
