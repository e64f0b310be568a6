"""A run's folder: what is written when, and what is never touched."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from gancli import checkpoint
from gancli.config import Job
from gancli.datasets import silent
from gancli.errors import FileError, GanError, UsageError
from gancli.run import Run
from gancli.trainer import Report

TINY = {"width": 4, "batch_size": 10}


def start(
    pictures: Path, out: Path, fresh: bool = False, model: str = "dcgan", **typed: object
) -> Run:
    job = Job(
        model=model,
        dataset=str(pictures),
        typed={**TINY, "epochs": 3, **typed},
        device="cpu",
        precision="fp32",
        out=out,
        fresh=fresh,
    )
    run = Run(job, silent, silent)
    run.begin()
    return run


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("GAN_DATA_DIR", raising=False)


def test_a_crash_between_two_files_loses_no_line_of_metrics(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    with monkeypatch.context() as patch:
        save = checkpoint.save

        def fail(path: Path, *rest: object) -> None:
            lines = checkpoint.read_lines(out / "metrics.jsonl")
            if path.name == checkpoint.TRAINING and len(lines) == 2:
                raise FileError("no room")
            save(path, *rest)  # type: ignore[arg-type]

        patch.setattr(checkpoint, "save", fail)
        with pytest.raises(FileError, match="no room"):
            list(start(pictures, out).train())
    list(start(pictures, out).train())
    lines = checkpoint.read_lines(out / "metrics.jsonl")
    assert [line["epoch"] for line in lines] == [1, 2, 3]


def test_what_is_not_ours_is_left_alone(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine"
    treasures = [out / "samples" / "holiday.png", out / "notes.txt", out / "losses.png"]
    (out / "samples").mkdir(parents=True)
    for path in treasures:
        path.write_text("precious")
    run = start(pictures, out, epochs=1)
    assert all(path.read_text() == "precious" for path in treasures)
    list(run.train())
    start(pictures, out, fresh=True)
    assert not list(out.glob("samples/epoch-*.png"))
    assert all(path.read_text() == "precious" for path in treasures[:2])


def test_fresh_starts_over(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    list(start(pictures, out).train())
    assert start(pictures, out).trainer.images_seen > 0
    assert start(pictures, out, fresh=True).trainer.images_seen == 0


def test_divergence_ends_the_run_and_keeps_the_last_good_checkpoint(
    pictures: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    run = start(pictures, out)
    reports = run.train()
    next(r for r in reports if r.epoch_ended)
    good = (out / checkpoint.TRAINING).read_bytes()
    next(run.gan.generator.parameters()).data.fill_(float("nan"))
    with pytest.raises(GanError, match="diverged in epoch 2") as raised:
        list(reports)
    assert raised.value.hint is not None
    assert "--lr" in raised.value.hint
    assert (out / checkpoint.TRAINING).read_bytes() == good


def test_the_best_epoch_by_the_model_s_measure_is_kept(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    run = start(pictures, out, model="began")
    reports, measures = run.trainer.run, {1: 0.5, 2: 0.3, 3: 0.4}

    def planted() -> Iterator[Report]:
        for r in reports():
            yield replace(r, metrics={**r.metrics, "convergence": measures.get(r.epoch, 0.0)})

    run.trainer.run = planted  # type: ignore[assignment]
    generators = [(out / checkpoint.GENERATOR).read_bytes() for r in run.train() if r.epoch_ended]
    header = checkpoint.read_generator(out / checkpoint.BEST)
    assert header["best"] == {"epoch": 2, "measure": "convergence", "value": 0.3}
    (tmp_path / "then.safetensors").write_bytes(generators[1])
    then = checkpoint.load(tmp_path / "then.safetensors")
    kept = checkpoint.load(checkpoint.find(str(out / checkpoint.BEST)))
    assert all(torch.equal(then[k], kept[k]) for k in kept)
    digest = checkpoint.digest(out / checkpoint.BEST)
    assert checkpoint.find_digest(digest, tmp_path) == out / checkpoint.BEST


def test_patience_needs_a_measure(pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="dcgan has no measure"):
        start(pictures, tmp_path / "run", patience=3)


def test_a_damaged_run_says_how_to_start_over(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    list(start(pictures, out, epochs=1).train())
    (out / "run.json").write_text("{")
    with pytest.raises(FileError, match="is damaged"):
        start(pictures, out, epochs=1)
