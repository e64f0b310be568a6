"""The classifier of a data set, and its cache."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from evaluation.bars import CLASSES, ENOUGH, Bars, bars, unlabelled

from gancli.errors import UsageError
from gancli.evaluation import classifier, extractor
from gancli.evaluation.classifier import images_of
from gancli.evaluation.extractor import extractor_for


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Classifiers that hardly learn: for tests of all but what they know."""
    monkeypatch.setattr(classifier, "STEPS", 2)


def test_extractor_learns_the_bars(real_bars: Bars) -> None:
    assert real_bars.extractor.accuracy > 0.97
    assert real_bars.extractor.dataset == "bars"
    assert real_bars.extractor.classes == CLASSES


def test_extractor_is_kept_and_comes_back_the_same(hasty: None, tmp_path: Path) -> None:
    train, test = bars("train", 64, 3), bars("test", 64, 4)
    first = extractor_for(train, test, tmp_path)
    (file,) = (tmp_path / "classifiers").iterdir()
    assert file.name == f"bars-{train.digest[:12]}-{classifier.VERSION}.safetensors"
    said: list[str] = []
    before = torch.get_rng_state()
    again = extractor_for(train, test, tmp_path, said.append)
    assert said == []  # nothing was trained
    assert torch.equal(torch.get_rng_state(), before)
    assert again.accuracy == first.accuracy
    images = images_of(test)
    assert torch.equal(again.features(images), first.features(images))


def truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def flip_a_bit(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[-1000] ^= 64
    file.write_bytes(data)


def replace_by_text(file: Path) -> None:
    file.write_text("this is no safetensors file")


@pytest.mark.parametrize("damage", [truncate, flip_a_bit, replace_by_text])
def test_a_damaged_cache_is_trained_anew(
    damage: Callable[[Path], None], hasty: None, tmp_path: Path
) -> None:
    train, test, said = bars("train", 64, 3), bars("test", 64, 4), []
    first = extractor_for(train, test, tmp_path, said.append)
    (file,) = (tmp_path / "classifiers").iterdir()
    good = file.read_bytes()
    damage(file)
    said.clear()
    again = extractor_for(train, test, tmp_path, said.append)
    assert said[0].startswith("Training the classifier that measures bars")
    assert again.accuracy == first.accuracy
    assert file.read_bytes() == good


@pytest.mark.parametrize("what", ["train", "test"])
def test_other_pictures_get_a_classifier_of_their_own(
    what: str, hasty: None, tmp_path: Path
) -> None:
    pictures = {"train": bars("train", 64, 3), "test": bars("test", 64, 4)}
    extractor_for(**pictures, cache=tmp_path)
    pictures[what] = bars(what, 64, 5)
    said: list[str] = []
    extractor_for(**pictures, cache=tmp_path, say=said.append)
    assert len(said) == 2


def test_a_cache_that_cannot_be_written_is_said_and_does_no_harm(
    hasty: None, tmp_path: Path
) -> None:
    (tmp_path / "classifiers").write_text("a file where the folder should be")
    said: list[str] = []
    extractor_for(bars("train", 64, 3), bars("test", 64, 4), tmp_path, said.append)
    assert said[-1] == f"The classifier could not be kept in {tmp_path / 'classifiers'}."


def test_test_pictures_need_the_classes_of_the_training_pictures(tmp_path: Path) -> None:
    pictures = {"train": bars("train", 64, 3), "test": unlabelled(bars("test", 64, 4))}
    with pytest.raises(UsageError, match="test pictures of bars have no classes") as caught:
        extractor_for(**pictures, cache=tmp_path)
    assert "gan datasets list" in str(caught.value.hint)


@pytest.mark.parametrize(("train", "test"), [(1, 64), (64, 1)])
def test_a_single_picture_has_no_distance(train: int, test: int) -> None:
    with pytest.raises(UsageError, match=f"{train} training and {test} test pictures"):
        extractor.check(bars("train", train, 3), bars("test", test, 4))


def test_a_turned_picture_is_turned_by_its_class() -> None:
    train = unlabelled(bars("train", 600, seed=1))
    found = extractor.turned(train)
    assert np.bincount(found.labels).min() > 100
    back = np.stack([np.rot90(i, -k) for i, k in zip(found.images, found.labels, strict=True)])
    assert sorted(map(bytes, back)) == sorted(map(bytes, train.images))  # each of them once
    assert np.array_equal(extractor.turned(train).images, found.images)


def test_no_more_pictures_are_turned_than_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extractor, "TURNED", 7)
    found = extractor.turned(bars("train", 64, 3))
    assert len(found.images) == len(found.labels) == 7


def test_pictures_without_classes_are_told_by_their_turns(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(classifier, "STEPS", ENOUGH)
    train, test = unlabelled(bars("train", 600, seed=1)), unlabelled(bars("test", 300, seed=2))
    found = extractor_for(train, test, tmp_path)
    assert found.turns
    assert found.accuracy == pytest.approx(0.5, abs=0.06)  # bars upside down are bars again
    monkeypatch.delattr(extractor, "turned")  # what is kept turns nothing
    again = extractor_for(train, replace(test, classes=CLASSES), tmp_path)
    assert again.turns
    assert again.accuracy == found.accuracy
