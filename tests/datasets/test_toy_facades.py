"""Toy facades are reproducible, and their label maps match the photos."""

from dataclasses import replace

import numpy as np
import pytest

from gancli.data.cmp import PALETTE
from gancli.data.pictures import Places
from gancli.datasets import toy_facades

NAMES = [name for name, _ in PALETTE]


@pytest.fixture(scope="module")
def drawn():
    """Photos and label maps, each uint8 (60, 256, 256, 3)."""
    photos, maps = zip(*map(toy_facades.draw, range(60)), strict=True)
    return np.array(photos), np.array(maps)


@pytest.fixture
def few(tmp_path, monkeypatch):
    small = replace(toy_facades.INFO, train=6, test=3)
    monkeypatch.setattr(toy_facades, "INFO", small)
    return Places(data=tmp_path / "data", cache=tmp_path / "cache")


def names_in(maps):
    """Return each pixel's index in the palette, (..., H, W), or -1 for other colours."""
    codes = maps.astype(np.int32) @ np.array([65536, 256, 1], np.int32)
    known = [red << 16 | green << 8 | blue for _, (red, green, blue) in PALETTE]
    number = np.full(codes.shape, -1, np.int8)
    for i, code in enumerate(known):
        number[codes == code] = i
    return number


def test_a_pair_depends_only_on_seed_and_index(drawn):
    photos, maps = drawn
    photo, labels = toy_facades.draw(7)
    np.testing.assert_array_equal(photo, photos[7])
    np.testing.assert_array_equal(labels, maps[7])
    assert (toy_facades.draw(7, seed=1)[1] != labels).any()
    assert len({pixels.tobytes() for pixels in photos}) == len(photos)
    assert len({pixels.tobytes() for pixels in maps}) == len(maps)


def test_label_maps_use_all_palette_colours_and_no_others(drawn):
    photos, maps = drawn
    assert photos.shape == maps.shape == (60, 256, 256, 3)
    assert photos.dtype == maps.dtype == np.uint8
    assert set(np.unique(names_in(maps))) == set(range(12))


@pytest.mark.parametrize("name", ["window", "door", "blind", "shop"])
def test_an_element_differs_in_colour_from_the_wall(drawn, name):
    differences = []
    for photo, labels in zip(drawn[0][:30], names_in(drawn[1][:30]), strict=True):
        here = labels == NAMES.index(name)
        if here.any():
            wall = photo[labels == NAMES.index("facade")].mean(0)
            differences.append(abs(photo[here] - wall).mean())
    assert len(differences) > 5
    assert np.mean(np.array(differences) > 10) > 0.9


def test_edges_of_photo_and_label_map_coincide(drawn):
    """The photo changes most exactly where the label map does, not a pixel away."""
    photos, maps = drawn[0][:20], drawn[1][:20]
    for axis in (1, 2):
        change = abs(np.diff(photos[..., 1].astype(int), axis=axis))
        border = np.diff(names_in(maps), axis=axis) != 0
        beside = [change[np.roll(border, shift, axis)].mean() for shift in range(-3, 4)]
        assert np.argmax(beside) == 3


def test_each_split_is_drawn_once_and_then_loaded(few):
    messages, seen = [], []
    first = toy_facades.load(few, "train", 64, messages.append, lambda *a: seen.append(a))
    again = toy_facades.load(few, "train", 64, messages.append)
    assert len(messages) == 1 and "6 pairs" in messages[0]
    assert seen[-1] == ("toy-facades", 6, 6)
    for pictures in (first, again):
        assert pictures.images.shape == pictures.partners.shape == (6, 64, 64, 3)
        assert pictures.images.dtype == pictures.partners.dtype == np.uint8
        assert pictures.palette == PALETTE
        assert (names_in(pictures.partners) >= 0).all()
    np.testing.assert_array_equal(first.images, again.images)
    np.testing.assert_array_equal(first.partners, again.partners)
    assert first.digest == again.digest


def test_splits_and_sizes_have_their_own_pairs(few):
    train, test = toy_facades.load(few, "train"), toy_facades.load(few, "test")
    small = toy_facades.load(few, "test", 32)
    assert small.images.shape == (3, 32, 32, 3)
    assert (test.name, test.split, len(test.images)) == ("toy-facades", "test", 3)
    for i, number in enumerate(range(6, 9)):
        photo, labels = toy_facades.draw(number)
        np.testing.assert_array_equal(test.images[i], photo)
        np.testing.assert_array_equal(test.partners[i], labels)
    assert not {p.tobytes() for p in train.partners} & {p.tobytes() for p in test.partners}
    assert len({train.digest, test.digest, small.digest}) == 3


def test_toy_facades_load_if_no_folder_is_writable(few, tmp_path):
    (tmp_path / "cache").write_text("a file in the way")
    messages = []
    pictures = toy_facades.load(few, "test", 32, messages.append)
    assert len(pictures.images) == len(pictures.partners) == 3
    assert str(tmp_path / "cache") in messages[0]
