"""Fakes with labels: are they what was asked for, and can they teach?"""

from dataclasses import replace

import pytest
import torch
from evaluation.bars import CLASSES, ENOUGH, Bars

from gancli.evaluation import classifier
from gancli.evaluation.classifier import images_of, labels_of
from gancli.evaluation.metrics.gan_test_train import gan_test, gan_train


def test_gan_test_counts_the_fakes_that_are_what_was_asked_for(real_bars: Bars) -> None:
    images, asked = images_of(real_bars.test), labels_of(real_bars.test).clone()
    scores = gan_test(real_bars.samples(images, asked=asked))
    assert scores is not None
    assert scores.overall == real_bars.extractor.accuracy
    asked[asked == 0] = 1  # every "top" is a wrong answer now
    scores = gan_test(real_bars.samples(images, asked=asked))
    assert scores is not None
    assert scores.overall == pytest.approx(0.75, abs=0.02)
    assert scores.per_class["upper"] == pytest.approx(0.5, abs=0.03)
    assert "top" not in scores.per_class  # nobody asked for it
    assert scores.per_class["bottom"] > 0.95


def test_gan_train_learns_from_the_fakes_alone(
    real_bars: Bars, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(classifier, "STEPS", ENOUGH)
    fakes, labels, told = real_bars.real.float() / 127.5 - 1, labels_of(real_bars.train), []
    samples = replace(real_bars.samples(fakes, asked=labels), say=told.append)
    good = gan_train(samples)
    assert good is not None
    assert good.overall > 0.95
    assert set(good.per_class) == set(CLASSES)
    assert told == ["Training a classifier on 600 samples alone."]
    wrong = gan_train(real_bars.samples(fakes, asked=(labels + 1) % 4))
    assert wrong is not None
    assert wrong.overall < 0.05


def test_gan_train_takes_as_many_fakes_as_there_are_training_pictures(
    real_bars: Bars, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(classifier, "STEPS", 1)
    counts: list[int] = []

    def draw(count: int) -> list[torch.Tensor]:
        counts.append(count)
        return [real_bars.real]

    samples = real_bars.samples(real_bars.real[:10], asked=labels_of(real_bars.train))
    gan_train(replace(samples, draw=draw))
    assert counts == [600]
