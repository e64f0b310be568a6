"""`Samples` and `Translations`, which metrics are computed from."""

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
from gancli.evaluation.evidence import Translations
from gancli.evaluation.extractor import ROTATIONS
from gancli.evaluation.metrics import Kind


def test_features_do_not_depend_on_the_dtype_or_the_batch_size(real_bars: Bars) -> None:
    images = images_of(real_bars.test)
    floats = images.float() / 127.5 - 1 + 0.003  # less than half a step of 1/127.5
    together, parts = real_bars.samples(images), real_bars.samples(*floats.split(37))
    torch.testing.assert_close(parts.features, together.features, rtol=1e-4, atol=1e-4)
    assert torch.equal(parts.predicted, together.predicted)
    torch.testing.assert_close(together.features, together.reference, rtol=1e-4, atol=1e-4)


def test_the_pictures_of_the_floor_are_chosen_by_seed(real_bars: Bars) -> None:
    images = real_bars.real[:200]
    a, b, c = (real_bars.samples(images, seed=seed).real for seed in (0, 0, 1))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)
    everything = real_bars.samples(real_bars.real, images).real  # more samples than pictures
    assert sorted(bytes(x.numpy()) for x in everything) == sorted(
        bytes(x.numpy()) for x in real_bars.real
    )


def test_samples_are_drawn_once_when_they_are_first_needed(real_bars: Bars) -> None:
    drawn: list[int] = []

    def draw(count: int) -> list[Tensor]:
        drawn.append(count)
        return [real_bars.real[:count]]

    samples = replace(real_bars.samples(real_bars.real[:5]), draw=draw)
    assert Kind.SAMPLES in samples.kinds
    assert drawn == []
    assert len(samples.features) == len(samples.predicted) == 5
    assert drawn == [5]


def test_the_kinds_of_samples_depend_on_labels_and_classes(real_bars: Bars) -> None:
    images, labels = real_bars.real, torch.from_numpy(real_bars.train.labels)
    by_class = real_bars.samples(images, requested=labels)
    turns = replace(
        by_class, by_class=None, extractor=replace(by_class.extractor, classes=ROTATIONS)
    )
    assert by_class.kinds == Kind.SAMPLES | Kind.CLASSES | Kind.LABELLED
    assert real_bars.samples(images).kinds == Kind.SAMPLES | Kind.CLASSES
    assert turns.kinds == Kind.SAMPLES
    assert "quarter turns" in turns.facts({})["protocol"]["extractor"]


def test_samples_that_cannot_be_measured_are_refused(real_bars: Bars) -> None:
    def features(*batches: Tensor) -> Tensor:
        return real_bars.samples(*batches).features

    for too_few in ([], [torch.zeros(1, 1, SIZE, SIZE)]):
        with pytest.raises(UsageError) as caught:
            features(*too_few)
        assert caught.value.hint == "gan evaluate --help"
    with pytest.raises(DataError):
        features(torch.full((4, 1, SIZE, SIZE), math.nan))
    with pytest.raises(UsageError, match=r"3x16x16.*1x16x16"):
        features(torch.zeros(4, 3, SIZE, SIZE))
    with pytest.raises(UsageError, match=r"1x32x32.*1x16x16"):
        features(torch.zeros(4, 1, 32, 32))


def test_the_confusion_matrix_counts_pixels() -> None:
    rng = np.random.default_rng(0)
    generated, truth = rng.integers(0, len(PALETTE), (2, 5, 8, 8))
    colours = np.array([colour for _, colour in PALETTE], np.uint8)
    maps = Translations(generated=colours[generated], truth=colours[truth], palette=PALETTE)
    matrix = np.zeros((len(PALETTE), len(PALETTE)))
    for g, t in zip(generated.ravel(), truth.ravel(), strict=True):
        matrix[t, g] += 1
    assert np.array_equal(maps.confusion, matrix)
    assert maps.kinds == Kind.LABEL_MAPS


def test_mean_compares_pairs_in_minus_1_to_1() -> None:
    black, white = (np.full((16, 16, 1), value, np.uint8) for value in (0, 255))
    photos = Translations(generated=[white, white], truth=[black, white])
    assert photos.mean(lambda a, b: (a - b).abs().max()) == pytest.approx((2 + 0) / 2)
    assert photos.mean(lambda a, b: a.min()) == pytest.approx(1)
    assert photos.kinds == Kind.PHOTOS
