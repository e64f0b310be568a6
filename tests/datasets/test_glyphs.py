"""Digits that are the same every time, differ from each other, and can be told apart."""

from dataclasses import replace

import numpy as np
import pytest

from gancli.data.pictures import Places
from gancli.datasets import glyphs


@pytest.fixture(scope="module")
def drawn():
    return glyphs.draw(0, 2000)


@pytest.fixture
def few(tmp_path, monkeypatch):
    monkeypatch.setattr(glyphs, "INFO", replace(glyphs.INFO, train=1000, test=50))
    return Places(data=tmp_path / "data", cache=tmp_path / "cache")


def test_a_picture_depends_on_seed_and_number_alone(drawn):
    np.testing.assert_array_equal(glyphs.draw(998, 5), drawn[998:1003])
    assert (glyphs.draw(998, 5, seed=1) != drawn[998:1003]).any()


def test_no_two_are_alike(drawn):
    assert len({picture.tobytes() for picture in drawn}) == len(drawn)


def test_they_are_white_on_black_and_stay_inside(drawn):
    assert drawn.dtype == np.uint8
    assert drawn.shape == (2000, 28, 28, 1)
    assert 20 < drawn.mean() < 50  # MNIST: 33
    edge = np.concatenate([drawn[:, 0], drawn[:, -1], drawn[:, :, 0], drawn[:, :, -1]])
    assert edge.mean() < 3
    assert (drawn.max(axis=(1, 2, 3)) > 120).all()


def test_thickness_place_and_slant_vary(drawn):
    ones = drawn[1::10, ..., 0].astype(float)
    ink = ones.sum(axis=(1, 2)) / 255
    assert np.percentile(ink, 95) > 2 * np.percentile(ink, 5)
    columns = (ones * np.arange(28)).sum(axis=(1, 2)) / ones.sum(axis=(1, 2))
    assert 0.5 < columns.std() < 3


def test_digits_can_be_told_apart(drawn):
    """The nearest of a thousand others mostly says which digit it is; a guess is right 1 in 10."""
    flat = drawn.reshape(len(drawn), -1).astype(np.float32)
    flat /= np.linalg.norm(flat, axis=1, keepdims=True)
    nearest = (flat[1000:] @ flat[:1000].T).argmax(1)
    assert np.mean(nearest % 10 == np.arange(1000) % 10) > 0.7


def test_the_splits_are_drawn_once_and_kept(few):
    said, seen = [], []
    first = glyphs.load(few, "train", said.append, lambda *a: seen.append(a))
    again = glyphs.load(few, "train", said.append)
    test = glyphs.load(few, "test")
    assert said == ["glyphs: drawing 1,000 digits, once."]
    assert seen[-1] == ("glyphs", 1000, 1000)
    np.testing.assert_array_equal(first.images, again.images)
    np.testing.assert_array_equal(first.labels, np.arange(1000) % 10)
    assert first.labels.dtype == again.labels.dtype == np.int64
    assert again.images.flags.writeable
    assert (first.digest, first.classes) == (again.digest, again.classes)
    np.testing.assert_array_equal(test.images, glyphs.draw(1000, 50))
    assert (test.split, len(test.labels)) == ("test", 50)


@pytest.mark.parametrize(
    "damage", [lambda b: b[:-100], lambda b: bytes([b[0] ^ 1]) + b[1:], lambda b: b""]
)
def test_a_damaged_copy_is_drawn_anew(few, damage):
    glyphs.load(few, "test")
    path = few.data / "glyphs" / "test.rows"
    path.write_bytes(damage(path.read_bytes()))
    said = []
    pictures = glyphs.load(few, "test", said.append)
    assert said == ["glyphs: drawing 50 digits, once."]
    np.testing.assert_array_equal(pictures.images, glyphs.draw(1000, 50))
    glyphs.load(few, "test", said.append)
    assert len(said) == 1


def test_what_a_folder_held_when_it_could_be_written_is_used(few):
    glyphs.load(few, "test")
    few.data.chmod(0o555)
    said = []
    assert len(glyphs.load(few, "test", said.append).images) == 50
    few.data.chmod(0o755)
    assert said == []
    assert not few.cache.exists()


def test_where_nothing_can_be_kept_they_are_drawn_all_the_same(few, tmp_path):
    (tmp_path / "data").write_text("a file in the way")
    said = []
    pictures = glyphs.load(few, "test", said.append)
    assert len(pictures.images) == 50
    assert "held in memory" in said[0]
