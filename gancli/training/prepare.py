"""A job resolved: its pictures, settings, model, device and number format. Writes nothing."""

import json
import logging
from dataclasses import asdict, dataclass
from typing import Any

import torch

import gancli
from gancli import config, hardware, registry
from gancli.config import Job, Training
from gancli.data.pictures import Pictures, places
from gancli.datasets import open_pictures
from gancli.errors import DataError, UsageError
from gancli.evaluation import extractor
from gancli.gan import GAN, Feeds, Shape
from gancli.images import Array
from gancli.reporting import Progress, Say
from gancli.training import distributed, precision
from gancli.training.folder import RunFolder
from gancli.weights import Header, TrainedOn

SHOWN_PAIRS = 6  # that are shown after each epoch


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """One `gan train`, ready to begin. `held_out` are inputs and truths that nobody trains on."""

    job: Job
    pictures: Pictures
    held_out: tuple[Array, Array] | None
    shape: Shape
    settings: Any
    training: Training
    model: GAN
    device: torch.device
    precision: str

    def plan(self) -> dict[str, Any]:
        """Everything resolved: what `--dry-run` prints and run.json keeps."""
        return {
            "model": self.job.model,
            "preset": self.job.preset,
            "settings": asdict(self.settings),
            "training": asdict(self.training),
            "shape": asdict(self.shape),
            "direction": self.job.direction,
            "dataset": asdict(self.trained_on),
            "device": self.device.type,
            "precision": self.precision,
            "folder": str(self.job.folder),
            "version": gancli.__version__,
        }

    def header(self, images_seen: int) -> Header:
        """What the files of the run say of themselves."""
        return Header(
            model=self.job.model,
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
            torch=torch.__version__,
        )

    @property
    def trained_on(self) -> TrainedOn:
        """The training pictures, by name, by what was typed, and by their digest."""
        found = self.pictures
        count = len(found.images)
        return TrainedOn(
            name=found.name, source=self.job.dataset, pictures=count, digest=found.digest
        )


def prepare(job: Job, say: Say, progress: Progress) -> Prepared:
    """Load the data, build the model and check everything.

    Raises UsageError for options that do not go together, DataError for the pictures.
    """
    hardware.prepare(sizes_repeat=True)
    settle(job)  # what is wrong with the options is said before data is read
    device = hardware.device(job.device)
    if job.compile:
        hardware.check_compiler(device)
        logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)  # "no CUDA"
    pictures = _open(job, "train", say, progress, size=job.image_size)
    _check_alike(pictures)
    shape = _shape(pictures, job)
    settings, training = settle(job, shape)
    if job.evaluate_every and not job.pairs:  # what it will need is looked at before any training
        test = _open(job, "test", say, progress, size=shape.size, channels=shape.channels)
        extractor.check(pictures, test)
    held_out = _held_out(job, pictures, say, progress) if job.pairs else None
    _check_batch(training.batch_size, pictures, 1 if job.pairs else 2)
    torch.manual_seed(training.seed)
    model: GAN = registry.load("models", job.model).build(settings, shape)
    _check_patience(training.patience, model.measure, job.model)
    return Prepared(
        job=job,
        pictures=pictures,
        held_out=held_out,
        shape=shape,
        settings=settings,
        training=training,
        model=model,
        device=device,
        precision=_precision(job, device, say),
    )


def settle(job: Job, shape: Shape | None = None) -> tuple[Any, Training]:
    """Settings of the model and of its training, for pictures of `shape` where it is known yet.

    Raises UsageError for what is wrong with them, as far as can be told without the data.
    """
    module = registry.load("models", job.model)
    preset = config.preset(job.model, module.preset, job.preset, shape, job.direction)
    settings, training = config.resolve(module.Settings, preset, job.typed, job.model)
    processes = distributed.world() if distributed.launched() else job.devices
    if processes > 1:
        distributed.check_batch(training.batch_size, processes, least=1 if job.pairs else 2)
    return settings, training


def begun(job: Job) -> dict[str, Any] | None:
    """The plan of the run in the job's folder, if one is to be gone on with, as rank 0 finds it."""
    found = None
    if distributed.first() and not job.fresh:
        found = RunFolder(job.folder).begun()
    shared: dict[str, Any] | None = json.loads(distributed.from_first(json.dumps(found).encode()))
    return shared


def _open(
    job: Job,
    split: str,
    say: Say,
    progress: Progress,
    *,
    size: int | None,
    channels: int | None = None,
) -> Pictures:
    with distributed.in_turn():
        found = open_pictures(
            job.dataset,
            places(job.data_dir),
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


def _check_alike(pictures: Pictures) -> None:
    """Raise DataError unless all processes have found the same pictures."""
    digest = pictures.digest.encode()
    if distributed.from_first(digest) != digest:
        raise DataError(
            f"Process {distributed.rank()} has other pictures in {pictures.name} than "
            "process 0: the same data must lie on every machine."
        )


def _shape(pictures: Pictures, job: Job) -> Shape:
    _, size, _, channels = pictures.images.shape
    if job.direction is None:
        return Shape(channels=channels, size=size, classes=len(pictures.classes))
    given, _ = job.direction.of((pictures.images, pictures.partners))
    _, palette = job.direction.of(((), tuple(colour for _, colour in pictures.palette)))
    return Shape(channels=channels, size=size, source=given.shape[-1], palette=palette)


def _held_out(
    job: Job, pictures: Pictures, say: Say, progress: Progress
) -> tuple[Array, Array] | None:
    """A few inputs and truths, uint8 (n, H, W, C), from the test pairs if there are any."""
    assert job.direction is not None
    try:
        shown = _open(job, "test", say, progress, size=pictures.images.shape[1])
    except DataError:
        say("There are no test pairs: what is shown was trained on.")
        shown = pictures
    given, truth = job.direction.of((shown.images, shown.partners))
    return given[:SHOWN_PAIRS], truth[:SHOWN_PAIRS]


def _precision(job: Job, device: torch.device, say: Say) -> str:
    """The format of a run that was begun (so that going on is exact), else the best here."""
    before = begun(job)
    if job.precision == "auto" and before and before["device"] == device.type:
        return str(before["precision"])
    if not distributed.first():  # one measures for all
        return distributed.from_first(b"").decode()
    chosen, why = precision.choose(job.precision, device)
    distributed.from_first(chosen.encode())
    say(f"Training on {device.type} in {chosen} ({why}).")
    return chosen


def _check_batch(size: int, pictures: Pictures, least: int) -> None:
    count, processes = len(pictures.images), distributed.world()
    if size < least:
        raise UsageError("--batch-size 1: batch normalisation needs two.", hint="--batch-size 2")
    if size > count:
        fits = max(least, count // 2 // processes) * processes
        raise UsageError(
            f"A batch of {size} is larger than {pictures.name}, which has {count} pictures.",
            hint=f"--batch-size {fits}" if fits <= count else None,
        )


def _check_patience(patience: int, measure: str | None, model: str) -> None:
    if patience and measure is None:
        raise UsageError(
            f"patience={patience}: {model} has no measure that could tell when it stalls.",
            hint="--set lr_decay=0.5 lets the learning rate fall over the last half of the run",
        )
