"""Tests with the real files; skipped unless GAN_DATA_DIR has them."""

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
def test_load_returns_the_real_split(tmp_path, split, count):
    pictures = fashion_mnist.load(Places(data=DATA, cache=tmp_path), split)
    assert pictures.images.shape == (count, 28, 28, 1)
    assert pictures.labels.shape == (count,)
    assert np.bincount(pictures.labels, minlength=10).min() > 0.08 * count
    assert pictures.classes == fashion_mnist.INFO.classes
    assert count in (fashion_mnist.INFO.train, fashion_mnist.INFO.test)
    assert not any(tmp_path.iterdir()), "loading writes nothing"


@needs_data
def test_download_finds_existing_files(tmp_path):
    messages = []
    where = fashion_mnist.download(Places(data=DATA, cache=tmp_path), messages.append)
    assert where == DATA / "fashion-mnist"
    assert len(messages) == 1 and str(where) in messages[0]


@needs_data
def test_the_first_label_and_the_mean_match_the_published_ones(tmp_path):
    pictures = fashion_mnist.load(Places(data=DATA, cache=tmp_path), "train")
    assert pictures.classes[pictures.labels[0]] == "Ankle boot"
    assert pictures.images.mean() == pytest.approx(72.94, abs=0.01)  # 0.2860 of 255, as published
