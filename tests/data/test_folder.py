"""The layout of a folder decides its splits and classes; broken files are named."""

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


def test_a_single_sub_folder_is_not_a_class(places, root):
    put(root / "img_align" / "1.png")
    assert load(places, root).classes == ()


def test_a_few_pictures_beside_the_classes_are_left_out_and_named(places, root):
    put(root / "a" / "1.png", 1)
    put(root / "b" / "2.png", 2)
    put(root / "3.png", 3)
    pictures = load(places, root)
    assert pictures.images[:, 0, 0, 0].tolist() == [1, 2]
    assert pictures.classes == ("a", "b")
    (note,) = pictures.notes
    assert "outside its class folders: 3.png. They are left out." in note


def test_many_pictures_beside_sub_folders_mean_no_classes(places, root):
    put(root / "a" / "1.png")
    put(root / "b" / "2.png")
    for i in range(6):
        put(root / f"{i}.png")
    pictures = load(places, root)
    assert (len(pictures.images), pictures.classes) == (8, ())
    (note,) = pictures.notes
    assert "0.png" in note and "1 more. So the others have no classes either." in note


@pytest.mark.parametrize("name", ["test", "val"])
def test_train_and_test_folders_are_the_splits(places, root, name):
    put(root / "train" / "a" / "1.png", 1)
    put(root / "train" / "b" / "2.png", 2)
    put(root / name / "b" / "3.png", 3)
    train, test = load(places, root), load(places, root, "test")
    assert train.labels.tolist() == [0, 1]
    assert test.labels.tolist() == [1]
    assert test.images[:, 0, 0, 0].tolist() == [3]
    assert not train.notes


def test_a_train_folder_without_test_folder_has_no_test_split(places, root):
    put(root / "train" / "1.png")
    assert len(load(places, root).images) == 1
    with pytest.raises(DataError, match="test") as failure:
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


def test_few_pictures_all_go_to_the_train_split(places, root):
    for i in range(19):
        put(root / f"{i}.png", i)
    assert len(load(places, root).images) == 19
    with pytest.raises(DataError, match="test"):
        load(places, root, "test")


def test_hidden_files_and_other_suffixes_are_ignored(places, root):
    put(root / "1.PNG".lower())
    put(root / ".thumbs" / "2.png")
    put(root / ".3.png")
    put(root / "__MACOSX" / "4.png")
    (root / "notes.txt").write_text("5")
    assert len(load(places, root).images) == 1


@pytest.mark.parametrize("make", [False, True])
def test_a_folder_without_pictures_is_a_data_error(places, root, make):
    if make:
        (root / "empty").mkdir(parents=True)
    with pytest.raises(DataError, match="faces") as failure:
        load(places, root)
    assert ".png" in failure.value.hint


def test_the_size_is_the_requested_one_or_the_common_one_or_64(places, root):
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
    for _ in range(2):  # decoded, then from the cache
        pictures = load(places, root)
        assert len(pictures.images) == 1
        assert "bad0.png (" in pictures.notes[0]


def test_many_broken_files_are_counted(places, root):
    break_some(root, 8)
    (note,) = load(places, root).notes
    assert "bad4.png" in note and "bad5.png" not in note
    assert "3 more" in note


def test_skipping_broken_files_keeps_labels_aligned_with_pictures(places, root):
    put(root / "a" / "1.png", 1)
    put(root / "b" / "2.png", 2)
    (root / "a" / "0.png").write_bytes(b"nothing")
    pictures = load(places, root)
    assert pictures.labels.tolist() == [0, 1]
    assert pictures.images[:, 0, 0, 0].tolist() == [1, 2]


def test_broken_files_raise_data_error_with_refuse(places, root):
    break_some(root)
    load(places, root)
    with pytest.raises(DataError, match=r"bad0.png \(") as failure:
        load(places, root, broken="refuse")
    assert "--broken skip" in failure.value.hint


def test_a_folder_of_only_broken_files_is_a_data_error(places, root):
    break_some(root)
    (root / "good.png").unlink()
    with pytest.raises(DataError, match=r"faces.* bad0.png"):
        load(places, root)


def test_the_second_load_decodes_nothing(places, root):
    put(root / "1.png", 1)
    messages = []
    first = load(places, root, say=messages.append)
    again = load(places, root, say=messages.append)
    assert len(messages) == 1 and str(root) in messages[0]
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
def test_a_changed_folder_is_decoded_again_into_the_same_cache_file(places, root, change):
    put(root / "1.png", 1)
    load(places, root)
    change(root)
    messages = []
    load(places, root, say=messages.append)
    assert messages
    assert len(list((places.cache / "folders").iterdir())) == 1


@pytest.mark.parametrize("value", [(10, 20, 30), 7])
@pytest.mark.parametrize("known", [{}, {"size": 20}, {"broken": "refuse"}])
def test_a_cache_file_serves_requests_for_the_size_and_channels_it_has(places, root, value, known):
    """`gan evaluate` requests the size and channels of the training pictures."""
    put(root / "1.png", value)
    first = load(places, root, **known)
    size, channels = first.images.shape[2:]
    messages = []
    again = load(places, root, size=size, channels=channels, say=messages.append)
    assert messages == []
    np.testing.assert_array_equal(first.images, again.images)


@pytest.mark.parametrize("other", [{"channels": 3}, {"size": 16}, {"broken": "refuse"}])
def test_other_options_do_not_replace_the_cache_file(places, root, other):
    put(root / "1.png", 7)
    put(root / "2.png", 8)
    first = load(places, root)
    load(places, root, **other)
    assert first.stored.read([1, 0])[:, 0, 0, 0, 0].tolist() == [8, 7]
    messages = []
    load(places, root, say=messages.append)
    assert messages == []


def test_a_folder_loads_without_a_writable_cache(places, root):
    put(root / "1.png", 1)
    places.cache.write_text("in the way")
    assert len(load(places, root).images) == 1
