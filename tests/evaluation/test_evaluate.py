"""Evaluating a generator: which metrics are computed, and the table and JSON of the results."""

import dataclasses
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import small
from evaluation.bars import CLASSES, Bars, noisy

from gancli import weights
from gancli.data.cmp import PALETTE
from gancli.data.pictures import Pictures
from gancli.errors import DataError
from gancli.evaluation import classifier, evaluate
from gancli.evaluation.evidence import Translations
from gancli.evaluation.extractor import ROTATIONS
from gancli.gan import Shape
from gancli.sampling import generator, translate
from gancli.sampling.generator import Generator

OF_SAMPLES = {
    *("frechet", "floor", "sampling_error", "classes_hit", "shares", "gan_test", "gan_train"),
    *("samples", "accuracy", "protocol"),
}
OF_TRANSLATIONS = {
    *("accuracy", "class_accuracy", "mean_iou", "iou_by_class", "l1", "psnr", "ssim", "flip"),
    *("lpips", "pairs", "protocol"),
}


def saved(folder: Path, name: str, shape: Shape, **about: object) -> Generator:
    """Save a narrow generator and load it; its weights are large, so that results vary."""
    model = small(name, shape)
    with torch.no_grad():
        for weight in model.generator.parameters():
            weight.normal_(0, 0.5)
    settings = {"width": 8, **({"z_dim": model.z_dim} if model.z_dim else {})}
    header = {
        "model": name,
        "settings": settings,
        "shape": dataclasses.asdict(model.shape),
        "classes": [],
        "images_seen": 0,
        **about,
    }
    weights.save(folder / weights.GENERATOR, model.generator.state_dict(), header)
    return generator.load(folder / weights.GENERATOR, "cpu")


