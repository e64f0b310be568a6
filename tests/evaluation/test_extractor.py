"""The feature extractor of a dataset, and its cache."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from evaluation.bars import CLASSES, STEPS_TO_LEARN, Bars, bars, unlabelled

from gancli.errors import UsageError
from gancli.evaluation import classifier, extractor
from gancli.evaluation.classifier import images_of
from gancli.evaluation.extractor import extractor_for


@pytest.fixture
def short_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """Train classifiers for 2 steps only, for tests in which their accuracy does not matter."""
    monkeypatch.setattr(classifier, "STEPS", 2)


def test_the_extractor_learns_the_classes(real_bars: Bars) -> None:
    assert real_bars.extractor.accuracy > 0.97
    assert real_bars.extractor.dataset == "bars"
    assert real_bars.extractor.classes == CLASSES


def test_the_extractor_is_cached_and_loaded_unchanged(short_training: None, tmp_path: Path) -> None:
    train, test = bars("train", 64, 3), bars("test", 64, 4)
    first = extractor_for(train, test, tmp_path)
    (file,) = (tmp_path / "classifiers").iterdir()
    assert file.name == f"bars-{train.digest[:12]}-{classifier.VERSION}.safetensors"
    messages: list[str] = []
    before = torch.get_rng_state()
    loaded = extractor_for(train, test, tmp_path, messages.append)
    assert messages == []  # nothing was trained
    assert torch.equal(torch.get_rng_state(), before)
    assert loaded.accuracy == first.accuracy
    images = images_of(test)
    assert torch.equal(loaded.features(images), first.features(images))


def truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def flip_a_bit(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[-1000] ^= 64
    file.write_bytes(data)


def replace_by_text(file: Path) -> None:
    file.write_text("this is not a safetensors file")


@pytest.mark.parametrize("damage", [truncate, flip_a_bit, replace_by_text])
def test_a_damaged_cache_is_replaced_by_training_again(
    damage: Callable[[Path], None], short_training: None, tmp_path: Path
) -> None:
    train, test, messages = bars("train", 64, 3), bars("test", 64, 4), []
    first = extractor_for(train, test, tmp_path, messages.append)
    (file,) = (tmp_path / "classifiers").iterdir()
    good = file.read_bytes()
    damage(file)
    messages.clear()
    second = extractor_for(train, test, tmp_path, messages.append)
    assert "bars" in messages[0]  # it was trained
    assert second.accuracy == first.accuracy
    assert file.read_bytes() == good


@pytest.mark.parametrize("split", ["train", "test"])
def test_other_pictures_get_another_classifier(
    split: str, short_training: None, tmp_path: Path
) -> None:
    pictures = {"train": bars("train", 64, 3), "test": bars("test", 64, 4)}
    extractor_for(**pictures, cache=tmp_path)
    pictures[split] = bars(split, 64, 5)
    messages: list[str] = []
    extractor_for(**pictures, cache=tmp_path, say=messages.append)
    assert len(messages) == 2  # that it is trained, and its accuracy


def test_an_unwritable_cache_is_reported_and_not_an_error(
    short_training: None, tmp_path: Path
) -> None:
    (tmp_path / "classifiers").write_text("a file where the folder should be")
    messages: list[str] = []
    extractor_for(bars("train", 64, 3), bars("test", 64, 4), tmp_path, messages.append)
    assert str(tmp_path / "classifiers") in messages[-1]


def test_test_pictures_without_the_classes_of_training_are_refused(tmp_path: Path) -> None:
    pictures = {"train": bars("train", 64, 3), "test": unlabelled(bars("test", 64, 4))}
    with pytest.raises(UsageError, match="bars") as caught:
        extractor_for(**pictures, cache=tmp_path)
    assert "gan datasets list" in str(caught.value.hint)


@pytest.mark.parametrize(("train", "test"), [(1, 64), (64, 1)])
def test_a_single_picture_is_refused(train: int, test: int) -> None:
    with pytest.raises(UsageError, match=rf"bars.*\b{train}\b.*\b{test}\b"):
        extractor.check(bars("train", train, 3), bars("test", test, 4))


def test_a_rotated_picture_has_its_rotation_as_the_class() -> None:
    train = unlabelled(bars("train", 600, seed=1))
    found = extractor.rotated(train)
    assert np.bincount(found.labels).min() > 100
    upright = np.stack([np.rot90(i, -k) for i, k in zip(found.images, found.labels, strict=True)])
    assert sorted(map(bytes, upright)) == sorted(map(bytes, train.images))  # each of them once
    assert np.array_equal(extractor.rotated(train).images, found.images)


def test_at_most_max_rotated_pictures_are_rotated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extractor, "MAX_ROTATED", 7)
    found = extractor.rotated(bars("train", 64, 3))
    assert len(found.images) == len(found.labels) == 7


def test_without_classes_the_extractor_learns_rotations(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(classifier, "STEPS", STEPS_TO_LEARN)
    train, test = unlabelled(bars("train", 600, seed=1)), unlabelled(bars("test", 300, seed=2))
    found = extractor_for(train, test, tmp_path)
    assert found.predicts_rotation
    assert found.accuracy == pytest.approx(0.5, abs=0.06)  # bars look the same upside down
    monkeypatch.delattr(extractor, "rotated")  # loading from the cache does not rotate pictures
    loaded = extractor_for(train, replace(test, classes=CLASSES), tmp_path)
    assert loaded.predicts_rotation
    assert loaded.accuracy == found.accuracy
