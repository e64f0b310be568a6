"""A run's folder: what is written when, and what is never touched."""

import math
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
import torch
from PIL import Image

from gancli import weights
from gancli.config import Job
from gancli.errors import FileError, GanError, UsageError
from gancli.reporting import Say, silent
from gancli.sampling.find import find, find_digest
from gancli.training import doctor
from gancli.training.folder import RunFolder
from gancli.training.prepare import prepare
from gancli.training.resident import Resident
from gancli.training.run import Run
from gancli.training.streaming import Streaming
from gancli.training.trainer import Report, Trainer

TINY = {"width": 4, "batch_size": 10}


def start(
    pictures: Path,
    out: Path,
    fresh: bool = False,
    model: str = "dcgan",
    stream: bool | None = None,
    say: Say = silent,
    **typed: object,
) -> Run:
    job = Job(
        model=model,
        dataset=str(pictures),
        typed={**TINY, "epochs": 3, **typed},
        device="cpu",
        precision="fp32",
        out=out,
        fresh=fresh,
        stream=stream,
    )
    return Run(prepare(job, say, silent), say)


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("GAN_DATA_DIR", raising=False)


def test_a_crash_between_two_files_loses_no_line_of_metrics(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    with monkeypatch.context() as patch:
        save = weights.save

        def fail(path: Path, *rest: object) -> None:
            lines = RunFolder(out).records()
            if path.name == "training.safetensors" and len(lines) == 2:
                raise FileError("no room")
            save(path, *rest)  # type: ignore[arg-type]

        patch.setattr(weights, "save", fail)
        with pytest.raises(FileError, match="no room"):
            list(start(pictures, out).train())
    list(start(pictures, out).train())
    lines = RunFolder(out).records()
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


def spoil(run: Run) -> None:
    next(run.prepared.model.generator.parameters()).data.fill_(float("nan"))


def spoiled_while(run: Run, epoch: int, rollbacks: int) -> None:
    """Plant a NaN in the middle of an epoch for as long as the run went back so often or less."""
    trainer, step = run.trainer, run.trainer.step

    def planted() -> None:
        step()
        if trainer.schedule.rollbacks <= rollbacks and trainer.images_seen == 60 * (epoch - 1) + 30:
            spoil(run)

    trainer.step = planted  # type: ignore[method-assign]


def test_divergence_goes_back_an_epoch_at_half_the_rate(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    run = start(pictures, tmp_path / "run", say=said.append)
    spoiled_while(run, epoch=2, rollbacks=0)
    reports = run.train()
    next(r for r in reports if r.epoch_ended)
    good = run.trainer.state()
    assert [r.epoch for r in reports if r.epoch_ended] == [2, 3]
    assert run.trainer.schedule.rollbacks == 1
    last = 0.5 * 0.003 * (1 - 160 / 170)  # in the step before the last image
    assert run.trainer.lr.item() == pytest.approx(last)
    assert [s for s in said if "diverged" in s] == [
        "Training diverged in epoch 2: a loss is no longer a number. "
        "Going back to the start of it, at half the learning rate (0.0015)."
    ]
    lines = RunFolder(tmp_path / "run").records()
    assert [line["images_seen"] for line in lines] == [60, 110, 170]  # 54 pictures in steps of 10
    assert all(math.isfinite(v) for line in lines for v in line.values())

    by_hand = start(pictures, tmp_path / "by-hand")
    by_hand.trainer.load(good)
    by_hand.trainer.schedule.rollbacks = 1
    list(by_hand.trainer.run())
    assert_same(by_hand.trainer.state(), run.trainer.state())


def assert_same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> None:
    assert a.keys() == b.keys()
    assert [k for k in a if not torch.equal(a[k], b[k])] == []


@pytest.mark.parametrize("epoch", [1, 2])
def test_going_back_leads_to_the_same_wherever_the_run_was_stopped(
    pictures: Path, tmp_path: Path, epoch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = start(pictures, tmp_path / "whole")
    spoiled_while(whole, epoch, rollbacks=1)
    list(whole.train())
    out = tmp_path / "parts"
    for stop in (60 * (epoch - 1) + 10, 60 * (epoch - 1) + 20, 60 * epoch + 20, None):
        run = start(pictures, out)
        spoiled_while(run, epoch, rollbacks=1)
        monkeypatch.setattr(Trainer, "run", lambda trainer, run=Trainer.run: run(trainer, 0))
        reports = run.train()
        for report in reports:
            if report.images_seen == stop:
                os.kill(os.getpid(), signal.SIGINT)
                with pytest.raises(KeyboardInterrupt):
                    next(reports)
        monkeypatch.undo()
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert run.trainer.schedule.rollbacks == 2
    assert not (out / "epoch.safetensors").exists()
    assert_same(weights.load(out / "training.safetensors"), whole.trainer.state())


def test_nothing_goes_back_to_an_epoch_that_was_closed_since(
    pictures: Path, tmp_path: Path
) -> None:
    """A crash between saving where the next one starts and removing where this one did."""
    out = tmp_path / "run"
    list(start(pictures, out, epochs=1).train())
    earlier = (out / "training.safetensors").read_bytes()
    list(start(pictures, out, epochs=2).train())
    (out / "epoch.safetensors").write_bytes(earlier)
    run = start(pictures, out, epochs=3)
    assert_same(weights.load(run.folder.last_epoch()), run.trainer.state())
    (out / "epoch.safetensors").write_bytes(b"")
    start(pictures, out, epochs=3)
    assert not (out / "epoch.safetensors").exists()


def test_the_best_that_was_kept_alone_is_not_cleared_away(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    list(start(pictures, out, model="began", epochs=1).train())
    for path in (out / weights.GENERATOR, out / "training.safetensors", out / "losses.png"):
        path.unlink()
    with pytest.raises(FileError, match="holds a model"):
        start(pictures, out, model="began", epochs=1)
    assert (out / weights.BEST).exists()


def test_divergence_ends_the_run_after_three_times_and_keeps_the_last_good_checkpoint(
    pictures: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    run = start(pictures, out)
    spoiled_while(run, epoch=2, rollbacks=9)
    reports = run.train()
    next(r for r in reports if r.epoch_ended)
    good = (out / "training.safetensors").read_bytes()
    with pytest.raises(
        GanError, match=r"diverged in epoch 2.* went back 3 times.* last good checkpoint is kept"
    ) as raised:
        list(reports)
    assert raised.value.hint == "--lr 0.0001875 --fresh"
    assert (out / "training.safetensors").read_bytes() == good


def test_weights_that_are_no_numbers_are_never_saved(pictures: Path, tmp_path: Path) -> None:
    run = start(pictures, tmp_path / "run", epochs=1)
    close, spoilt = run.trainer.step, []

    def planted() -> None:
        close()
        if run.trainer.images_seen == 60 and not spoilt:
            spoilt.append(spoil(run))  # after the last loss of the epoch was taken

    run.trainer.step = planted  # type: ignore[method-assign]
    list(run.train())
    assert run.trainer.schedule.rollbacks == 1
    saved = weights.load(tmp_path / "run" / weights.GENERATOR)
    assert all(v.isfinite().all() for v in saved.values())


def test_the_doctor_speaks_once_and_not_again_after_a_restart(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "UNFAIR_BEFORE", 0)
    said: list[str] = []
    for epochs in (3, 4):
        run = start(pictures, tmp_path / "run", say=said.append, epochs=epochs)
        generate = run.prepared.model.generate
        run.prepared.model.generate = lambda g, z, y=None, made=generate: made(g, z * 0 + 0.5, y)  # type: ignore[method-assign, misc]
        list(run.train())
    (alarm,) = [s for s in said if "collapse" in s]
    assert alarm.startswith(
        "Epoch 1: samples are all the same, unlike the data: mode collapse; try"
    )
    lines = RunFolder(tmp_path / "run").records()
    assert [line["fake_spread"] for line in lines] == pytest.approx([0] * 4, abs=1e-6)
    assert all(line["real_spread"] > 0.1 for line in lines)


def test_the_best_epoch_by_the_model_s_measure_is_kept(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    run = start(pictures, out, model="began")
    reports, measures = run.trainer.run, {1: 0.5, 2: 0.3, 3: 0.4}

    def planted() -> Iterator[Report]:
        for r in reports():
            yield replace(r, metrics={**r.metrics, "convergence": measures.get(r.epoch, 0.0)})

    run.trainer.run = planted  # type: ignore[assignment]
    generators = [(out / weights.GENERATOR).read_bytes() for r in run.train() if r.epoch_ended]
    best = weights.read_generator(out / weights.BEST).best
    assert best == weights.Best(epoch=2, measure="convergence", value=0.3)
    (tmp_path / "then.safetensors").write_bytes(generators[1])
    then = weights.load(tmp_path / "then.safetensors")
    kept = weights.load(find(str(out / weights.BEST)))
    assert all(torch.equal(then[k], kept[k]) for k in kept)
    digest = weights.digest(out / weights.BEST)
    assert find_digest(digest, tmp_path) == out / weights.BEST


@pytest.mark.parametrize(("size", "taper", "d_lr_scale"), [(32, 2, 0.1), (36, 1, 0.25)])
def test_began_s_defaults_go_by_the_size_of_the_pictures(
    pictures: Path, size: int, taper: int, d_lr_scale: float
) -> None:
    job = Job(
        model="began",
        dataset=str(pictures),
        typed={},
        image_size=size,
        device="cpu",
        precision="fp32",
    )
    found = prepare(job, silent, silent)
    assert (found.settings.taper, found.training.d_lr_scale) == (taper, d_lr_scale)
    found = prepare(replace(job, typed={"taper": 3}), silent, silent)
    assert (found.settings.taper, found.training.d_lr_scale) == (3, d_lr_scale)


@pytest.mark.parametrize("reports", [None, 1])
def test_recordings_are_let_go_when_training_ends(
    pictures: Path, tmp_path: Path, reports: int | None
) -> None:
    """At its end, or where whoever looks on breaks off: NCCL would wait for them on leaving."""
    run = start(pictures, tmp_path / "run", epochs=2)
    run.trainer._step._graphs["kept"] = None  # type: ignore[assignment]
    list(islice(run.train(), reports))
    assert not run.trainer._step._graphs


def test_patience_needs_a_measure(pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="dcgan has no measure"):
        start(pictures, tmp_path / "run", patience=3)


@pytest.mark.parametrize("epochs", [1, 2])
@pytest.mark.parametrize("gone", ["training.safetensors", "run.json"])
def test_what_was_trained_is_not_started_over_where_a_file_of_it_is_gone(
    pictures: Path, tmp_path: Path, gone: str, epochs: int
) -> None:
    out = tmp_path / "run"
    list(start(pictures, out, epochs=epochs).train())
    (out / gone).unlink()
    (out / "metrics.jsonl").unlink()
    before = (out / weights.GENERATOR).read_bytes()
    with pytest.raises(FileError, match=f"holds a model, but no {gone}"):
        start(pictures, out, epochs=3)
    assert (out / weights.GENERATOR).read_bytes() == before
    list(start(pictures, out, epochs=1, fresh=True).train())
    assert [m["epoch"] for m in RunFolder(out).records()] == [1]
    assert len(list((out / "samples").iterdir())) == 1


def test_strange_lines_and_pictures_among_its_own_end_no_run(
    pictures: Path, tmp_path: Path
) -> None:
    out, said = tmp_path / "run", []
    list(start(pictures, out, epochs=2).train())
    with (out / "metrics.jsonl").open("ab") as file:
        file.write(b'[]\n{"a": 1}\n{"images_seen": null}\n\xff\n')
    (out / "samples" / "epoch-0001.png").write_bytes(b"")
    list(start(pictures, out, epochs=3, say=said.append).train())
    assert [m["epoch"] for m in RunFolder(out).records()] == [1, 2, 3]
    assert "Left out of progress.gif" in said[-1]
    with Image.open(out / "progress.gif") as film:
        assert film.n_frames == 2


def test_fewer_epochs_than_were_run_change_nothing(pictures: Path, tmp_path: Path) -> None:
    out, said = tmp_path / "run", []
    list(start(pictures, out, epochs=2).train())
    before = (out / "run.json").read_bytes()
    list(start(pictures, out, epochs=1, say=said.append).train())
    assert "--epochs 27 goes on" in said[-1]
    assert (out / "run.json").read_bytes() == before


@pytest.mark.parametrize(
    ("name", "text"),
    [("run.json", "{"), ("run.json", '{"training": {}}'), ("training.safetensors", "")],
)
def test_a_damaged_run_says_how_to_start_over(
    pictures: Path, tmp_path: Path, name: str, text: str
) -> None:
    out = tmp_path / "run"
    list(start(pictures, out, epochs=1).train())
    (out / name).write_text(text)
    with pytest.raises(FileError, match="is damaged") as failure:
        start(pictures, out, epochs=1)
    assert "--fresh" in str(failure.value.hint)


def states(run: Run) -> dict[str, torch.Tensor]:
    list(run.train())
    return run.trainer.state()


@pytest.mark.parametrize("stream", [None, True])
def test_what_does_not_fit_is_streamed_and_trains_the_same(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stream: bool | None
) -> None:
    held = start(pictures, tmp_path / "held", epochs=1)
    a, size = states(held), held.prepared.pictures.images.nbytes
    assert isinstance(held.trainer.data, Resident)
    if stream is None:
        monkeypatch.setattr("gancli.hardware.room", lambda device: 2 * size - 1)
    said: list[str] = []
    streamed = start(pictures, tmp_path / "streamed", epochs=1, stream=stream, say=said.append)
    assert isinstance(streamed.trainer.data, Streaming)
    assert any(line.startswith("Streaming 0.0 GB of pictures from disk") for line in said)
    b = states(streamed)
    assert all(torch.equal(a[k], b[k]) for k in a)
    if stream is None:
        forced = start(pictures, tmp_path / "forced", epochs=1, stream=False)
        assert isinstance(forced.trainer.data, Resident)


def test_there_is_nothing_to_stream_where_no_file_holds_the_pictures(
    pictures: Path, tmp_path: Path
) -> None:
    (tmp_path / "cache").write_text("in the way")
    said: list[str] = []
    with pytest.raises(UsageError, match="there is nothing to stream from"):
        start(pictures, tmp_path / "run", stream=True, say=said.append)
    assert any("held in memory" in line for line in said)
