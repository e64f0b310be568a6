"""The real files, where GAN_DATA_DIR has them."""

import os
from pathlib import Path

import numpy as np
import pytest

from gancli.data.pictures import Places
from gancli.datasets import fashion_mnist

DATA = Path(os.environ.get("GAN_DATA_DIR", "none"))
needs_data = pytest.mark.skipif(
    not (DATA / "fashion-mnist").is_dir(), reason="GAN_DATA_DIR has no fashion-mnist"
)


@needs_data
@pytest.mark.parametrize(("split", "count"), [("train", 60_000), ("test", 10_000)])
def test_the_real_pictures(tmp_path, split, count):
    pictures = fashion_mnist.load(Places(data=DATA, cache=tmp_path), split)
    assert pictures.images.shape == (count, 28, 28, 1)
    assert pictures.labels.shape == (count,)
    assert np.bincount(pictures.labels, minlength=10).min() > 0.08 * count
    assert pictures.classes == fashion_mnist.INFO.classes
    assert count in (fashion_mnist.INFO.train, fashion_mnist.INFO.test)
    assert not any(tmp_path.iterdir()), "reading keeps nothing"


@needs_data
def test_download_finds_what_is_there(tmp_path):
    said = []
    where = fashion_mnist.download(Places(data=DATA, cache=tmp_path), said.append)
    assert where == DATA / "fashion-mnist"
    assert said == [f"fashion-mnist: 4 files from {where}."]


@needs_data
def test_the_first_clothes(tmp_path):
    pictures = fashion_mnist.load(Places(data=DATA, cache=tmp_path), "train")
    assert pictures.classes[pictures.labels[0]] == "Ankle boot"
    assert pictures.images.mean() == pytest.approx(72.94, abs=0.01)  # 0.2860 of 255, as published
