"""Pictures that are held out from training, to choose the best epoch by."""

from pathlib import Path

import numpy as np
import pytest

from gancli.config import Job
from gancli.data.pictures import Pictures
from gancli.reporting import silent
from gancli.training import validation
from gancli.training.dataset import training_dataset
from gancli.training.prepare import prepare
from gancli.training.resident import ResidentDataset

RNG = np.random.default_rng(0)
PICTURES = Pictures(
    name="x",
    split="train",
    images=RNG.integers(0, 256, (1000, 4, 4, 1), np.uint8),
    labels=RNG.integers(0, 3, 1000),
)
MEASURED = Job(model="dcgan", dataset="glyphs", typed={}, evaluate_every=5)
PLAIN = Job(model="dcgan", dataset="glyphs", typed={})


def test_about_a_tenth_is_held_out() -> None:
    found = validation.split(PICTURES, MEASURED, None, silent)
    assert found.trained is not None
    assert 70 < found.held_out == len(found.chosen) < 130
    assert sorted([*found.trained, *found.chosen]) == list(range(1000))
    taken = found.take(PICTURES)
    assert taken.split == "validation"
    assert np.array_equal(taken.images, PICTURES.images[found.chosen])
    assert np.array_equal(taken.labels, PICTURES.labels[found.chosen])


def test_at_least_two_and_at_most_some_are_held_out(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(validation.choose(PICTURES.images[:5])) == 2
    monkeypatch.setattr(validation, "MOST", 20)
    assert len(validation.choose(PICTURES.images)) == 20


@pytest.mark.parametrize("most", [20, 5_000])
def test_added_pictures_move_none_from_training_to_validation(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validation, "MOST", most)
    images, added = PICTURES.images[:600], RNG.permutation(1000)
    before = {image.tobytes() for image in images[validation.choose(images)]}
    grown = PICTURES.images[added]
    after = {image.tobytes() for image in grown[validation.choose(grown)]}
    assert not (after - before) & {image.tobytes() for image in images}


@pytest.mark.parametrize(
    ("job", "plan", "held_out", "measured"),
    [
        (PLAIN, None, False, False),
        (PLAIN, {"validation": 25}, True, True),
        (MEASURED, {"validation": 25}, True, True),
        (MEASURED, {"validation": 0}, False, True),  # it started without --evaluate-every
        (MEASURED, {}, False, True),  # a run of an earlier version
    ],
)
def test_a_run_keeps_what_it_started_with(
    job: Job, plan: dict[str, int] | None, held_out: bool, measured: bool
) -> None:
    messages: list[str] = []
    found = validation.split(PICTURES, job, plan, messages.append)
    assert (found.held_out > 0, found.trained is not None) == (held_out, held_out)
    assert (len(found.chosen) > 0) == measured
    assert bool(messages) == (measured and not held_out)


def test_the_held_out_pictures_are_not_trained_on(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    job = Job(
        model="cgan",
        dataset=str(pictures),
        typed={"width": "4", "batch_size": "8"},
        precision="fp32",
        evaluate_every=1,
        out=tmp_path / "run",
    )
    prepared = prepare(job, silent, silent)
    data = training_dataset(prepared, silent)
    assert isinstance(data, ResidentDataset)
    trained = {bytes(image.numpy()) for image in data.images}
    held_out = {bytes(image) for image in prepared.validation.take(prepared.pictures).images}
    assert len(trained) + len(held_out) == len(prepared.pictures.images)
    assert not trained & held_out
    assert prepared.plan()["validation"] == len(held_out)
