"""The measures, on pictures of bars: small, labelled, and learned in a second."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from gancli.data.pictures import Pictures, digest
from gancli.errors import DataError, UsageError
from gancli.evaluation import classifier
from gancli.evaluation.classifier import Extractor, Gaussian, Measure, frechet, gaussian

CLASSES = ("top", "upper", "lower", "bottom")
SIZE = 16
ENOUGH = 60  # steps to learn the bars


def bars(split: str, count: int, seed: int, colours: int = 1) -> Pictures:
    """A bright bar in one of four places, in noise; class i is as frequent as any other."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % len(CLASSES)
    images = random.normal(60, 25, (count, SIZE, SIZE, colours))
    for image, label in zip(images, labels, strict=True):
        image[4 * label + 1 : 4 * label + 3] += random.uniform(80, 150)
    images = images.clip(0, 255).astype(np.uint8)
    return Pictures(
        name="bars",
        split=split,
        images=images,
        labels=labels,
        classes=CLASSES,
        digest=digest(images, labels),
    )


@pytest.fixture(scope="module")
def train() -> Pictures:
    return bars("train", 600, seed=1)


@pytest.fixture(scope="module")
def test() -> Pictures:
    return bars("test", 300, seed=2)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def extractor(train: Pictures, test: Pictures, cache: Path) -> Extractor:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(classifier, "STEPS", ENOUGH)
        return classifier.extractor(train, test, cache)


def normal(dim: int, seed: int) -> Gaussian:
    """Mean and covariance of a full-rank normal distribution."""
    g = torch.Generator().manual_seed(seed)
    factor = torch.randn(dim, 2 * dim, generator=g, dtype=torch.float64)
    return Gaussian(torch.randn(dim, generator=g, dtype=torch.float64), factor @ factor.T / dim)


def square_root(matrix: Tensor) -> Tensor:
    """By the iteration of Denman and Beavers (1976), which needs no eigenvalues."""
    y, z = matrix, torch.eye(len(matrix), dtype=matrix.dtype)
    for _ in range(30):
        y, z = (y + z.inverse()) / 2, (z + y.inverse()) / 2
    return y


# --- the formula ---


def test_frechet_of_diagonal_covariances_has_a_closed_form() -> None:
    a = Gaussian(torch.tensor([1.0, 2, 3]).double(), torch.diag(torch.tensor([1.0, 4, 0]).double()))
    b = Gaussian(torch.tensor([1.0, 0, 6]).double(), torch.diag(torch.tensor([9.0, 1, 4]).double()))
    expected = (0 + 4 + 9) + (1 - 3) ** 2 + (2 - 1) ** 2 + (0 - 2) ** 2
    assert frechet(a, b) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("lowest", "error"), [(1, 1e-12), (0, 1e-7)])  # 0 may be 1e-16, a square
def test_frechet_of_commuting_covariances_has_a_closed_form(lowest: float, error: float) -> None:
    turn = torch.linalg.qr(normal(20, 0).cov).Q
    p, q = torch.linspace(lowest, 3, 20).double(), torch.linspace(5, 1, 20).double()
    zero = torch.zeros(20).double()
    a, b = Gaussian(zero, turn * p @ turn.T), Gaussian(zero, turn * q @ turn.T)
    expected = float((p.sqrt() - q.sqrt()).square().sum())
    assert frechet(a, b) == pytest.approx(expected, rel=error)


def test_frechet_agrees_with_the_root_of_the_product_by_another_iteration() -> None:
    a, b = normal(24, 1), normal(24, 2)
    cross = square_root(a.cov @ b.cov).trace()
    expected = (a.mean - b.mean).square().sum() + a.cov.trace() + b.cov.trace() - 2 * cross
    assert frechet(a, b) == pytest.approx(float(expected), rel=1e-9)


def test_frechet_is_zero_for_the_same_and_symmetric() -> None:
    a, b = normal(128, 3), normal(128, 4)
    assert frechet(a, a) == pytest.approx(0, abs=1e-9)
    assert frechet(a, b) == pytest.approx(frechet(b, a), rel=1e-12)


