"""What metrics are given."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from evaluation.bars import SIZE, Bars
from torch import Tensor

from gancli.data.cmp import PALETTE
from gancli.errors import DataError, UsageError
from gancli.evaluation.classifier import images_of
from gancli.evaluation.evidence import Samples, Translations
from gancli.evaluation.extractor import TURNS
from gancli.evaluation.metrics import Kind


def test_bytes_and_floats_are_seen_alike_in_batches_of_any_size(real_bars: Bars) -> None:
    images = images_of(real_bars.test)
    floats = images.float() / 127.5 - 1 + 0.003  # less than half a step of 1/127.5
    whole, parts = real_bars.samples(images), real_bars.samples(*floats.split(37))
    torch.testing.assert_close(parts.features, whole.features, rtol=1e-4, atol=1e-4)
    assert torch.equal(parts.recognised, whole.recognised)
    torch.testing.assert_close(whole.features, whole.reference, rtol=1e-4, atol=1e-4)


def test_real_pictures_are_drawn_by_seed(real_bars: Bars) -> None:
    images = real_bars.real[:200]
    a, b, c = (real_bars.samples(images, seed=seed).real for seed in (0, 0, 1))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)
    every = real_bars.samples(real_bars.real, images).real  # more than there are
    assert sorted(bytes(x.numpy()) for x in every) == sorted(
        bytes(x.numpy()) for x in real_bars.real
    )


def test_samples_are_drawn_once_and_only_when_they_are_asked_for(real_bars: Bars) -> None:
    drawn: list[int] = []

    def draw(count: int) -> list[Tensor]:
        drawn.append(count)
        return [real_bars.real[:count]]

    samples = replace(real_bars.samples(real_bars.real[:5]), draw=draw)
    assert Kind.SAMPLES in samples.kinds
    assert drawn == []
    assert len(samples.features) == len(samples.recognised) == 5
    assert drawn == [5]


def test_what_can_be_computed_from_samples(real_bars: Bars) -> None:
    images, labels = real_bars.real, torch.from_numpy(real_bars.train.labels)
    by_class = real_bars.samples(images, asked=labels)
    turns = replace(by_class, asked=None, extractor=replace(by_class.extractor, classes=TURNS))
    assert by_class.kinds == Kind.SAMPLES | Kind.CLASSES | Kind.LABELLED
    assert real_bars.samples(images).kinds == Kind.SAMPLES | Kind.CLASSES
    assert turns.kinds == Kind.SAMPLES
    assert "to tell quarter turns" in turns.facts({})["protocol"]["extractor"]


def test_what_cannot_be_seen(real_bars: Bars) -> None:
    def see(*batches: Tensor) -> Samples:
        samples = real_bars.samples(*batches)
        assert samples.features is not None
        return samples

    with pytest.raises(UsageError, match="at least two"):
        see(torch.zeros(1, 1, SIZE, SIZE))
    with pytest.raises(UsageError, match="at least two"):
        see()
    with pytest.raises(DataError, match="no numbers"):
        see(torch.full((4, 1, SIZE, SIZE), math.nan))
    with pytest.raises(UsageError, match=r"3x16x16.*1x16x16"):
        see(torch.zeros(4, 3, SIZE, SIZE))
    with pytest.raises(UsageError, match=r"1x32x32.*1x16x16"):
        see(torch.zeros(4, 1, 32, 32))


def test_the_confusion_is_counted_pixel_by_pixel() -> None:
    rng = np.random.default_rng(0)
    made, truth = rng.integers(0, len(PALETTE), (2, 5, 8, 8))
    colours = np.array([colour for _, colour in PALETTE], np.uint8)
    maps = Translations(made=colours[made], truth=colours[truth], palette=PALETTE)
    table = np.zeros((len(PALETTE), len(PALETTE)))
    for m, t in zip(made.ravel(), truth.ravel(), strict=True):
        table[t, m] += 1
    assert np.array_equal(maps.confusion, table)
    assert maps.kinds == Kind.LABEL_MAPS


def test_a_mean_is_over_pairs_of_values_around_0() -> None:
    black, white = (np.full((16, 16, 1), value, np.uint8) for value in (0, 255))
    photos = Translations(made=[white, white], truth=[black, white])
    assert photos.mean(lambda a, b: (a - b).abs().max()) == pytest.approx((2 + 0) / 2)
    assert photos.mean(lambda a, b: a.min()) == pytest.approx(1)
    assert photos.kinds == Kind.PHOTOS
