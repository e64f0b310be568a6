"""Resolves a job into all that training needs: data, settings, model, device, number format.

Nothing here writes to the run folder, except to recover from a crash.
"""

import logging
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import torch

import gancli
from gancli import config, hardware, models, registry
from gancli.config import Job, Training
from gancli.data.pictures import Pictures, places
from gancli.datasets import open_pictures
from gancli.errors import DataError
from gancli.evaluation import extractor
from gancli.gan import GAN, Feeds, Shape
from gancli.images import Array
from gancli.reporting import Progress, Say
from gancli.training import (
    checks,
    distributed,
    earlier,
    memory,
    noise,
    own_model,
    precision,
    starting,
    threads,
    validation,
)
from gancli.training.folder import RunFolder
from gancli.training.resuming import preset_of, saved_plan
from gancli.training.starting import Start
from gancli.training.validation import Validation
from gancli.weights import Header, ModelFile, TrainedOn, check_readable

SHOWN_PAIRS = 6  # in the sample grid of each epoch


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """One `gan train`, checked and ready to start.

    `held_out` are the inputs and targets (uint8, (n, H, W, C) each) of the pairs in the sample
    grid: test pairs, or training pairs if there are none. None for models that use no pairs.
    `pictures` are all of the training split; `validation` says which of them are trained on.
    `memory_needed` and `largest_batch` are estimates, see `memory`.
    """

    job: Job
    pictures: Pictures
    validation: Validation
    held_out: tuple[Array, Array] | None
    shape: Shape
    settings: Any
    training: Training
    model: GAN
    device: torch.device
    threads: int
    precision: str
    memory_needed: int
    largest_batch: int
    model_file: ModelFile | None = None
    start: Start | None = None

    def plan(self) -> dict[str, Any]:
        """The resolved configuration, as `--dry-run` prints it and run.json stores it."""
        return {
            "model": registry.name_of("models", self.job.model),
            "model_file": self.model_file and asdict(self.model_file),
            "preset": self.job.preset,
            "start_from": self.start and asdict(self.start.origin),
            "settings": asdict(self.settings),
            "training": asdict(self.training),
            "minutes": self.job.minutes,
            "validation": self.validation.held_out,
            "shape": asdict(self.shape),
            "direction": self.job.direction,
            "dataset": asdict(self.trained_on),
            "device": self.device.type,
            "threads": self.threads,
            "precision": self.precision,
            "folder": str(self.job.folder),
            "version": gancli.__version__,
        }

    def header(self, images_seen: int) -> Header:
        """The header of the files of this run, after `images_seen` images."""
        return Header(
            model=registry.name_of("models", self.job.model),
            model_file=self.model_file,
            preset=self.job.preset,
            settings=asdict(self.settings),
            shape=self.shape,
            direction=self.job.direction,
            dataset=self.trained_on,
            precision=self.precision,
            version=gancli.__version__,
            classes=tuple(self.pictures.classes),
            labelled=Feeds.LABEL in self.model.feeds,
            images_seen=images_seen,
            seed=self.training.seed,
            frame=self.pictures.frame,
            torch=torch.__version__,
        )

    @property
    def trained_on(self) -> TrainedOn:
        """Identifies the training data: name, `--dataset` as typed, number of pictures, digest."""
        name, digest, count = self.pictures.name, self.pictures.digest, len(self.pictures.images)
        return TrainedOn(name=name, source=self.job.dataset, pictures=count, digest=digest)


