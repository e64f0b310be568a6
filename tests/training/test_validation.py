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

PICTURES = Pictures(
    name="x", split="train", images=np.arange(250, dtype=np.uint8).reshape(250, 1, 1, 1)
)
MEASURED = Job(model="dcgan", dataset="glyphs", typed={}, evaluate_every=5)
PLAIN = Job(model="dcgan", dataset="glyphs", typed={})


def test_a_tenth_is_held_out_always_the_same() -> None:
    found = validation.split(PICTURES, MEASURED, None, silent)
    assert found.held_out == len(found.chosen) == 25
    assert sorted([*found.trained, *found.chosen]) == list(range(250))
    again = validation.split(PICTURES, MEASURED, {"validation": 25}, silent)
    assert list(again.chosen) == list(found.chosen)
    assert list(found.take(PICTURES).images[:, 0, 0, 0]) == list(found.chosen)
    assert found.take(PICTURES).split == "validation"


@pytest.mark.parametrize(
    ("job", "plan", "held_out"),
    [
        (PLAIN, None, 0),
        (MEASURED, {"validation": 0}, 0),  # it started without --evaluate-every
        (MEASURED, {}, 0),  # a run of an earlier version has trained on all pictures
        (PLAIN, {"validation": 25}, 25),
    ],
)
def test_a_run_keeps_what_it_started_with(
    job: Job, plan: dict[str, int] | None, held_out: int
) -> None:
    messages: list[str] = []
    found = validation.split(PICTURES, job, plan, messages.append)
    assert found.held_out == held_out
    assert (found.trained is None) == (held_out == 0)
    assert any("has trained on all pictures" in m for m in messages) == (
        job is MEASURED and not held_out
    )


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
