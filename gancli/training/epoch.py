"""What an epoch leaves in the folder of its run, and what the last one adds."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

import numpy as np

from gancli import images, weights
from gancli.errors import FileError
from gancli.evaluation import metrics
from gancli.evaluation.evaluate import evaluate
from gancli.formats import gif
from gancli.images import Array
from gancli.report import charts
from gancli.reporting import Say
from gancli.sampling import latents, render, translate
from gancli.sampling.generator import Generator
from gancli.training import doctor
from gancli.training.folder import RunFolder
from gancli.training.prepare import Prepared
from gancli.training.trainer import Report, Trainer
from gancli.weights import Best, Header

SHOWN = range(64)  # seeds of the grid that is drawn after each epoch
PER_CLASS = 10  # of them in the row of each class, in at most as many rows


def close(
    report: Report, prepared: Prepared, trainer: Trainer, folder: RunFolder, say: Say
) -> Report:
    """Write networks, grid, metrics and checkpoint; the report comes back with any measure taken.

    What going on starts from is written last: a crash before it repeats the epoch, and no line
    of metrics is ever missing.
    """
    generator = averaged(prepared, trainer)
    save_networks(prepared, trainer, folder)
    images.save_png(folder.samples(report.epoch), _grid(generator, prepared))
    every = prepared.job.evaluate_every
    if every and report.epoch % every == 0:
        report = replace(report, metrics=report.metrics | _measure(generator, prepared, say))
    record = {
        "epoch": report.epoch,
        "images_seen": report.images_seen,
        "images_per_second": round(report.images_per_second, 1),
    }
    _keep_best(report, generator, folder)
    folder.append(record | report.metrics)
    save_training(prepared, trainer, folder)
    folder.epoch_start.unlink(missing_ok=True)
    size, classes = prepared.training.batch_size, prepared.shape.classes
    if news := doctor.news(folder.records(), size, classes):
        say(f"Epoch {report.epoch}: {news}")
    return report


def averaged(prepared: Prepared, trainer: Trainer) -> Generator:
    """The generator with averaged weights, as it is now."""
    header = prepared.header(trainer.images_seen)
    return Generator(model=prepared.model, network=trainer.ema.module, header=header)


def save_networks(prepared: Prepared, trainer: Trainer, folder: RunFolder) -> None:
    """Write the generator, with averaged weights, and the discriminator."""
    header = prepared.header(trainer.images_seen)
    weights.save(folder.generator, trainer.ema.module.state_dict(), header.as_dict())
    other = replace(header, network="discriminator").as_dict()
    weights.save(folder.discriminator, prepared.model.discriminator.state_dict(), other)


def save_training(prepared: Prepared, trainer: Trainer, folder: RunFolder) -> None:
    """Write everything that going on needs."""
    header = replace(prepared.header(trainer.images_seen), network="state of training")
    weights.save(folder.training, trainer.state(), header.as_dict())


def finish(folder: RunFolder, say: Say) -> None:
    """Draw the losses and the animation of all grids."""
    records = folder.records()
    losses = [k for k in (records[-1] if records else {}) if k.endswith("_loss")]
    series = {k: [(r["epoch"], r[k]) for r in records if k in r] for k in losses}
    images.save_png(folder.losses, charts.loss_chart(series, folder.path.name, "epoch"))
    frames = _frames(folder, say)
    if (first := next(frames, None)) is not None:
        gif.write(folder.progress, chain([first], frames), fps=4, recipe=None)


def _frames(folder: RunFolder, say: Say) -> Iterator[Array]:
    """The grids of all epochs, but for files that cannot be read any more."""
    for path in folder.all_samples():
        try:
            yield images.load_png(path)
        except FileError as error:
            say(f"Left out of progress.gif: {error.message}")


def _grid(generator: Generator, prepared: Prepared) -> Array:
    """The same seeds each time; a row for each class, where there are any, or for each pair."""
    if prepared.held_out is not None:
        return _pairs(generator, *prepared.held_out)
    model, seeds, rows, y = generator.model, SHOWN, None, None
    if generator.labelled:
        rows, seeds = min(PER_CLASS, generator.shape.classes), range(PER_CLASS)
        labels = [label for label in range(rows) for _ in seeds]
        y = latents.one_hot(labels, generator.shape.classes)
    z = latents.noise(seeds, model.z_dim, model.noise).repeat(rows or 1, 1)
    return images.grid(np.stack(list(render.pictures(generator, z, y))), rows=rows)


def _pairs(generator: Generator, sources: Array, truths: Array) -> Array:
    """A row for each pair: input, output and truth."""
    made = [translate.picture(generator, source) for source in sources]
    rows = zip(sources, made, truths, strict=True)
    return images.grid(np.stack([p for row in rows for p in row]), columns=3)


def _measure(generator: Generator, prepared: Prepared, say: Say) -> dict[str, float]:
    """The metrics that `--evaluate-every` takes, by name."""
    data_dir = prepared.job.data_dir
    return evaluate(generator, data_dir=data_dir, say=say, in_training=True).numbers()


def _keep_best(report: Report, generator: Generator, folder: RunFolder) -> None:
    """Keep this epoch's averaged weights where its measure is the lowest so far.

    That is the model's own measure; of models without one the metric of `--evaluate-every` that
    tells the best epoch, where it was taken.
    """
    name = generator.model.measure or metrics.tells_best(report.metrics)
    if name not in report.metrics:
        return
    best = Best(epoch=report.epoch, measure=name, value=report.metrics[name])
    if folder.best.exists() and not _better(best, weights.read_generator(folder.best)):
        return
    header = replace(generator.header, best=best).as_dict()
    weights.save(folder.best, generator.network.state_dict(), header)


def _better(found: Best, kept: Header) -> bool:
    return kept.best is None or found.value < kept.best.value