@pytest.fixture
def dark_or_light(pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator:
    """A generator with two classes, for extractors that are trained for 5 steps only."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("GAN_DATA_DIR", raising=False)
    monkeypatch.setattr(classifier, "STEPS", 5)
    return saved(
        tmp_path,
        "cgan",
        Shape(channels=1, size=16, classes=2),
        dataset={"name": "pictures", "source": str(pictures)},
        classes=["dark", "light"],
        labelled=True,
    )


def test_a_generator_with_labels_gets_all_metrics_of_samples(dark_or_light: Generator) -> None:
    messages: list[str] = []
    found = evaluate.evaluate(dark_or_light, samples=40, seed=1, say=messages.append)
    values = found.as_dict()
    assert values == json.loads(json.dumps(values))
    assert values.keys() >= OF_SAMPLES
    assert all(values[name] is not None for name in OF_SAMPLES)
    assert values["gan_test"].keys() == {"overall", "per_class"}
    assert values["samples"] == 40
    assert "GAN-train" in str(found.rows())
    # the digest in the header is "", so it was trained on other pictures
    assert any(str(dark_or_light.path) in line for line in messages)
    assert any(re.search(r"\b54\b", line) for line in messages)  # samples for GAN-train


def test_validation_has_the_quick_metrics_and_seeds_of_its_own(
    dark_or_light: Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[int] = []
    batches = evaluate.sampling.batches

    def spied(generator: Generator, seeds: range, labels: list[int]) -> object:
        drawn.extend(seeds)
        return batches(generator, seeds, labels)

    monkeypatch.setattr(evaluate.sampling, "batches", spied)
    monkeypatch.setattr(evaluate, "SAMPLES", 40)
    source, messages = dark_or_light.header.dataset.source, list[str]()
    train, chosen = (
        evaluate.open_pictures(source, evaluate.places(), split) for split in ("train", "test")
    )
    found = evaluate.validate(dark_or_light, train, chosen, source, say=messages.append)
    assert found.keys() == {"val_frechet", "val_classes_hit"}
    assert not any("GAN-train" in line for line in messages)
    in_training = {*drawn}
    drawn.clear()
    evaluate.evaluate(dark_or_light, samples=40)
    assert not in_training & {*drawn}


def test_validation_needs_no_test_pictures(
    dark_or_light: Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, found = dark_or_light.header.dataset.source, evaluate.open_pictures
    chosen = found(source, evaluate.places(), "train")

    def without_test(name: str, where: object, split: str, **options: object) -> Pictures:
        if split == "test":
            raise DataError("There are no test pictures.")
        return chosen

    monkeypatch.setattr(evaluate, "open_pictures", without_test)
    monkeypatch.setattr(evaluate, "SAMPLES", 40)
    assert evaluate.validate(dark_or_light, chosen, chosen, source)["val_frechet"] > 0


def test_another_seed_measures_other_samples(dark_or_light: Generator) -> None:
    a, b, c = (evaluate.evaluate(dark_or_light, samples=40, seed=s).as_dict() for s in (0, 0, 1))
    assert a == b
    assert a["frechet"] != c["frechet"]


@pytest.mark.parametrize("direction", ["A2B", "B2A"])
def test_translations_are_compared_with_the_other_half_of_the_pair(
    direction: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    colours = np.array([colour for _, colour in PALETTE], np.uint8)
    photos, maps = rng.integers(0, 256, (3, 32, 32, 3), np.uint8), rng.integers(0, 12, (3, 32, 32))
    pairs = Pictures(
        name="pairs", split="test", images=photos, partners=colours[maps], palette=PALETTE
    )
    monkeypatch.setattr(evaluate, "open_pictures", lambda *_, **options: pairs)
    monkeypatch.setattr(
        "gancli.evaluation.metrics.perceptual.find_spec", lambda name: None
    )  # LPIPS would download weights
    shape, dataset = Shape(channels=3, size=32), {"name": "pairs", "source": "pairs"}
    gan = saved(tmp_path, "pix2pix", shape, dataset=dataset, direction=direction)
    seen: list[tuple[object, ...]] = []
    found = evaluate.evaluate(gan, seed=7, progress=lambda *step: seen.append(step))
    values = found.as_dict()
    assert values.keys() >= OF_TRANSLATIONS
    assert seen[-1] == ("translating", 3, 3)
    if direction == "A2B":
        outputs = np.stack([translate.picture(gan, photo, 7) for photo in photos]).astype(int)
        labels = np.square(outputs[..., None, :] - colours.astype(int)).sum(-1).argmin(-1)
        assert values["accuracy"] == pytest.approx((labels == maps).mean())
        assert values["l1"] is None
    else:
        outputs = np.stack([translate.picture(gan, b, 7) for b in pairs.partners]).astype(int)
        assert values["l1"] == pytest.approx(np.abs(outputs - photos).mean() / 255, rel=1e-5)
        assert values["accuracy"] is None


def test_real_pictures_score_like_the_floor_and_bad_ones_score_worse(real_bars: Bars) -> None:
    real = real_bars.real
    good, bad, alike = (
        evaluate.measure(real_bars.samples(*images.split(100))).as_dict()
        for images in (real, noisy(real), real[:1].expand(600, -1, -1, -1))
    )
    assert good["frechet"] == pytest.approx(good["floor"], rel=1e-6)  # both use all 600
    assert 0 < 3 * good["frechet"] < min(bad["frechet"], alike["frechet"])
    assert good["classes_hit"] == 1
    assert alike["classes_hit"] == 0.25
    assert good["accuracy"] == real_bars.extractor.accuracy


def test_the_floor_is_the_sampling_error_and_the_shift_between_the_splits(real_bars: Bars) -> None:
    def parts(test: Pictures) -> tuple[float, float]:
        shifted = Bars(real_bars.train, test, real_bars.extractor)
        found = evaluate.measure(shifted.samples(real_bars.real[:300])).as_dict()
        return found["floor"], found["sampling_error"]

    floor, error = parts(replace(real_bars.train, split="test"))
    assert 0 < floor < error  # the same pictures: no shift, and half of them are in both
    moved = noisy(real_bars.real).permute(0, 2, 3, 1).numpy()
    floor, unmoved = parts(replace(real_bars.train, split="test", images=moved))
    assert unmoved == error
    assert floor > 2 * error


def test_too_few_training_pictures_have_no_sampling_error(real_bars: Bars) -> None:
    train = replace(real_bars.train, images=real_bars.train.images[:3])
    few = Bars(train, real_bars.test, real_bars.extractor)
    found = evaluate.measure(few.samples(real_bars.real[:200]))
    assert found.as_dict()["sampling_error"] is None
    assert "sampling_error" not in found.as_dict()["protocol"]


def test_metrics_of_classes_are_left_out_for_data_without_classes(real_bars: Bars) -> None:
    extractor = dataclasses.replace(real_bars.extractor, classes=ROTATIONS)
    samples = dataclasses.replace(real_bars.samples(real_bars.real), extractor=extractor)
    found = evaluate.measure(samples)
    assert evaluate.numbers(samples).keys() == {"val_frechet"}
    assert found.as_dict()["classes_hit"] is None
    assert found.as_dict()["shares"] is None
    assert "classes hit (higher is better)" not in dict(found.rows())


def test_the_protocol_of_samples_is_in_the_table_and_in_json(real_bars: Bars) -> None:
    found = evaluate.measure(real_bars.samples(real_bars.real[:200], seed=5))
    protocol = {
        "version": "v2",
        "extractor": f"the 128 features of gan's classifier {classifier.VERSION}, trained to "
        "predict classes on the training split of bars",
        "samples": 200,
        "reference": "the test split of bars, 300 pictures",
        "floor": "200 pictures of the training split, chosen with seed 5",
        "sampling_error": "200 of those pictures against 300 others of the training split",
    }
    assert found.as_dict()["protocol"].items() >= protocol.items()
    values = found.as_dict()
    rows = [
        ("Fréchet distance (lower is better)", f"{values['frechet']:.2f}"),
        ("  of real training pictures (floor)", f"{values['floor']:.2f}"),
        ("classes hit (higher is better)", "100%"),
        ("extractor accuracy", f"{values['accuracy']:.2%}"),
        ("protocol", protocol.pop("version")),
        *({**protocol, "samples": "200"}.items()),
    ]
    assert [row for row in found.rows() if row in rows] == rows


def test_scores_by_class_have_a_row_of_their_own(
    real_bars: Bars, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(classifier, "STEPS", 5)
    requested = torch.from_numpy(real_bars.train.labels)
    found = evaluate.measure(real_bars.samples(real_bars.real, requested=requested))
    shown, scores = found.rows(), found.as_dict()["gan_test"]
    at = shown.index(
        (
            "samples that show the requested class (GAN-test) (higher is better)",
            f"{scores['overall']:.2%}",
        )
    )
    each = ", ".join(f"{name} {scores['per_class'][name]:.1%}" for name in CLASSES)
    assert shown[at + 1] == ("  by class", each)
    assert (
        shown[at + 2][0] == "accuracy when trained on samples only (GAN-train) (higher is better)"
    )


def test_the_tables_of_label_maps_and_photos(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gancli.evaluation.metrics.perceptual.find_spec", lambda name: None)
    colours = np.array([colour for _, colour in PALETTE], np.uint8)
    pairs = colours[np.array([[0, 0, 2, 2]] * 16).repeat(4, axis=1)]
    maps = evaluate.measure(Translations(generated=[pairs], truth=[pairs], palette=PALETTE))
    rows = [
        ("per-pixel accuracy (higher is better)", "1.000"),
        ("mean class accuracy (higher is better)", "1.000"),
        ("mean IoU (higher is better)", "1.000"),
        ("  IoU of background", "1.000"),
        ("  IoU of window", "1.000"),
        ("pairs", "1"),
        (
            "protocol",
            "each pixel counts as the nearest of 12 label colours; "
            "means over the 2 classes in the ground truth",
        ),
    ]
    assert [row for row in maps.rows() if row in rows] == rows
    photos = evaluate.measure(Translations(generated=[pairs], truth=[pairs]))
    rows = [
        ("L1, values in 0..1 (lower is better)", "0.000"),
        ("SSIM (higher is better)", "1.000"),
        ("PSNR (higher is better)", "100.0 dB"),
        ("pairs", "1"),
        (
            "protocol",
            "means over pairs; SSIM with 11x11 Gaussian windows, per channel, for values in 0..1",
        ),
    ]
    assert [row for row in photos.rows() if row in rows] == rows


def test_quick_measures_less_with_an_extractor_of_its_own(
    dark_or_light: Generator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate, "QUICK_SAMPLES", 50)
    messages: list[str] = []
    found = evaluate.evaluate(dark_or_light, quick=True, say=messages.append)
    assert found.as_dict()["samples"] == 50
    assert found.as_dict()["gan_train"] is None
    assert "-quick" in found.as_dict()["protocol"]["extractor"]
    assert found.as_dict()["protocol"]["version"] == "v2-quick"
    assert ("protocol", "v2-quick; compare only with v2-quick, not with v2") in found.rows()
    assert "gan_test" in found.as_dict()
    evaluate.evaluate(dark_or_light, samples=50, say=messages.append)
    kept = [file.name for file in (tmp_path / "cache" / "gancli" / "classifiers").iterdir()]
    assert sorted("quick" in name for name in kept) == [False, True]


def test_few_test_pictures_are_mentioned(dark_or_light: Generator) -> None:
    messages: list[str] = []
    evaluate.evaluate(dark_or_light, samples=40, quick=True, say=messages.append)
    assert any("has only 6 pictures" in line for line in messages)
