"""Writes the files of a run after each epoch, and the summary pictures after the last one."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np

from gancli import images, weights
from gancli.errors import FileError
from gancli.evaluation import metrics
from gancli.evaluation.evaluate import validate
from gancli.files import replacing, write_file
from gancli.formats import gif
from gancli.images import Array
from gancli.report import charts
from gancli.reporting import Say
from gancli.sampling import samples, translate
from gancli.sampling.generator import Generator
from gancli.training import doctor, planar
from gancli.training.folder import EPOCH_DIGITS, RunFolder
from gancli.training.prepare import Prepared
from gancli.training.reports import Report
from gancli.training.trainer import Trainer
from gancli.weights import Best

GRID_SEEDS = range(64)  # seeds of the sample grid, the same after each epoch
PER_CLASS = 10  # samples in the row of a class, and the maximum number of such rows


def save_epoch(
    report: Report, prepared: Prepared, trainer: Trainer, folder: RunFolder, say: Say
) -> Report:
    """Write networks, sample grid, metrics and checkpoint, and return the report.

    The returned report includes the sample grid, and the metrics of `--evaluate-every` if this
    epoch is evaluated.

    The checkpoint is written last. After a crash before that, the resumed run repeats the epoch,
    so no line of metrics is ever missing.
    """
    generator = averaged_generator(prepared, trainer)
    save_networks(prepared, trainer, folder)
    if prepared.shape.points:
        found = planar.metrics(generator, prepared.pictures)
        report = replace(report, metrics=report.metrics | found)
    drawn = images.encode_png(_grid(generator, prepared, report.metrics))
    write_file(folder.samples(report.epoch), drawn)
    write_file(folder.latest_samples, drawn)
    every = prepared.job.evaluate_every
    if every and report.epoch % every == 0:
        report = replace(report, metrics=report.metrics | _validate(generator, prepared, say))
    record = {
        "epoch": min(report.epoch, round(trainer.epochs_done, EPOCH_DIGITS)),
        "images_seen": report.images_seen,
        "images_per_second": round(report.images_per_second, 1),
    }
    _keep_best(report, generator, folder)
    folder.append(record | report.metrics)
    save_training(prepared, trainer, folder)
    folder.epoch_start.unlink(missing_ok=True)
    images_per_step = trainer.images_per_step
    if finding := doctor.new_finding(prepared.model, folder.records(), images_per_step):
        say(f"Epoch {report.epoch}: {finding}")
    return replace(report, samples=folder.samples(report.epoch))


def draw_samples(prepared: Prepared, trainer: Trainer, path: Path) -> Path:
    """Draw the sample grid within an epoch; return its path. Training is not affected by it."""
    generator = averaged_generator(prepared, trainer)
    found = planar.metrics(generator, prepared.pictures) if prepared.shape.points else {}
    images.save_png(path, _grid(generator, prepared, found))
    return path


def averaged_generator(prepared: Prepared, trainer: Trainer) -> Generator:
    """The generator with averaged weights, as it is now."""
    header = prepared.header(trainer.images_seen)
    return Generator(model=prepared.model, network=trainer.ema.module, header=header)


def save_networks(prepared: Prepared, trainer: Trainer, folder: RunFolder) -> None:
    """Write the generator, with averaged weights, and the discriminator."""
    header = prepared.header(trainer.images_seen)
    weights.save(folder.generator, trainer.ema.module.state_dict(), header.as_dict())
    d_header = replace(header, network="discriminator").as_dict()
    weights.save(folder.discriminator, prepared.model.discriminator.state_dict(), d_header)


def save_training(prepared: Prepared, trainer: Trainer, folder: RunFolder) -> None:
    """Write the checkpoint: everything that resuming needs."""
    header = replace(prepared.header(trainer.images_seen), network="state of training")
    weights.save(folder.training, trainer.state(), header.as_dict())


def draw_summary(folder: RunFolder, say: Say) -> None:
    """Draw the loss chart, and the animation of the sample grids of all epochs."""
    records = folder.records()
    losses = [k for k in (records[-1] if records else {}) if k.endswith("_loss")]
    series = {k: [(r["epoch"], r[k]) for r in records if k in r] for k in losses}
    images.save_png(folder.losses, charts.loss_chart(series, folder.path.name, "epoch"))
    frames = _frames(folder, say)
    if (first := next(frames, None)) is not None:
        with replacing(folder.progress) as beside:  # gif.write would follow a link
            gif.write(beside, chain([first], frames), fps=4, hold=2.0)


def _frames(folder: RunFolder, say: Say) -> Iterator[Array]:
    """The sample grids of all epochs; files that can no longer be read are skipped."""
    for path in folder.all_samples():
        try:
            yield images.load_png(path)
        except FileError as error:
            say(f"Skipping a frame of progress.gif: {error.message}")


def _grid(generator: Generator, prepared: Prepared, found: Mapping[str, float]) -> Array:
    """The sample grid, or the drawing of points, whose metrics are `found`; always the same seeds.

    It has a row per class if the generator takes labels, and a row per pair if it translates.
    """
    if prepared.shape.points:
        return planar.drawing(generator, prepared.pictures, found)
    if prepared.held_out is not None:
        return _pairs_grid(generator, *prepared.held_out)
    seeds, labels, rows = [*GRID_SEEDS], list[int](), None
    if generator.labelled:
        rows = min(PER_CLASS, generator.shape.classes)
        seeds = [*range(PER_CLASS)] * rows
        labels = [label for label in range(rows) for _ in range(PER_CLASS)]
    return images.grid(np.stack(list(samples.draw(generator, seeds, labels))), rows=rows)


def _pairs_grid(generator: Generator, sources: Array, targets: Array) -> Array:
    """A grid with a row per pair: input, output and target."""
    outputs = [translate.picture(generator, source) for source in sources]
    rows = zip(sources, outputs, targets, strict=True)
    return images.grid(np.stack([p for row in rows for p in row]), columns=3)


def _validate(generator: Generator, prepared: Prepared, say: Say) -> dict[str, float]:
    """The metrics of `--evaluate-every`, by name."""
    job, train = prepared.job, prepared.pictures
    chosen = prepared.validation.take(train)
    return validate(generator, train, chosen, job.dataset, job.data_dir, say)


def _keep_best(report: Report, generator: Generator, folder: RunFolder) -> None:
    """Save this epoch's averaged weights as the best ones if its measure is the best so far.

    The measure is the model's own. For a model without one it is a metric of `--evaluate-every`,
    and epochs without that metric are not considered. Values of another measure do not count:
    earlier versions measured epochs by the test split.
    """
    measure = generator.model.measure or metrics.best_epoch_metric(report.metrics)
    if measure is None or measure.name not in report.metrics:
        return
    best = Best(epoch=report.epoch, measure=measure.name, value=report.metrics[measure.name])
    if folder.best.exists():
        saved = weights.read_generator(folder.best).best
        alike = saved is not None and saved.measure == best.measure
        if saved is not None and alike and not measure.improves(best.value, saved.value):
            return
    header = replace(generator.header, best=best).as_dict()
    weights.save(folder.best, generator.network.state_dict(), header)
