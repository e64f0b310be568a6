"""GAN-test and GAN-train on real pictures with right and wrong labels."""

from dataclasses import replace

import pytest
import torch
from evaluation.bars import CLASSES, STEPS_TO_LEARN, Bars

from gancli.evaluation import classifier
from gancli.evaluation.classifier import images_of, labels_of
from gancli.evaluation.metrics.gan_test_train import gan_test, gan_train


def test_gan_test_is_the_share_of_samples_that_show_the_requested_class(real_bars: Bars) -> None:
    images, requested = images_of(real_bars.test), labels_of(real_bars.test).clone()
    scores = gan_test(real_bars.samples(images, requested=requested))
    assert scores is not None
    assert scores.overall == real_bars.extractor.accuracy
    requested[requested == 0] = 1  # now every picture of "top" counts as wrong
    scores = gan_test(real_bars.samples(images, requested=requested))
    assert scores is not None
    assert scores.overall == pytest.approx(0.75, abs=0.02)
    assert scores.per_class["upper"] == pytest.approx(0.5, abs=0.03)
    assert "top" not in scores.per_class  # it was not requested
    assert scores.per_class["bottom"] > 0.95


def test_gan_train_learns_from_samples_only(
    real_bars: Bars, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(classifier, "STEPS", STEPS_TO_LEARN)
    fakes, labels, messages = real_bars.real.float() / 127.5 - 1, labels_of(real_bars.train), []
    samples = replace(real_bars.samples(fakes, requested=labels), say=messages.append)
    good = gan_train(samples)
    assert good is not None
    assert good.overall > 0.95
    assert good.real == real_bars.extractor.accuracy
    assert set(good.per_class) == set(CLASSES)
    assert len(messages) == 1
    assert "600" in messages[0]
    wrong = gan_train(real_bars.samples(fakes, requested=(labels + 1) % 4))
    assert wrong is not None
    assert wrong.overall < 0.05


def test_gan_train_uses_as_many_samples_as_there_are_training_pictures(
    real_bars: Bars, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(classifier, "STEPS", 1)
    counts: list[int] = []

    def draw(count: int) -> list[torch.Tensor]:
        counts.append(count)
        return [real_bars.real]

    samples = real_bars.samples(real_bars.real[:10], requested=labels_of(real_bars.train))
    assert samples.by_class is not None
    gan_train(replace(samples, by_class=replace(samples.by_class, draw=draw)))
    assert counts == [600]
