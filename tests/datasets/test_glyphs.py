"""Glyphs are reproducible, all different, and recognisable as digits."""

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


def test_a_picture_depends_only_on_seed_and_index(drawn):
    np.testing.assert_array_equal(glyphs.draw(998, 5), drawn[998:1003])
    assert (glyphs.draw(998, 5, seed=1) != drawn[998:1003]).any()


def test_no_two_pictures_are_equal(drawn):
    assert len({picture.tobytes() for picture in drawn}) == len(drawn)


def test_digits_are_white_on_black_with_an_empty_border(drawn):
    assert drawn.dtype == np.uint8
    assert drawn.shape == (2000, 28, 28, 1)
    assert 20 < drawn.mean() < 50  # MNIST: 33
    edge = np.concatenate([drawn[:, 0], drawn[:, -1], drawn[:, :, 0], drawn[:, :, -1]])
    assert edge.mean() < 3
    assert (drawn.max(axis=(1, 2, 3)) > 120).all()


def test_stroke_width_and_position_vary(drawn):
    ones = drawn[1::10, ..., 0].astype(float)
    ink = ones.sum(axis=(1, 2)) / 255
    assert np.percentile(ink, 95) > 2 * np.percentile(ink, 5)
    columns = (ones * np.arange(28)).sum(axis=(1, 2)) / ones.sum(axis=(1, 2))
    assert 0.5 < columns.std() < 3


def test_a_nearest_neighbour_classifier_recognises_the_digits(drawn):
    """Chance level is 1 in 10."""
    flat = drawn.reshape(len(drawn), -1).astype(np.float32)
    flat /= np.linalg.norm(flat, axis=1, keepdims=True)
    nearest = (flat[1000:] @ flat[:1000].T).argmax(1)
    assert np.mean(nearest % 10 == np.arange(1000) % 10) > 0.7


def test_each_split_is_drawn_once_and_then_loaded(few):
    messages, seen = [], []
    first = glyphs.load(few, "train", messages.append, lambda *a: seen.append(a))
    again = glyphs.load(few, "train", messages.append)
    test = glyphs.load(few, "test")
    assert len(messages) == 1 and "1,000" in messages[0]
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
def test_a_damaged_file_is_drawn_again(few, damage):
    glyphs.load(few, "test")
    path = few.cache / "glyphs" / "test.rows"
    path.write_bytes(damage(path.read_bytes()))
    messages = []
    pictures = glyphs.load(few, "test", messages.append)
    assert len(messages) == 1 and "50" in messages[0]
    np.testing.assert_array_equal(pictures.images, glyphs.draw(1000, 50))
    glyphs.load(few, "test", messages.append)
    assert len(messages) == 1


def test_drawn_pictures_go_to_the_cache_and_older_ones_in_the_data_folder_are_used(few):
    glyphs.load(few, "test")
    assert not few.data.exists()  # it may be shared with others
    few.cache.rename(few.data)
    few.data.chmod(0o555)
    messages = []
    assert len(glyphs.load(few, "test", messages.append).images) == 50
    few.data.chmod(0o755)
    assert messages == []
    assert not few.cache.exists()


def test_glyphs_load_if_no_folder_is_writable(few, tmp_path):
    (tmp_path / "cache").write_text("a file in the way")
    messages = []
    pictures = glyphs.load(few, "test", messages.append)
    assert len(pictures.images) == 50
    assert str(tmp_path / "cache") in messages[0]