def prepare(job: Job, say: Say, progress: Progress, *, measure: bool = True) -> Prepared:
    """Load the data, build the model and check everything that can fail.

    With `measure` false, a number format that would have to be measured stays `auto`. Raises
    UsageError for options that do not fit together, DataError for problems with the data.
    """
    hardware.prepare(sizes_repeat=True)
    checks.run_folder(job)
    if distributed.is_rank_zero():
        earlier.recover(RunFolder(job.folder), say)
    resolve_settings(job)  # check the options before the data is read, which may take minutes
    device = hardware.device(job.device)
    if job.compile:
        hardware.check_compiler(device)
        logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)  # it logs "no CUDA"
    plan = saved_plan(job)
    start = starting.start_of(job, plan)
    if start is not None:
        checks.start(start.shape, job.dataset, start.name)
    pictures = _open(
        job,
        "train",
        say,
        progress,
        size=job.image_size or (start.shape.size if start else None),
        channels=start.shape.channels if start else None,
    )
    _check_same_data(pictures)
    shape = _shape(pictures, job)
    settings, training = resolve_settings(job, shape, plan, start)
    checks.no_pictures_needed(training, shape)
    starting.check(start, asdict(settings), shape)
    split = validation.split(pictures, job, plan, say)
    if job.evaluate_every and not job.pairs:  # check now what evaluation will need later
        with suppress(DataError):  # without test pictures it needs none
            test = _open(job, "test", say, progress, size=shape.size, channels=shape.channels)
            extractor.check(pictures, test)
    held_out = _held_out(job, pictures, say, progress) if job.pairs else None
    count = len(pictures.images) - split.held_out
    checks.batch(training.batch_size, pictures.name, count, 1 if job.pairs else 2)
    own_model.check_losses(job.model, settings, shape)
    number = threads.fix(job.threads, plan, say)
    cache = places(job.data_dir, say).cache
    plan_or_choice = (job.precision, plan, device, cache, say, measure)
    chosen = precision.of_run(*plan_or_choice, exact=shape.points)
    build = partial(models.build, job.model, settings, shape)
    needed = memory.needed(build, shape, training, chosen, device)
    batch, processes = training.batch_size, _processes(job)
    largest = memory.check(needed, batch, processes, device, plan is not None, say)
    noise.seed_all(training.seed)
    model = build()
    if start is not None:
        starting.load(model, start, say)
    checks.patience(training.patience, model.measure, job.model)
    prepared = Prepared(
        job=job,
        pictures=pictures,
        validation=split,
        held_out=held_out,
        shape=shape,
        settings=settings,
        training=training,
        model=model,
        device=device,
        threads=number,
        precision=chosen,
        memory_needed=needed.total(batch // processes) if needed else 0,
        largest_batch=largest,
        model_file=own_model.file_of(job.model),
        start=start,
    )
    check_readable(prepared.header(0))
    return prepared


def resolve_settings(
    job: Job,
    shape: Shape | None = None,
    plan: dict[str, Any] | None = None,
    start: Start | None = None,
) -> tuple[Any, Training]:
    """Resolve the settings of the model and of its training.

    `shape` is that of the data, or None before the data is read. `plan` is that of the run to
    resume, `start` what a run starts from. Raises UsageError for a setting that is wrong, and for a
    batch that the processes cannot share.
    """
    module = models.load(job.model)
    preset = config.preset(job.model, module.preset, job.preset, shape, job.direction)
    preset = preset_of(plan, preset)
    settings, training = config.resolve(
        module.Settings, preset, starting.typed_with(start, job.typed), job.model
    )
    if (processes := _processes(job)) > 1:
        distributed.check_batch(training.batch_size, processes, minimum=1 if job.pairs else 2)
    return settings, training


def _processes(job: Job) -> int:
    return distributed.world_size() if distributed.launched() else job.devices


def _open(
    job: Job,
    split: str,
    say: Say,
    progress: Progress,
    *,
    size: int | None,
    channels: int | None = None,
) -> Pictures:
    with distributed.local_leader_first():
        found = open_pictures(
            job.dataset,
            places(job.data_dir, say),
            split,
            size=size,
            channels=channels,
            pairs=job.pairs,
            broken=job.broken,
            say=say,
            progress=progress,
        )
    for note in found.notes:
        say(note)
    return found


def _check_same_data(pictures: Pictures) -> None:
    """Raise DataError unless all processes have loaded the same pictures."""
    digest = pictures.digest.encode()
    if distributed.broadcast_bytes(digest) != digest:
        raise DataError(
            f"Process {distributed.rank()} and process 0 have different pictures in "
            f"{pictures.name}. Every machine needs a copy of the same data."
        )


def _shape(pictures: Pictures, job: Job) -> Shape:
    _, size, _, channels = pictures.images.shape
    if pictures.points:  # also of a user's own module, which cannot be told before
        checks.points(job.model, pictures.name)
    if job.direction is None:
        return Shape(channels=channels, size=size, classes=len(pictures.classes))
    source, _ = job.direction.of((pictures.images, pictures.partners))
    colours = tuple(colour for _, colour in pictures.palette)
    palette = colours if job.direction.generates_b else ()
    return Shape(channels=channels, size=size, source=source.shape[-1], palette=palette)


def _held_out(
    job: Job, pictures: Pictures, say: Say, progress: Progress
) -> tuple[Array, Array] | None:
    """A few inputs and targets, uint8 (n, H, W, C), from the test pairs if there are any."""
    assert job.direction is not None
    try:
        shown = _open(job, "test", say, progress, size=pictures.images.shape[1])
    except DataError:
        say("This dataset has no test pairs, so the sample grids show training pairs.")
        shown = pictures
    sources, targets = job.direction.of((shown.images, shown.partners))
    return sources[:SHOWN_PAIRS], targets[:SHOWN_PAIRS]
