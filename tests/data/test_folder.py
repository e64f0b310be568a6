"""A folder says by its layout what it holds; what is broken is named."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gancli.data import folder
from gancli.data.pictures import Places
from gancli.errors import DataError


@pytest.fixture
def places(tmp_path):
    return Places(data=tmp_path / "data", cache=tmp_path / "cache")


@pytest.fixture
def root(tmp_path):
    return tmp_path / "faces"


def put(path: Path, value=(10, 20, 30), size=(20, 20)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB" if isinstance(value, tuple) else "L", size, value).save(path)
    return path


def load(places, root, split="train", **options):
    return folder.load(places, split, root, **options)


def test_a_flat_folder_has_no_labels(places, root):
    for i in range(5):
        put(root / f"{i}.png", i)
    pictures = load(places, root)
    assert pictures.images.shape == (5, 20, 20, 1)
    assert pictures.images[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4]
    assert (pictures.name, pictures.labels, pictures.classes) == ("faces", None, ())
    assert len(pictures.digest) == 64


def test_class_folders_give_labels(places, root):
    put(root / "dog" / "1.png", 1)
    put(root / "cat" / "2.png", 2)
    put(root / "cat" / "deep" / "3.jpg", 3)
    pictures = load(places, root)
    assert pictures.classes == ("cat", "dog")
    assert pictures.labels.tolist() == [0, 0, 1]
    assert pictures.labels.dtype == np.int64
    assert pictures.images[:, 0, 0, 0].tolist() == [2, 3, 1]


def test_one_sub_folder_is_no_class(places, root):
    put(root / "img_align" / "1.png")
    assert load(places, root).classes == ()


def test_pictures_beside_the_sub_folders_make_it_flat(places, root):
    put(root / "a" / "1.png")
    put(root / "b" / "2.png")
    put(root / "3.png")
    pictures = load(places, root)
    assert (len(pictures.images), pictures.classes) == (3, ())


@pytest.mark.parametrize("name", ["test", "val"])
def test_sub_folders_are_splits(places, root, name):
    put(root / "train" / "a" / "1.png", 1)
    put(root / "train" / "b" / "2.png", 2)
    put(root / name / "b" / "3.png", 3)
    train, test = load(places, root), load(places, root, "test")
    assert train.labels.tolist() == [0, 1]
    assert test.labels.tolist() == [1]
    assert test.images[:, 0, 0, 0].tolist() == [3]
    assert not train.notes


def test_a_train_folder_alone_has_no_test_split(places, root):
    put(root / "train" / "1.png")
    assert len(load(places, root).images) == 1
    with pytest.raises(DataError, match="no test pictures") as failure:
        load(places, root, "test")
    assert str(root / "test") in failure.value.hint


def test_a_tenth_is_held_out_by_name(places, root):
    for i in range(60):
        put(root / f"{i}.png", i)
    train, test = load(places, root), load(places, root, "test")
    values = [set(p.images[:, 0, 0, 0].tolist()) for p in (train, test)]
    assert values[0] | values[1] == set(range(60))
    assert not values[0] & values[1]
    assert 1 <= len(test.images) <= 15
    assert f"{len(test.images)} of the 60 pictures" in train.notes[0]
    put(root / "other.png", 99)
    assert values[1] <= set(load(places, root, "test").images[:, 0, 0, 0].tolist())


def test_few_pictures_are_all_for_training(places, root):
    for i in range(19):
        put(root / f"{i}.png", i)
    assert len(load(places, root).images) == 19
    with pytest.raises(DataError, match="no test pictures"):
        load(places, root, "test")


def test_hidden_and_other_files_are_no_pictures(places, root):
    put(root / "1.PNG".lower())
    put(root / ".thumbs" / "2.png")
    put(root / ".3.png")
    put(root / "__MACOSX" / "4.png")
    (root / "notes.txt").write_text("5")
    assert len(load(places, root).images) == 1


@pytest.mark.parametrize("make", [False, True])
def test_no_pictures_is_said(places, root, make):
    if make:
        (root / "empty").mkdir(parents=True)
    with pytest.raises(DataError, match="There are no pictures in") as failure:
        load(places, root)
    assert ".png" in failure.value.hint


def test_the_size_is_the_pictures_own_or_64_or_as_asked(places, root):
    put(root / "1.png", size=(32, 32))
    assert load(places, root).images.shape[1] == 32
    assert load(places, root, size=48).images.shape[1] == 48
    assert load(places, root, size=48, channels=1).images.shape == (1, 48, 48, 1)
    put(root / "2.png", size=(100, 50))
    assert load(places, root).images.shape[1] == 64


def break_some(root, count=1):
    put(root / "good.png")
    for i in range(count):
        (root / f"bad{i}.png").write_bytes(b"nothing")


def test_broken_files_are_skipped_and_named(places, root):
    break_some(root)
    for _ in range(2):  # read, then recalled
        pictures = load(places, root)
        assert len(pictures.images) == 1
        assert "bad0.png (no picture)" in pictures.notes[0]


def test_many_broken_files_are_counted(places, root):
    break_some(root, 8)
    assert load(places, root).notes[0].endswith("bad4.png (no picture) and 3 more.")


def test_broken_files_keep_labels_and_pictures_together(places, root):
    put(root / "a" / "1.png", 1)
    put(root / "b" / "2.png", 2)
    (root / "a" / "0.png").write_bytes(b"nothing")
    pictures = load(places, root)
    assert pictures.labels.tolist() == [0, 1]
    assert pictures.images[:, 0, 0, 0].tolist() == [1, 2]


def test_broken_files_are_refused_where_asked(places, root):
    break_some(root)
    load(places, root)
    with pytest.raises(DataError, match=r"bad0.png \(no picture\)") as failure:
        load(places, root, broken="refuse")
    assert "skip" in failure.value.hint


def test_nothing_but_broken_files_is_an_error(places, root):
    break_some(root)
    (root / "good.png").unlink()
    with pytest.raises(DataError, match=r"No picture in .* can be read: bad0.png"):
        load(places, root)


def test_the_second_start_reads_no_picture(places, root):
    put(root / "1.png", 1)
    said = []
    first = load(places, root, say=said.append)
    again = load(places, root, say=said.append)
    assert said == [f"{root}: reading 1 pictures, once."]
    np.testing.assert_array_equal(first.images, again.images)
    assert first.digest == again.digest
    assert again.images.flags.writeable


@pytest.mark.parametrize(
    "change",
    [
        lambda root: put(root / "2.png", 2),
        lambda root: put(root / "1.png", 5),
        lambda root: os.utime(root / "1.png", (1, 1)),
        lambda root: (root / "1.png").rename(root / "9.png"),
    ],
)
def test_what_changed_is_read_anew_into_the_same_file(places, root, change):
    put(root / "1.png", 1)
    load(places, root)
    change(root)
    said = []
    load(places, root, say=said.append)
    assert said
    assert len(list((places.cache / "folders").iterdir())) == 1


@pytest.mark.parametrize("value", [(10, 20, 30), 7])
@pytest.mark.parametrize("known", [{}, {"size": 20}, {"broken": "refuse"}])
def test_what_is_kept_serves_who_asks_for_just_that(places, root, value, known):
    """As `gan evaluate` does, for the size and the channels of the pictures trained on."""
    put(root / "1.png", value)
    first = load(places, root, **known)
    size, channels = first.images.shape[2:]
    said = []
    again = load(places, root, size=size, channels=channels, say=said.append)
    assert said == []
    np.testing.assert_array_equal(first.images, again.images)


@pytest.mark.parametrize("other", [{"channels": 3}, {"size": 16}, {"broken": "refuse"}])
def test_another_wish_leaves_what_is_kept_to_those_who_read_it(places, root, other):
    put(root / "1.png", 7)
    put(root / "2.png", 8)
    first = load(places, root)
    load(places, root, **other)
    assert first.stored.read([1, 0])[:, 0, 0, 0, 0].tolist() == [8, 7]
    said = []
    load(places, root, say=said.append)
    assert said == []


def test_where_nothing_can_be_kept_it_is_read_all_the_same(places, root):
    put(root / "1.png", 1)
    places.cache.write_text("in the way")
    assert len(load(places, root).images) == 1
