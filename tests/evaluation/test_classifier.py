"""The classifier: its network, its training and its scores."""

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
    assert linear.in_features <= 64 * 8 * 8  # large pictures do not need a larger layer


def test_fit_is_reproducible_and_restores_the_global_rng() -> None:
    pictures = bars("train", 64, seed=3, colours=3)
    images, labels = classifier.images_of(pictures), classifier.labels_of(pictures)
    before = torch.get_rng_state()
    a, b, c = (classifier.fit(images, labels, 4, seed=seed, steps=3) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(a.state_dict()[k], v) for k, v in b.state_dict().items())
    assert not torch.equal(a.head.weight, c.head.weight)
    assert not a.training


def test_fit_reports_progress_after_every_step() -> None:
    pictures, seen = bars("train", 64, seed=3), []
    images, labels = classifier.images_of(pictures), classifier.labels_of(pictures)
    classifier.fit(images, labels, 4, steps=3, progress=lambda *step: seen.append(step))
    assert seen == [("classifier", 1, 3), ("classifier", 2, 3), ("classifier", 3, 3)]


def test_scores_are_accuracies_of_the_classes_that_occur() -> None:
    predicted, labels = torch.tensor([0, 0, 1, 3, 3, 3]), torch.tensor([0, 0, 0, 1, 3, 3])
    found = classifier.scores(predicted, labels, CLASSES)
    assert found.overall == pytest.approx(4 / 6)
    assert found.per_class == {  # no label is "lower"
        "top": pytest.approx(2 / 3),
        "upper": 0,
        "bottom": 1,
    }


def test_the_score_of_the_test_pictures_is_the_extractors_accuracy(real_bars: Bars) -> None:
    extractor, test = real_bars.extractor, real_bars.test
    images, labels = classifier.images_of(test), classifier.labels_of(test)
    found = classifier.score(extractor.network, images, labels, CLASSES)
    assert found.overall == extractor.accuracy
    assert found.per_class.keys() == set(CLASSES)


def test_quantise_rounds_as_files_do_and_refuses_values_that_are_not_finite() -> None:
    images = torch.tensor([-1.0, 0.003, 1.0, 1.5]).reshape(1, 1, 2, 2)
    assert classifier.quantise(images).flatten().tolist() == [0, 128, 255, 255]
    assert classifier.quantise(images.to(torch.uint8)).dtype == torch.uint8
    with pytest.raises(DataError) as caught:
        classifier.quantise(images * math.nan)
    assert "--lr" in str(caught.value.hint)