def test_frechet_stands_covariances_without_full_rank() -> None:
    few = torch.randn(10, 128, generator=torch.Generator().manual_seed(0))
    few[:, 5] = 0  # a feature that never fires
    moved = few.double() + 2
    assert frechet(gaussian(few), gaussian(few)) == pytest.approx(0, abs=1e-9)
    assert frechet(gaussian(few), gaussian(moved)) == pytest.approx(128 * 4, rel=1e-9)


def test_gaussian_agrees_with_numpy_and_ignores_the_order() -> None:
    x = torch.rand(50, 6, generator=torch.Generator().manual_seed(0))
    fitted, shuffled = gaussian(x), gaussian(x.flip(0))
    assert fitted.cov.dtype == torch.float64
    np.testing.assert_allclose(fitted.mean, x.double().numpy().mean(0), rtol=1e-12)
    np.testing.assert_allclose(fitted.cov, np.cov(x.double().numpy().T), rtol=1e-12)
    torch.testing.assert_close(shuffled, fitted, rtol=1e-12, atol=1e-14)


# --- the classifier ---


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
    images, labels = classifier.tensor(pictures), torch.from_numpy(pictures.labels)
    before = torch.get_rng_state()
    a, b, c = (classifier.fit(images, labels, 4, seed=seed, steps=3) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(a.state_dict()[k], v) for k, v in b.state_dict().items())
    assert not torch.equal(a.head.weight, c.head.weight)
    assert not a.training


def test_fit_reports_its_progress() -> None:
    pictures, seen = bars("train", 64, seed=3), []
    images, labels = classifier.tensor(pictures), torch.from_numpy(pictures.labels)
    classifier.fit(images, labels, 4, steps=3, progress=lambda *told: seen.append(told))
    assert seen == [("classifier", 1, 3), ("classifier", 2, 3), ("classifier", 3, 3)]


# --- the extractor and its cache ---


def test_extractor_learns_the_bars(extractor: Extractor) -> None:
    assert extractor.accuracy > 0.97
    assert extractor.dataset == "bars"
    assert extractor.classes == CLASSES


def test_extractor_is_kept_and_comes_back_the_same(
    extractor: Extractor, train: Pictures, test: Pictures, cache: Path
) -> None:
    (file,) = (cache / "classifiers").iterdir()
    assert file.name == f"bars-{train.digest[:12]}-{classifier.VERSION}.safetensors"
    said: list[str] = []
    before = torch.get_rng_state()
    again = classifier.extractor(train, test, cache, said.append)
    assert said == []  # nothing was trained
    assert torch.equal(torch.get_rng_state(), before)
    assert again.accuracy == extractor.accuracy
    images = classifier.tensor(test)
    assert torch.equal(classifier.features(again, images), classifier.features(extractor, images))


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
    damage: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(classifier, "STEPS", 2)
    train, test, said = bars("train", 64, 3), bars("test", 64, 4), []
    first = classifier.extractor(train, test, tmp_path, said.append)
    (file,) = (tmp_path / "classifiers").iterdir()
    good = file.read_bytes()
    assert callable(damage)
    damage(file)
    said.clear()
    again = classifier.extractor(train, test, tmp_path, said.append)
    assert said[0].startswith("Training the classifier that measures bars")
    assert again.accuracy == first.accuracy
    assert file.read_bytes() == good


