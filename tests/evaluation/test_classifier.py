"""The network, its training, and what it recognises."""

import math

import pytest
import torch
from evaluation.bars import CLASSES, Bars, bars

from gancli.errors import DataError
from gancli.evaluation import classifier


@pytest.mark.parametrize(("channels", "size"), [(1, 16), (3, 17), (1, 28), (3, 36), (4, 64)])
def test_classifier_takes_any_channels_and_sizes(channels: int, size: int) -> None:
    network = classifier.Classifier(channels, size, 7)
    image = torch.zeros(2, channels, size, size)
    assert network(image).shape == (2, 7)
    features = network.features(image)
    assert features.shape == (2, classifier.FEATURES)
    assert (features >= 0).all()
    linear = network.features[-2]
    assert linear.in_features <= 64 * 8 * 8  # it would be most of the weights of large pictures


def test_the_same_seed_gives_the_same_weights_and_leaves_the_callers_numbers_alone() -> None:
    pictures = bars("train", 64, seed=3, colours=3)
    images, labels = classifier.images_of(pictures), classifier.labels_of(pictures)
    before = torch.get_rng_state()
    a, b, c = (classifier.fit(images, labels, 4, seed=seed, steps=3) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(a.state_dict()[k], v) for k, v in b.state_dict().items())
    assert not torch.equal(a.head.weight, c.head.weight)
    assert not a.training


def test_fit_reports_its_progress() -> None:
    pictures, seen = bars("train", 64, seed=3), []
    images, labels = classifier.images_of(pictures), classifier.labels_of(pictures)
    classifier.fit(images, labels, 4, steps=3, progress=lambda *told: seen.append(told))
    assert seen == [("classifier", 1, 3), ("classifier", 2, 3), ("classifier", 3, 3)]


def test_scores_are_shares_of_what_was_to_be_recognised() -> None:
    recognised, labels = torch.tensor([0, 0, 1, 3, 3, 3]), torch.tensor([0, 0, 0, 1, 3, 3])
    found = classifier.scores(recognised, labels, CLASSES)
    assert found.overall == pytest.approx(4 / 6)
    assert found.per_class == {  # nothing was "lower"
        "top": pytest.approx(2 / 3),
        "upper": 0,
        "bottom": 1,
    }


def test_the_score_of_the_test_pictures_is_the_accuracy(real_bars: Bars) -> None:
    extractor, test = real_bars.extractor, real_bars.test
    images, labels = classifier.images_of(test), classifier.labels_of(test)
    found = classifier.score(extractor.network, images, labels, CLASSES)
    assert found.overall == extractor.accuracy
    assert found.per_class.keys() == set(CLASSES)


def test_pictures_are_rounded_as_in_files() -> None:
    images = torch.tensor([-1.0, 0.003, 1.0, 1.5]).reshape(1, 1, 2, 2)
    assert classifier.quantise(images).flatten().tolist() == [0, 128, 255, 255]
    assert classifier.quantise(images.to(torch.uint8)).dtype == torch.uint8
    with pytest.raises(DataError, match="no numbers"):
        classifier.quantise(images * math.nan)
