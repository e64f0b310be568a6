"""A run: what it writes and when, how it resumes, and how it is rolled back."""

import json
import math
import os
import re
import shutil
import signal
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Literal

import pytest
import torch
from PIL import Image

from gancli import weights
from gancli.config import Job
from gancli.errors import FileError, GanError, UsageError
from gancli.hardware import Memory
from gancli.metric import Metric
from gancli.reporting import Say, silent
from gancli.sampling.find import find, find_digest
from gancli.training import doctor, precision
from gancli.training.folder import RunFolder
from gancli.training.prepare import prepare
from gancli.training.reports import Report
from gancli.training.resident import ResidentDataset
from gancli.training.run import Run
from gancli.training.streaming import StreamingDataset
from gancli.training.threads import fix
from gancli.training.trainer import Trainer

TINY = {"width": 4, "batch_size": 10}


def start(
    pictures: Path,
    out: Path,
    fresh: bool = False,
    model: str = "dcgan",
    stream: bool | None = None,
    say: Say = silent,
    threads: int | None = None,
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
        threads=threads,
    )
    return Run(prepare(job, say, silent), say)


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("GAN_DATA_DIR", raising=False)


def test_a_crash_before_the_checkpoint_loses_no_line_of_metrics(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    with monkeypatch.context() as patch:
        save = weights.save

        def fail(path: Path, *rest: object) -> None:
            lines = RunFolder(out).records()
            if path.name == "training.safetensors" and len(lines) == 2:
                raise FileError("disk full")
            save(path, *rest)  # type: ignore[arg-type]

        patch.setattr(weights, "save", fail)
        with pytest.raises(FileError, match="disk full"):
            list(start(pictures, out).train())
    list(start(pictures, out).train())
    lines = RunFolder(out).records()
    assert [line["epoch"] for line in lines] == [1, 2, 3]


def test_fresh_removes_files_of_runs_only(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine"
    foreign = [out / "samples" / "holiday.png", out / "notes.txt", out / "losses.png"]
    (out / "samples").mkdir(parents=True)
    for path in foreign:
        path.write_text("precious")
    run = start(pictures, out, epochs=1)
    assert all(path.read_text() == "precious" for path in foreign)
    list(run.train())
    list(start(pictures, out, fresh=True, seed=1, epochs=0.5).train())
    assert [path.name for path in out.glob("samples/epoch-*.png")] == ["epoch-0001.png"]
    assert len(RunFolder(out).records()) == 1
    assert all(path.read_text() == "precious" for path in foreign[:2])
    assert not list(out.glob(".earlier*"))


def test_fresh_keeps_the_earlier_run_until_the_first_checkpoint(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    list(start(pictures, out, epochs=1).train())
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    report_each_step(monkeypatch)
    run = start(pictures, out, fresh=True, seed=1)
    monkeypatch.setattr(run._samples, "due", lambda: True)
    reports = run.train()
    assert [next(reports).samples for _ in range(3)] == [out / "samples" / "fresh.png"] * 3
    assert (out / "samples" / "fresh.png").exists()
    assert all(path.read_bytes() == data for path, data in before.items())
    next(r for r in reports if r.epoch_ended)
    reports.close()
    assert not (out / "samples" / "fresh.png").exists()
    assert {path.name for path in out.iterdir()} >= {"run.json", "training.safetensors"}
    assert not (out / "progress.gif").exists(), "it showed the earlier run"
    assert start(pictures, out, seed=1).trainer.images_seen == 60


def test_fresh_starts_from_zero_images(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    list(start(pictures, out).train())
    assert start(pictures, out).trainer.images_seen > 0
    assert start(pictures, out, fresh=True).trainer.images_seen == 0


def report_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Trainer, "run", lambda trainer, run=Trainer.run: run(trainer, 0))


def insert_nan(run: Run) -> None:
    """Overwrite a weight of the generator with NaN."""
    next(run.prepared.model.generator.parameters()).data.fill_(float("nan"))


def diverge(run: Run, epoch: int, rollbacks: int) -> None:
    """Insert NaN in mid-epoch, until the run was rolled back more than `rollbacks` times."""
    trainer, step = run.trainer, run.trainer.step

    def step_with_nan() -> None:
        step()
        if trainer.schedule.rollbacks <= rollbacks and trainer.images_seen == 60 * (epoch - 1) + 30:
            insert_nan(run)

    trainer.step = step_with_nan  # type: ignore[method-assign]


def test_divergence_rolls_back_an_epoch_and_halves_the_learning_rate(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages: list[str] = []
    run = start(pictures, tmp_path / "run", say=messages.append)
    diverge(run, epoch=2, rollbacks=0)
    reports = run.train()
    next(r for r in reports if r.epoch_ended)
    good = run.trainer.state()
    assert [r.epoch for r in reports if r.epoch_ended] == [2, 3]
    assert run.trainer.schedule.rollbacks == 1
    last = 0.5 * 0.003 * (1 - 160 / 170)  # in the step before the last image
    assert run.trainer.lr.item() == pytest.approx(last)
    (message,) = [s for s in messages if "diverged" in s]
    assert "epoch 2" in message
    assert "0.0015" in message
    lines = RunFolder(tmp_path / "run").records()
    assert [line["images_seen"] for line in lines] == [60, 110, 170]  # 54 images in steps of 10
    assert all(math.isfinite(v) for line in lines for v in line.values())

    by_hand = start(pictures, tmp_path / "by-hand")
    by_hand.trainer.load(good)
    by_hand.trainer.schedule.rollbacks = 1
    list(by_hand.trainer.run())
    assert_equal_states(by_hand.trainer.state(), run.trainer.state())


def assert_equal_states(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> None:
    assert a.keys() == b.keys()
    assert [k for k in a if not torch.equal(a[k], b[k])] == []


@pytest.mark.parametrize("epoch", [1, 2])
def test_rollbacks_give_the_same_weights_when_the_run_is_stopped_in_between(
    pictures: Path, tmp_path: Path, epoch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    uninterrupted = start(pictures, tmp_path / "uninterrupted")
    diverge(uninterrupted, epoch, rollbacks=1)
    list(uninterrupted.train())
    out = tmp_path / "parts"
    for stop in (60 * (epoch - 1) + 10, 60 * (epoch - 1) + 20, 60 * epoch + 20, None):
        run = start(pictures, out)
        diverge(run, epoch, rollbacks=1)
        report_each_step(monkeypatch)
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
    assert_equal_states(weights.load(out / "training.safetensors"), uninterrupted.trainer.state())


def test_a_stale_or_damaged_epoch_start_is_removed(pictures: Path, tmp_path: Path) -> None:
    """A crash between the two writes at the end of an epoch leaves a stale one."""
    out = tmp_path / "run"
    list(start(pictures, out, epochs=1).train())
    earlier = (out / "training.safetensors").read_bytes()
    list(start(pictures, out, epochs=2).train())
    (out / "epoch.safetensors").write_bytes(earlier)
    run = start(pictures, out, epochs=3)
    assert_equal_states(weights.load(run.folder.last_epoch_state()), run.trainer.state())
    run.close()
    (out / "epoch.safetensors").write_bytes(b"")
    start(pictures, out, epochs=3)
    assert not (out / "epoch.safetensors").exists()


def test_a_folder_with_only_the_best_weights_is_not_cleared(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    list(start(pictures, out, model="began", epochs=1).train())
    for path in (out / weights.GENERATOR, out / "training.safetensors", out / "losses.png"):
        path.unlink()
    with pytest.raises(FileError, match=r"training\.safetensors") as raised:
        start(pictures, out, model="began", epochs=1)
    assert f"--out {out}-2" in str(raised.value.hint)
    assert (out / weights.BEST).exists()


def test_divergence_after_three_rollbacks_is_an_error_and_keeps_the_checkpoint(
    pictures: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    run = start(pictures, out)
    diverge(run, epoch=2, rollbacks=9)
    reports = run.train()
    next(r for r in reports if r.epoch_ended)
    good = (out / "training.safetensors").read_bytes()
    with pytest.raises(GanError, match=rf"epoch 2\b.*\b3 times.*{re.escape(str(out))}") as raised:
        list(reports)
    assert raised.value.hint == "--lr 0.0001875 --fresh"
    assert (out / "training.safetensors").read_bytes() == good


def test_weights_that_are_not_finite_are_never_saved(pictures: Path, tmp_path: Path) -> None:
    run = start(pictures, tmp_path / "run", epochs=1)
    step, inserted = run.trainer.step, []

    def step_with_nan() -> None:
        step()
        if run.trainer.images_seen == 60 and not inserted:
            inserted.append(insert_nan(run))  # after the last loss of the epoch was computed

    run.trainer.step = step_with_nan  # type: ignore[method-assign]
    list(run.train())
    assert run.trainer.schedule.rollbacks == 1
    saved = weights.load(tmp_path / "run" / weights.GENERATOR)
    assert all(v.isfinite().all() for v in saved.values())


def test_the_doctor_reports_a_finding_once_also_in_a_resumed_run(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "MIN_STEPS", 0)
    messages: list[str] = []
    for epochs in (3, 4):
        run = start(pictures, tmp_path / "run", say=messages.append, epochs=epochs)
        generate = run.prepared.model.generate
        run.prepared.model.generate = lambda g, z, y=None, generate=generate: generate(
            g, z * 0 + 0.5, y
        )  # type: ignore[method-assign, misc]
        list(run.train())
    (finding,) = [s for s in messages if "collapse" in s]
    assert finding.startswith("Epoch 1: ")
    assert "--lr" in finding
    lines = RunFolder(tmp_path / "run").records()
    assert [line["fake_spread"] for line in lines] == pytest.approx([0] * 4, abs=1e-6)
    assert all(line["real_spread"] > 0.1 for line in lines)


@pytest.mark.parametrize("lost_at", [60, 80, 170])  # epoch 1 was saved, in mid-epoch, the last step
@pytest.mark.parametrize("moved", [True, False])
def test_a_run_whose_folder_is_lost_is_saved_in_a_new_one(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost_at: int, moved: bool
) -> None:
    out = tmp_path / "run"
    list(start(pictures, tmp_path / "whole").train())
    report_each_step(monkeypatch)
    reports = start(pictures, out).train()
    next(report for report in reports if report.images_seen == lost_at)
    if moved:
        out.rename(tmp_path / "moved")
    else:
        shutil.rmtree(out)
    if lost_at == 80:
        os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(FileError, match=rf"{out} was deleted or moved") as raised:
        list(reports)
    assert str(raised.value.hint).startswith(f"--out {out} ")
    again = start(pictures, out)
    assert again.trainer.images_seen == {60: 110}.get(lost_at, lost_at)  # noticed at the next write
    list(again.train())
    whole = weights.load(tmp_path / "whole" / "training.safetensors")
    assert_equal_states(weights.load(out / "training.safetensors"), whole)


def test_a_lost_run_is_not_saved_over_another(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    reports = start(pictures, out).train()
    next(reports)
    out.rename(tmp_path / "moved")
    list(start(pictures, out, seed=1).train())
    other = (out / "training.safetensors").read_bytes()
    with pytest.raises(FileError, match=rf"{out} was deleted or moved.*in {out}-2,"):
        list(reports)
    assert (out / "training.safetensors").read_bytes() == other
    assert start(pictures, tmp_path / "run-2").trainer.images_seen > 0


def test_a_rollback_without_its_checkpoint_is_an_error(pictures: Path, tmp_path: Path) -> None:
    run = start(pictures, tmp_path / "run")
    diverge(run, epoch=2, rollbacks=0)
    reports = run.train()
    next(r for r in reports if r.epoch_ended)
    shutil.rmtree(tmp_path / "run")
    with pytest.raises(FileError, match=r"diverged in epoch 2.*was deleted or moved"):
        list(reports)


def test_a_run_keeps_others_out_of_its_folder_until_it_ends(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    run = start(pictures, out)
    with pytest.raises(UsageError, match="Another training"):
        start(pictures, out)
    list(run.train())
    again = start(pictures, out, epochs=4)  # `run` still exists
    list(again.train())
    with pytest.raises(UsageError, match="different run"):
        start(pictures, out, seed=1)
    start(pictures, out, epochs=4).close()


@pytest.mark.parametrize("epoch", [1, 3])
def test_a_signal_while_an_epoch_closes_leaves_no_epoch_start(
    pictures: Path, tmp_path: Path, epoch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"

    def signalled(folder: RunFolder, record: dict[str, object]) -> None:
        append(folder, record)
        if record["epoch"] == epoch:
            os.kill(os.getpid(), signal.SIGTERM)

    append = RunFolder.append
    monkeypatch.setattr(RunFolder, "append", signalled)
    with pytest.raises(KeyboardInterrupt):
        list(start(pictures, out).train())
    assert not (out / "epoch.safetensors").exists()
    # an earlier version wrote one then, and it stayed
    (out / "epoch.safetensors").write_bytes((out / "training.safetensors").read_bytes())
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    list(start(pictures, out).train())
    assert not (out / "epoch.safetensors").exists()


@pytest.mark.parametrize("damage", [b"", b"half"])
def test_damaged_best_weights_are_set_aside_before_training_resumes(
    pictures: Path, tmp_path: Path, damage: bytes
) -> None:
    out, messages = tmp_path / "run", []
    list(start(pictures, out, model="began", epochs=1).train())
    best = out / weights.BEST
    best.write_bytes(best.read_bytes()[:-8] if damage == b"half" else damage)
    before = best.read_bytes()
    list(start(pictures, out, model="began", epochs=2, say=messages.append).train())
    assert (out / "best.damaged.safetensors").read_bytes() == before
    assert any(str(best) in line and "best.damaged.safetensors" in line for line in messages)
    assert weights.read_generator(best).best is not None


def test_best_weights_that_name_no_epoch_are_replaced_by_better_known_ones(
    pictures: Path, tmp_path: Path
) -> None:
    list(start(pictures, tmp_path / "run", model="began", epochs=1).train())
    best = tmp_path / "run" / weights.BEST
    header = replace(weights.read_generator(best), best=None).as_dict()
    weights.save(best, weights.load(best), header)
    list(start(pictures, tmp_path / "run", model="began", epochs=2).train())
    found = weights.read_generator(best).best
    assert found is not None
    assert found.epoch == 2


@pytest.mark.parametrize(("better", "epoch", "value"), [("lower", 2, 0.3), ("higher", 1, 0.5)])
def test_best_safetensors_holds_the_epoch_with_the_best_measure(
    pictures: Path, tmp_path: Path, better: Literal["lower", "higher"], epoch: int, value: float
) -> None:
    out = tmp_path / "run"
    run = start(pictures, out, model="began")
    shown = (Metric("convergence", better, best_epoch=True),)
    run.prepared.model.shown = shown  # type: ignore[misc]
    reports, measures = run.trainer.run, {1: 0.5, 2: 0.3, 3: 0.4}

    def reports_with_measures() -> Iterator[Report]:
        for r in reports():
            yield replace(r, metrics={**r.metrics, "convergence": measures.get(r.epoch, 0.0)})

    run.trainer.run = reports_with_measures  # type: ignore[assignment]
    generators = [(out / weights.GENERATOR).read_bytes() for r in run.train() if r.epoch_ended]
    best = weights.read_generator(out / weights.BEST).best
    assert best == weights.Best(epoch=epoch, measure="convergence", value=value)
    (tmp_path / "expected.safetensors").write_bytes(generators[epoch - 1])
    expected = weights.load(tmp_path / "expected.safetensors")
    kept = weights.load(find(str(out / weights.BEST)))
    assert all(torch.equal(expected[k], kept[k]) for k in kept)
    digest = weights.digest(out / weights.BEST)
    assert find_digest(digest, tmp_path) == out / weights.BEST


def test_the_best_value_of_another_measure_does_not_count(pictures: Path, tmp_path: Path) -> None:
    """Earlier versions measured epochs by the test split, under another name."""
    out = tmp_path / "run"
    list(start(pictures, out, model="began", epochs=1).train())
    best = out / weights.BEST
    header = weights.read_generator(best)
    other = weights.Best(epoch=1, measure="frechet", value=-1.0)  # lower than any
    weights.save(best, weights.load(best), replace(header, best=other).as_dict())
    list(start(pictures, out, model="began", epochs=2).train())
    found = weights.read_generator(best).best
    assert found is not None
    assert (found.epoch, found.measure) == (2, "convergence")


@pytest.mark.parametrize(("size", "taper", "d_lr_scale"), [(32, 2, 0.1), (36, 1, 0.25)])
def test_defaults_of_began_depend_on_the_image_size(
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


def test_preparing_a_dry_run_measures_nothing(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "_try_both", lambda _: pytest.fail("it was measured"))
    job = Job(model="dcgan", dataset=str(pictures), typed=TINY, device="cpu")
    said: list[str] = []
    assert prepare(job, said.append, silent, measure=False).precision == "auto"
    assert not any("Training on" in line for line in said)


@pytest.mark.parametrize("reports", [None, 1])
def test_captured_graphs_are_dropped_when_training_ends(
    pictures: Path, tmp_path: Path, reports: int | None
) -> None:
    """At its end, or when the caller stops iterating. NCCL would wait for them on exit."""
    run = start(pictures, tmp_path / "run", epochs=2)
    run.trainer._update._graphs["kept"] = None  # type: ignore[assignment]
    list(islice(run.train(), reports))
    assert not run.trainer._update._graphs


@pytest.mark.parametrize("place", ["", "runs/mine"])
def test_a_run_inside_its_dataset_is_refused(pictures: Path, place: str) -> None:
    before = sorted(pictures.rglob("*"))
    with pytest.raises(UsageError, match=re.escape(str(pictures / place))) as raised:
        start(pictures, pictures / place)
    assert "--out" in str(raised.value.hint)
    assert sorted(pictures.rglob("*")) == before


def test_patience_needs_a_measure(pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"patience=3.* dcgan") as raised:
        start(pictures, tmp_path / "run", patience=3)
    assert "--set lr_decay=0.5" in str(raised.value.hint)


@pytest.mark.parametrize("epochs", [1, 2])
@pytest.mark.parametrize("missing", ["training.safetensors", "run.json"])
def test_a_run_with_a_missing_file_is_an_error_and_is_not_overwritten(
    pictures: Path, tmp_path: Path, missing: str, epochs: int
) -> None:
    out = tmp_path / "run"
    list(start(pictures, out, epochs=epochs).train())
    (out / missing).unlink()
    (out / "metrics.jsonl").unlink()
    before = (out / weights.GENERATOR).read_bytes()
    with pytest.raises(FileError, match=missing):
        start(pictures, out, epochs=3)
    assert (out / weights.GENERATOR).read_bytes() == before
    list(start(pictures, out, epochs=1, fresh=True).train())
    assert [m["epoch"] for m in RunFolder(out).records()] == [1]
    assert len(list((out / "samples").glob("epoch-*.png"))) == 1


def test_damaged_metrics_and_sample_grids_are_skipped(pictures: Path, tmp_path: Path) -> None:
    out, messages = tmp_path / "run", []
    list(start(pictures, out, epochs=2).train())
    with (out / "metrics.jsonl").open("ab") as file:
        file.write(b'[]\n{"a": 1}\n{"images_seen": null}\n\xff\n')
    (out / "samples" / "epoch-0001.png").write_bytes(b"")
    list(start(pictures, out, epochs=3, say=messages.append).train())
    assert [m["epoch"] for m in RunFolder(out).records()] == [1, 2, 3]
    assert "progress.gif" in messages[-1]
    with Image.open(out / "progress.gif") as film:
        assert film.n_frames == 2


def test_fewer_epochs_than_already_trained_change_nothing(pictures: Path, tmp_path: Path) -> None:
    out, messages = tmp_path / "run", []
    list(start(pictures, out, epochs=2).train())
    before = (out / "run.json").read_bytes()
    list(start(pictures, out, epochs=1, say=messages.append).train())
    assert "--epochs 27" in messages[-1]
    assert (out / "run.json").read_bytes() == before


@pytest.mark.parametrize(
    ("name", "text"),
    [("run.json", "{"), ("run.json", '{"training": {}}'), ("training.safetensors", "")],
)
def test_a_damaged_run_is_a_file_error_that_suggests_fresh(
    pictures: Path, tmp_path: Path, name: str, text: str
) -> None:
    out = tmp_path / "run"
    list(start(pictures, out, epochs=1).train())
    (out / name).write_text(text)
    with pytest.raises(FileError, match=name) as raised:
        start(pictures, out, epochs=1)
    assert "--fresh" in str(raised.value.hint)


def trained_state(run: Run) -> dict[str, torch.Tensor]:
    list(run.train())
    return run.trainer.state()


@pytest.mark.parametrize("stream", [None, True])
def test_data_that_does_not_fit_is_streamed_and_trains_the_same(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stream: bool | None
) -> None:
    held = start(pictures, tmp_path / "held", epochs=1)
    a, size = trained_state(held), held.prepared.pictures.images.nbytes
    assert isinstance(held.trainer.data, ResidentDataset)
    if stream is None:
        free = held.prepared.memory_needed + 2 * size - 1
        monkeypatch.setattr("gancli.hardware.memory", lambda device: Memory(free, 2**40))
    messages: list[str] = []
    streamed = start(pictures, tmp_path / "streamed", epochs=1, stream=stream, say=messages.append)
    assert isinstance(streamed.trainer.data, StreamingDataset)
    assert any("0.0 GB" in line for line in messages)
    b = trained_state(streamed)
    assert all(torch.equal(a[k], b[k]) for k in a)
    if stream is None:
        forced = start(pictures, tmp_path / "forced", epochs=1, stream=False)
        assert isinstance(forced.trainer.data, ResidentDataset)


def test_stream_without_a_cache_file_is_a_usage_error(pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("in the way")
    messages: list[str] = []
    with pytest.raises(UsageError, match="--stream") as raised:
        start(pictures, tmp_path / "run", stream=True, say=messages.append)
    assert raised.value.hint == "--no-stream"
    assert any(str(tmp_path / "cache") in line for line in messages)


def test_a_resumed_run_keeps_its_threads_and_its_bits(pictures: Path, tmp_path: Path) -> None:
    """Rounding depends on the number of threads; the tests' own is restored at the end."""
    before, messages = torch.get_num_threads(), list[str]()
    begin = partial(start, pictures, width=32)  # so wide that two threads round differently
    try:
        whole = trained_state(begin(tmp_path / "whole", epochs=2, threads=1))
        next(r for r in begin(tmp_path / "run", epochs=2, threads=1).train() if r.epoch_ended)
        torch.set_num_threads(2)
        resumed = begin(tmp_path / "run", epochs=2, say=messages.append)
        assert torch.get_num_threads() == resumed.prepared.threads == 1
        assert any("its number of threads, 1, because" in line for line in messages)
        state = trained_state(resumed)
        assert all(torch.equal(whole[k], state[k]) for k in whole)
        torch.set_num_threads(2)
        other = trained_state(begin(tmp_path / "two", epochs=2))
        assert not all(torch.equal(whole[k], other[k]) for k in whole)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(("cores", "slower"), [(1, True), (2, False)])
def test_a_machine_with_fewer_cores_than_the_run_has_threads_is_told(
    monkeypatch: pytest.MonkeyPatch, cores: int, slower: bool
) -> None:
    messages: list[str] = []
    before = torch.get_num_threads()
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    try:
        torch.set_num_threads(1)
        assert fix(None, {"threads": 2}, messages.append) == 2
    finally:
        torch.set_num_threads(before)
    assert "This run keeps its number of threads, 2" in messages[0]
    assert ("fewer cores (1), so it trains more slowly" in messages[0]) == slower


def test_threads_can_be_changed_and_files_without_them_take_the_present_number(
    pictures: Path, tmp_path: Path
) -> None:
    messages: list[str] = []
    before, plan = torch.get_num_threads(), RunFolder(tmp_path / "run").plan
    try:
        list(start(pictures, tmp_path / "run", epochs=1, threads=2).train())
        start(pictures, tmp_path / "run", threads=3, say=messages.append)
        assert torch.get_num_threads() == json.loads(plan.read_text())["threads"] == 3
        assert "The number of threads is now 3 instead of 2, which changes the result." in messages
        old = {k: v for k, v in json.loads(plan.read_text()).items() if k != "threads"}
        plan.write_text(json.dumps(old))
        assert start(pictures, tmp_path / "run").prepared.threads == 3
        plan.write_text(json.dumps(old | {"threads": "many"}))
        with pytest.raises(FileError, match="damaged"):
            start(pictures, tmp_path / "run")
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("epoch", [1, 2])
def test_running_out_of_memory_keeps_the_checkpoint_and_names_the_next_command(
    pictures: Path, tmp_path: Path, epoch: int
) -> None:
    run = start(pictures, tmp_path / "run")
    step, size = run.trainer.step, run.prepared.training.batch_size

    def step_that_fails() -> None:
        step()
        if run.trainer.images_seen > 60 * (epoch - 1) + size:
            torch.empty(2**50)

    run.trainer.step = step_that_fails  # type: ignore[method-assign]
    with pytest.raises(GanError, match=f"Memory ran out in epoch {epoch}, with") as raised:
        list(run.train())
    smaller = f"--batch-size {size // 2}"
    if epoch == 1:
        assert raised.value.hint == smaller
        assert start(pictures, tmp_path / "run").trainer.images_seen == 0
        return
    assert f"The checkpoint after 1.1 epochs is in {tmp_path / 'run'}." in raised.value.message
    assert str(raised.value.hint).endswith(f"{smaller} --fresh")
    resumed = start(pictures, tmp_path / "run")
    assert resumed.trainer.images_seen == 60