@pytest.mark.parametrize("what", ["train", "test"])
def test_other_pictures_get_a_classifier_of_their_own(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(classifier, "STEPS", 2)
    pictures = {"train": bars("train", 64, 3), "test": bars("test", 64, 4)}
    classifier.extractor(**pictures, cache=tmp_path)
    pictures[what] = bars(what, 64, 5)
    said: list[str] = []
    classifier.extractor(**pictures, cache=tmp_path, say=said.append)
    assert len(said) == 2


def test_a_cache_that_cannot_be_written_is_said_and_does_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(classifier, "STEPS", 2)
    (tmp_path / "classifiers").write_text("a file where the folder should be")
    said: list[str] = []
    classifier.extractor(bars("train", 64, 3), bars("test", 64, 4), tmp_path, said.append)
    assert said[-1] == f"The classifier could not be kept in {tmp_path / 'classifiers'}."


def unlabelled(pictures: Pictures) -> Pictures:
    return dataclasses.replace(pictures, labels=None, classes=())


def test_test_pictures_need_the_classes_of_the_training_pictures(tmp_path: Path) -> None:
    pictures = {"train": bars("train", 64, 3), "test": unlabelled(bars("test", 64, 4))}
    with pytest.raises(UsageError, match="test pictures of bars have no classes") as caught:
        classifier.extractor(**pictures, cache=tmp_path)
    assert "gan datasets list" in str(caught.value.hint)


def test_a_classifier_of_turns_that_is_kept_turns_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(classifier, "STEPS", 2)
    pictures = {"train": unlabelled(bars("train", 64, 3)), "test": bars("test", 64, 4)}
    classifier.extractor(**pictures, cache=tmp_path)
    monkeypatch.delattr(classifier, "turned")
    assert classifier.extractor(**pictures, cache=tmp_path).turns


def test_a_turned_picture_is_turned_by_its_class(train: Pictures) -> None:
    found = classifier.turned(unlabelled(train))
    assert np.bincount(found.labels).min() > 100
    back = np.stack([np.rot90(i, -k) for i, k in zip(found.images, found.labels, strict=True)])
    assert sorted(map(bytes, back)) == sorted(map(bytes, train.images))  # each of them once
    assert np.array_equal(classifier.turned(unlabelled(train)).images, found.images)


def test_no_more_pictures_are_turned_than_are_needed(
    monkeypatch: pytest.MonkeyPatch, train: Pictures
) -> None:
    monkeypatch.setattr(classifier, "TURNED", 7)
    assert len(classifier.turned(train).images) == len(classifier.turned(train).labels) == 7


def test_pictures_without_classes_are_measured_by_their_turns(
    monkeypatch: pytest.MonkeyPatch, train: Pictures, test: Pictures, tmp_path: Path
) -> None:
    monkeypatch.setattr(classifier, "STEPS", ENOUGH)
    train, test = unlabelled(train), unlabelled(test)
    judge = classifier.extractor(train, test, tmp_path)
    assert judge.classes == classifier.TURNS
    assert judge.accuracy == pytest.approx(0.5, abs=0.06)  # bars upside down are bars again
    again = classifier.extractor(train, test, tmp_path)
    assert again.accuracy == judge.accuracy

    real, seed = classifier.tensor(train), torch.Generator().manual_seed(0)
    noisy = (real + 60 * torch.rand(real.shape, generator=seed)).clamp(0, 255).to(torch.uint8)
    one = real[:1].expand(600, -1, -1, -1)
    good, bad, alike = (classifier.measure([x], judge, train, test) for x in (real, noisy, one))
    assert 3 * good.frechet < min(bad.frechet, alike.frechet)
    assert good.classes_hit is None
    assert good.shares is None
    assert "to tell quarter turns" in str(good.protocol["extractor"])
    assert "classes hit" not in dict(r[:2] for r in good.rows())


@pytest.mark.parametrize(("train", "test"), [(1, 64), (64, 1)])
def test_a_single_picture_has_no_distance(train: int, test: int, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"{train} training and {test} test pictures"):
        classifier.extractor(bars("train", train, 3), bars("test", test, 4), tmp_path)


# --- the measure ---


def test_real_pictures_measure_like_the_floor_and_worse_ones_worse(
    extractor: Extractor, train: Pictures, test: Pictures
) -> None:
    real, seed = classifier.tensor(train), torch.Generator().manual_seed(0)
    noisy = (real + 60 * torch.rand(real.shape, generator=seed)).clamp(0, 255).to(torch.uint8)
    good, bad = (
        classifier.measure(images.split(100), extractor, train, test) for images in (real, noisy)
    )
    assert good.frechet == pytest.approx(good.floor, rel=1e-6)  # the floor draws all 600, too
    assert 0 < 3 * good.frechet < bad.frechet
    assert good.classes_hit == 1
    assert sum(good.shares.values()) == pytest.approx(1)
    assert good.shares["top"] == pytest.approx(0.25, abs=0.02)
    assert good.samples == 600
    assert good.accuracy == extractor.accuracy


def test_bytes_and_floats_measure_alike_in_batches_of_any_size(
    extractor: Extractor, train: Pictures, test: Pictures
) -> None:
    images = classifier.tensor(test)
    floats = images.float() / 127.5 - 1 + 0.003  # less than half a step of 1/127.5
    whole = classifier.measure([images], extractor, train, test)
    parts = classifier.measure((f for f in floats.split(37)), extractor, train, test)
    assert parts.frechet == pytest.approx(whole.frechet, abs=1e-5)
    assert parts.shares == whole.shares
    assert whole.frechet == pytest.approx(0, abs=1e-5)


def test_a_class_that_never_comes_is_missed(
    extractor: Extractor, train: Pictures, test: Pictures
) -> None:
    images = classifier.tensor(train)[torch.from_numpy(train.labels) != 2]
    found = classifier.measure([images], extractor, train, test)
    assert found.classes_hit == 0.75
    assert found.shares["lower"] < 0.02


def test_classes_hit_asks_for_a_tenth_of_the_expected_frequency() -> None:
    labels = torch.tensor([0] * 50 + [1] * 50)  # class 2 is not there, and left out
    assert classifier.classes_hit(torch.tensor([95, 5, 0]), labels) == 1
    assert classifier.classes_hit(torch.tensor([96, 4, 0]), labels) == 0.5
    assert classifier.classes_hit(torch.tensor([0, 4, 96]), labels) == 0


def test_the_floor_draws_by_seed(extractor: Extractor, train: Pictures, test: Pictures) -> None:
    images = classifier.tensor(train)[:200]
    floors = [classifier.measure([images], extractor, train, test, seed=s).floor for s in (0, 0, 1)]
    assert floors[0] == floors[1] != floors[2]


def test_a_measure_tells_its_protocol(
    extractor: Extractor, train: Pictures, test: Pictures
) -> None:
    found = classifier.measure([classifier.tensor(train)[:200]], extractor, train, test, seed=5)
    assert found.protocol == {
        "extractor": f"classifier {classifier.VERSION} of gan, trained on the training split of "
        "bars; its 128 features",
        "samples": 200,
        "reference": "the test split of bars, 300 pictures",
        "floor": "200 pictures of the training split, drawn with seed 5",
    }
    shown = dict(found.rows())
    assert shown["samples"] == "200"
    assert shown["Fréchet distance"] == f"{found.frechet:.2f}"
    assert shown["classes hit"] == "100%"
    assert set(found.protocol) <= set(shown)
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.frechet = 0  # type: ignore[misc]


def test_what_cannot_be_measured(extractor: Extractor, train: Pictures, test: Pictures) -> None:
    def measure(*batches: Tensor) -> Measure:
        return classifier.measure(batches, extractor, train, test)

    with pytest.raises(UsageError, match="at least two"):
        measure(torch.zeros(1, 1, SIZE, SIZE))
    with pytest.raises(UsageError, match="at least two"):
        measure()
    with pytest.raises(DataError, match="no numbers"):
        measure(torch.full((4, 1, SIZE, SIZE), math.nan))
    with pytest.raises(UsageError, match=r"3x16x16.*1x16x16"):
        measure(torch.zeros(4, 3, SIZE, SIZE))
    with pytest.raises(UsageError, match=r"1x32x32.*1x16x16"):
        measure(torch.zeros(4, 1, 32, 32))


# --- fakes with labels ---


def test_gan_test_counts_the_fakes_that_are_what_was_asked_for(
    extractor: Extractor, test: Pictures
) -> None:
    images, asked = classifier.tensor(test), torch.from_numpy(test.labels).clone()
    assert classifier.gan_test(extractor, images, asked).overall == extractor.accuracy
    asked[asked == 0] = 1  # every "top" is a wrong answer now
    scores = classifier.gan_test(extractor, images, asked)
    assert scores.overall == pytest.approx(0.75, abs=0.02)
    assert scores.per_class["upper"] == pytest.approx(0.5, abs=0.03)
    assert "top" not in scores.per_class  # nobody asked for it
    assert scores.per_class["bottom"] > 0.95


def test_gan_train_learns_from_the_fakes_alone(
    train: Pictures, test: Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(classifier, "STEPS", ENOUGH)
    fakes, labels = classifier.tensor(train), torch.from_numpy(train.labels)
    good = classifier.gan_train(fakes.float() / 127.5 - 1, labels, test)
    assert good.overall > 0.95
    assert set(good.per_class) == set(CLASSES)
    wrong = classifier.gan_train(fakes, (labels + 1) % 4, test)
    assert wrong.overall < 0.05
