"""Tests with the real files; skipped unless GAN_DATA_DIR has them."""

import os
from pathlib import Path

import numpy as np
import pytest

from gancli.data.pictures import Places
from gancli.datasets import mnist

DATA = Path(os.environ.get("GAN_DATA_DIR", "none"))
needs_data = pytest.mark.skipif(not (DATA / "mnist").is_dir(), reason="GAN_DATA_DIR has no mnist")


@needs_data
@pytest.mark.parametrize(("split", "count"), [("train", 60_000), ("test", 10_000)])
def test_load_returns_the_real_split(tmp_path, split, count):
    pictures = mnist.load(Places(data=DATA, cache=tmp_path), split)
    assert pictures.images.shape == (count, 28, 28, 1)
    assert pictures.labels.shape == (count,)
    assert np.bincount(pictures.labels, minlength=10).min() > 0.08 * count
    assert pictures.classes == mnist.INFO.classes
    assert count in (mnist.INFO.train, mnist.INFO.test)
    assert not any(tmp_path.iterdir()), "loading writes nothing"


@needs_data
def test_download_finds_existing_files(tmp_path):
    messages = []
    where = mnist.download(Places(data=DATA, cache=tmp_path), messages.append)
    assert where == DATA / "mnist"
    assert len(messages) == 1 and str(where) in messages[0]


@needs_data
def test_the_first_labels_and_the_mean_match_the_published_ones(tmp_path):
    pictures = mnist.load(Places(data=DATA, cache=tmp_path), "train")
    assert pictures.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert pictures.images.mean() == pytest.approx(33.3184, abs=1e-4)  # 0.1307 of 255, as published
