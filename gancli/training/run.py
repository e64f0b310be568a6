"""A training run: from what was typed to a folder that can be gone on with, sampled and looked at.

Nothing here prints. What a reader should hear goes to `say`; `Run.train` yields reports, so that
whoever iterates it draws the progress.
"""

import json
import logging
import math
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch

import gancli
from gancli import hardware, images, registry, weights
from gancli.config import Job, Training, preset_for, resolve
from gancli.data.pictures import Pictures, places
from gancli.data.rows import Rows
from gancli.datasets import open_pictures
from gancli.errors import DataError, FileError, GanError, UsageError
from gancli.evaluation import classifier
from gancli.files import claim, write_file
from gancli.formats import gif
from gancli.gan import Feeds, Shape
from gancli.report import charts
from gancli.reporting import Progress, Say
from gancli.sampling import generator, latents, render, translate
from gancli.training import distributed, doctor
from gancli.training.precision import FORMATS, choose
from gancli.training.resident import Resident, Vary
from gancli.training.streaming import Streaming
from gancli.training.trainer import Report, Trainer

SHOWN = range(64)  # seeds of the grid that is drawn after each epoch
SHOWN_PAIRS = 6  # or pairs
COMFORT = 0.5  # pictures are held where they take up to this share of the memory that is free
MEASURES = ("frechet", "classes_hit", "accuracy", "class_accuracy", "mean_iou", "l1", "ssim")
OVER = "--fresh starts the run over"
ROLLBACKS = 3  # times that a run which diverged goes back before it gives up
OURS = (
    *(weights.GENERATOR, weights.BEST, weights.DISCRIMINATOR),
    *(weights.TRAINING, weights.EPOCH),
    *("metrics.jsonl", "progress.gif", "losses.png", "run.json"),
)


class Stopped(KeyboardInterrupt):
    """Training was asked to stop, and has saved where it is."""


class Run:
    """One run of `gan train`. Building it loads the data, checks everything and writes nothing.

    Raises UsageError for what cannot be meant together, DataError for the pictures.
    """

    def __init__(self, job: Job, say: Say, progress: Progress) -> None:
        self.job, self.folder, self._say, self._progress = job, job.folder, say, progress
        hardware.prepare(sizes_repeat=True)
        settle(job)  # what cannot be meant is said before data is read
        self.device = hardware.device(job.device)
        if job.compile:
            hardware.check_compiler(self.device)
            logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)  # "no CUDA"
        self.pictures = self._open("train", job.image_size)
        self._check_alike()
        self.shape = _shape(self.pictures, job.direction)
        self.settings, self.training = settle(job, self.shape.size)
        if job.evaluate_every:
            self._check_measure()
        self._held_out = self._show_pairs() if job.pairs else None
        _check_batch(self.training.batch_size, self.pictures, 1 if job.pairs else 2)
        torch.manual_seed(self.training.seed)
        self.gan = registry.load("models", job.model).build(self.settings, self.shape)
        _check_patience(self.training.patience, self.gan.measure, job.model)
        self.precision = self._precision()

    def _open(self, split: str, size: int | None, channels: int | None = None) -> Pictures:
        job = self.job
        with distributed.in_turn():
            found = open_pictures(
                job.dataset,
                places(job.data_dir),
                split,
                size=size,
                channels=channels,
                pairs=job.pairs,
                broken=job.broken,
                say=self._say,
                progress=self._progress,
            )
        for note in found.notes:
            self._say(note)
        return found

    def _check_alike(self) -> None:
        """Raise DataError unless all processes have found the same pictures."""
        digest = self.pictures.digest.encode()
        if distributed.from_first(digest) != digest:
            raise DataError(
                f"Process {distributed.rank()} has other pictures in {self.pictures.name} than "
                "process 0: the same data must lie on every machine."
            )

    def _check_measure(self) -> None:
        """Raise UsageError, before any training, where `--evaluate-every` asks in vain."""
        if self.job.pairs:
            return
        classifier.check(self.pictures, self._open("test", self.shape.size, self.shape.channels))

    def _show_pairs(self) -> "tuple[Any, Any]":
        """A few inputs and truths, uint8 (n, H, W, C), that nobody trains on, if there are any."""
        try:
            shown = self._open("test", self.shape.size)
        except DataError:
            self._say("There are no test pairs: what is shown was trained on.")
            shown = self.pictures
        source, image = _directed(shown, self.job.direction)
        return source[:SHOWN_PAIRS], image[:SHOWN_PAIRS]

    def _precision(self) -> str:
        """The format of a run that was begun (so that going on is exact), else the best here."""
        begun = self._begun()
        asked = self.job.precision
        if asked == "auto" and begun and begun["device"] == self.device.type:
            return str(begun["precision"])
        if not distributed.first():  # one measures for all
            return distributed.from_first(b"").decode()
        chosen, why = choose(asked, self.device)
        distributed.from_first(chosen.encode())
        self._say(f"Training on {self.device.type} in {chosen} ({why}).")
        return chosen

    def plan(self) -> dict[str, Any]:
        """Everything resolved: what `--dry-run` prints and run.json keeps."""
        return {
            "model": self.job.model,
            "preset": self.job.preset,
            "settings": asdict(self.settings),
            "training": asdict(self.training),
            "shape": asdict(self.shape),
            "direction": self.job.direction,
            "dataset": self._dataset(),
            "device": self.device.type,
            "precision": self.precision,
            "folder": str(self.folder),
            "version": gancli.__version__,
        }

    def _dataset(self) -> dict[str, Any]:
        p = self.pictures
        return {
            "name": p.name,
            "source": self.job.dataset,
            "pictures": len(p.images),
            "digest": p.digest,
        }

    def begin(self) -> None:
        """Put the data on the device and load what an earlier run left in the folder, or clear it.

        Raises UsageError when the folder holds another run, FileError when it cannot be used.
        """
        gan = self.gan.to(self.device, memory_format=torch.channels_last)
        data = self._data()
        precision = FORMATS[self.precision]
        self.trainer = Trainer(
            gan,
            data,
            self.training,
            precision=precision,
            capture=self.job.capture,
            compile=self.job.compile,
        )
        self._start: dict[str, torch.Tensor] | None = self.trainer.state()
        if distributed.first():
            claim(self.folder)
        self._resume()
        if self.job.compile:
            self._say("Compiling the networks: the first step takes a minute or two.")
        if self.trainer.images_seen >= len(data):
            self._start = None  # an epoch was closed, and what it left is in the folder

    def _data(self) -> Resident | Streaming:
        """The training pictures, each with what it is to be made from or asked by."""
        pictures, config = self.pictures, self.training
        labels = None if pictures.labels is None else torch.from_numpy(pictures.labels)
        crisp = bool(pictures.palette)  # B is a map of labels
        vary = Vary(
            jitter=config.jitter,
            mirror=config.mirror,
            crisp_image=crisp and self.job.direction == "A2B",
            crisp_source=crisp and self.job.direction == "B2A",
        )
        classes, device = self.shape.classes, self.device
        if rows := self._streamed():
            made, workers = int(self.job.direction == "A2B"), self.job.workers
            return Streaming(rows, labels, classes, device, vary=vary, made=made, workers=workers)
        copied = pictures.stored and device.type == "cpu"  # a GPU is sent them as they are mapped
        held = np.array if copied else np.asarray
        source, image = _directed(pictures, self.job.direction)
        sources = None if source is None else torch.from_numpy(held(source))
        image = torch.from_numpy(held(image))
        return Resident(image, labels, classes, device, sources=sources, vary=vary)

    def _streamed(self) -> Rows | None:
        """The rows to read from where pictures shall not lie on the device: `--stream`, or COMFORT.

        Raises UsageError where there is no file to stream from.
        """
        asked, rows = self.job.stream, self.pictures.stored
        if asked and rows is None:
            raise UsageError(
                f"The pictures of {self.pictures.name} lie in memory and in no file of the cache: "
                "there is nothing to stream from.",
                hint="--no-stream",
            )
        if rows is None or asked is False:
            return None
        size, room = len(rows) * rows.row_bytes, hardware.room(self.device)
        if not asked and size <= COMFORT * room:
            return None
        self._say(f"Streaming {size / 1e9:.1f} GB of pictures from disk; {room / 1e9:.1f} GB free.")
        return rows

    def train(self) -> Iterator[Report]:
        """Train from where `begin` left off to the last epoch.

        After each epoch the folder holds a checkpoint, a grid and a line of metrics. Ctrl-C (or
        SIGTERM) saves where the run is and raises Stopped. Raises GanError when numbers
        cease to be finite once more than ROLLBACKS times, leaving the last good checkpoint.
        """
        with closing(self.trainer), _deferred_stop() as stopped:
            for report in self._finite_reports():
                if report.epoch_ended:
                    if distributed.first():
                        report = self._close_epoch(report)
                    self._start = None  # where to go back to is in the folder now
                yield report
                if distributed.any_of_us(stopped() or distributed.orphaned()):
                    self._stop()
        if distributed.first():
            self._finish()

    def _stop(self) -> None:
        """Save where the run is; no process leaves before that is done."""
        if distributed.first():
            self._save_midway()
        distributed.wait()
        raise Stopped

    def _finite_reports(self) -> Iterator[Report]:
        """The trainer's reports. Where it diverges, it goes back and on at half the rate."""
        while True:
            for report in self.trainer.run():
                if distributed.any_of_us(not self._is_finite(report)):
                    self._go_back(report)
                    break
                yield report
            else:
                return

    def _is_finite(self, report: Report) -> bool:
        """Whether losses are numbers and, where it is to be saved, all that is trained, too."""
        losses = all(math.isfinite(v) for v in report.metrics.values())
        return losses and (not report.epoch_ended or self.trainer.is_finite())

    def _go_back(self, report: Report) -> None:
        """To the end of the last epoch, as a restart would find it; the rate is halved there.

        That depends on the run alone: what happened between is repeated the same after a restart,
        and leads here again.
        """
        epoch = report.epoch + (not report.epoch_ended)
        diverged = f"Training diverged in epoch {epoch}: a loss is no longer a number."
        if self.trainer.schedule.rollbacks == ROLLBACKS:
            raise GanError(
                f"{diverged} It went back {ROLLBACKS} times already."
                + (
                    f" The last good checkpoint is kept in {self.folder}."
                    if not self._start
                    else ""
                ),
                hint=f"--lr {self.training.lr / 2 ** (ROLLBACKS + 1):g} --fresh",
            )
        self.trainer.go_back(self._last_epoch())
        if distributed.first():
            self._trim_metrics()
        rate = self.training.lr / 2**self.trainer.schedule.rollbacks
        self._say(
            f"{diverged} Going back to the start of it, at half the learning rate ({rate:g})."
        )

    def _last_epoch(self) -> dict[str, torch.Tensor]:
        """Where the trainer was when the last epoch was closed, or at the very start."""
        if self._start is not None:
            return self._start
        kept = self.folder / weights.EPOCH
        return self._saved(kept if kept.exists() else self.folder / weights.TRAINING)

    # -- the folder ---------------------------------------------------------------------------

    def _begun(self) -> dict[str, Any] | None:
        """run.json of the run in the folder, if one is to be gone on with, as rank 0 finds it."""
        found = self._begun_here() if distributed.first() else None
        shared: dict[str, Any] | None = json.loads(
            distributed.from_first(json.dumps(found).encode())
        )
        return shared

    def _begun_here(self) -> dict[str, Any] | None:
        path = self.folder / "run.json"
        keep = f"--out {self.folder}-2 keeps it, {OVER}"
        names = weights.TRAINING, weights.GENERATOR, weights.BEST
        if self.job.fresh or not any((self.folder / name).exists() for name in names):
            return None
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise FileError(f"{self.folder} holds a model, but no run.json.", hint=keep) from None
        except (OSError, ValueError):
            found = None
        if not _is_plan(found):
            raise FileError(f"{path} is damaged.", hint=OVER)
        if (self.folder / weights.TRAINING).exists():
            return dict(found)
        later = "losses.png", "samples/epoch-0002.png"
        first = not any((self.folder / name).exists() for name in later)
        if first and (self.folder / weights.GENERATOR).exists():
            return None  # a crash while the first epoch was closed
        raise FileError(
            f"{self.folder} holds a model, but no {weights.TRAINING} to go on from.", hint=keep
        )

    def _resume(self) -> None:
        begun = self._begun()
        if begun is not None:
            _check_same(begun, self.plan(), self.folder)
            self._load(begun)
        elif distributed.first():
            _clear(self.folder)
        if distributed.first() and self.trainer.images_seen < self.trainer.total:
            plan = json.dumps(self.plan(), indent=2)
            write_file(self.folder / "run.json", plan.encode(), durable=True)

    def _load(self, begun: dict[str, Any]) -> None:
        path = self.folder / weights.TRAINING
        try:
            self.trainer.load(self._saved(path))
        except FileError as damaged:
            raise FileError(damaged.message, hint=OVER) from None
        except (KeyError, RuntimeError):
            raise FileError(f"{path} does not fit this model.", hint=OVER) from None
        if distributed.first():
            self._drop_earlier_epoch()
            self._take_up(begun)

    def _saved(self, path: Path) -> dict[str, torch.Tensor]:
        """The tensors of a checkpoint, which lies on the machine of rank 0 if nowhere else."""
        if distributed.world() == 1:
            return weights.load(path)
        data = path.read_bytes() if distributed.first() else b""
        return weights.unpack(distributed.from_first(data), path)

    def _take_up(self, begun: dict[str, Any]) -> None:
        """Drop the lines of metrics that the checkpoint does not reach, and say where it stands."""
        self._trim_metrics()
        done = self.trainer.images_seen / len(self.pictures.images)
        if self.trainer.images_seen >= self.trainer.total:
            self._say(
                f"{self.folder} is trained already ({done:.1f} epochs): "
                f"--epochs {int(done) + 25} goes on, --fresh starts over."
            )
        else:
            self._say(f"Going on with {self.folder} after {done:.1f} epochs.")
            now = self.training.epochs
            before = begun["training"].get("epochs", now)
            if self.training.lr_decay and now != before:
                self._say(
                    f"The learning rate reaches 0 after {now} epochs, no longer after {before}: "
                    f"it goes on from {self.trainer.rate:.2g}."
                )

    def _drop_earlier_epoch(self) -> None:
        """Where a crash left the start of an epoch that was closed since, or half of the start of
        this one, nothing goes back to it."""
        kept, passes = self.folder / weights.EPOCH, len(self.pictures.images)
        try:
            began = int(weights.load(kept)["clock"])
        except (FileError, KeyError):
            began = -1
        if began // passes != self.trainer.images_seen // passes:
            kept.unlink(missing_ok=True)

    def _trim_metrics(self) -> None:
        """Drop the lines of epochs that lie ahead: they are run again."""
        lines = weights.read_lines(self.folder / "metrics.jsonl")
        done = range(self.trainer.images_seen + 1)
        kept = [line for line in lines if line.get("images_seen") in done]
        weights.write_lines(self.folder / "metrics.jsonl", kept)

    def _close_epoch(self, report: Report) -> Report:
        """Networks, grid, metrics and checkpoint; the report comes back with any measure taken.

        What going on starts from is written last: a crash before it repeats the epoch, and no line
        of metrics is ever missing.
        """
        self._save_networks()
        picture = self._shown()
        images.save_png(self.folder / "samples" / f"epoch-{report.epoch:04d}.png", picture)
        self.grid = picture
        every = self.job.evaluate_every
        if every and report.epoch % every == 0:
            report = replace(report, metrics=report.metrics | self._measure())
        record = {
            "epoch": report.epoch,
            "images_seen": report.images_seen,
            "images_per_second": round(report.images_per_second, 1),
        }
        self._keep_best(report)
        weights.append_line(self.folder / "metrics.jsonl", record | report.metrics)
        self._save_training()
        (self.folder / weights.EPOCH).unlink(missing_ok=True)
        self._consult_doctor(report.epoch)
        return report

    def _consult_doctor(self, epoch: int) -> None:
        lines = weights.read_lines(self.folder / "metrics.jsonl")
        news = doctor.news(lines, self.training.batch_size, self.shape.classes)
        if news:
            self._say(f"Epoch {epoch}: {news}")

    def _shown(self) -> images.Array:
        """The grid of an epoch: the same seeds each time; a row for each class, where asked for."""
        gan = self.gan
        if self._held_out is not None:
            return self._shown_pairs(*self._held_out)
        seeds, rows, y = SHOWN, None, None
        if Feeds.LABEL in gan.feeds:
            rows = min(10, gan.shape.classes)
            seeds = range(10)
            y = latents.one_hot([label for label in range(rows) for _ in seeds], gan.shape.classes)
        z = latents.noise(seeds, gan.z_dim, gan.noise).repeat(rows or 1, 1)
        return images.grid(
            np.stack(list(render.pictures(gan, self.trainer.ema.module, z, y))), rows=rows
        )

    def _shown_pairs(self, sources: images.Array, truths: images.Array) -> images.Array:
        """A row for each pair: input, output and truth."""
        generator = self.trainer.ema.module
        made = [translate.picture(self.gan, generator, source, seed=0) for source in sources]
        rows = zip(sources, made, truths, strict=True)
        return images.grid(np.stack([p for row in rows for p in row]), columns=3)

    def _measure(self) -> dict[str, float]:
        file, device = self.folder / weights.GENERATOR, self.device.type
        found = generator.evaluate(
            file, device=device, data_dir=self.job.data_dir, say=self._say, teach=False
        )
        numbers = ((k, getattr(found, k, None)) for k in MEASURES)
        return {k: v for k, v in numbers if v is not None}

    def _save_networks(self) -> None:
        header = self._header(self.trainer.images_seen)
        averaged = self.trainer.ema.module.state_dict()
        weights.save(self.folder / weights.GENERATOR, averaged, header)
        critic = self.gan.discriminator.state_dict()
        header = {**header, "network": "discriminator"}
        weights.save(self.folder / weights.DISCRIMINATOR, critic, header)

    def _keep_best(self, report: Report) -> None:
        """Keep this epoch's averaged weights where its measure is the lowest so far.

        That is the model's own measure; of models without one the Fréchet distance, where
        `--evaluate-every` took it.
        """
        name, path = self.gan.measure or "frechet", self.folder / weights.BEST
        if name not in report.metrics:
            return
        best = {"epoch": report.epoch, "measure": name, "value": report.metrics[name]}
        if path.exists() and weights.read_header(path)["best"]["value"] <= best["value"]:
            return
        header = {**self._header(report.images_seen), "best": best}
        weights.save(path, self.trainer.ema.module.state_dict(), header)

    def _save_training(self) -> None:
        header = {**self._header(self.trainer.images_seen), "network": "state of training"}
        weights.save(self.folder / weights.TRAINING, self.trainer.state(), header)

    def _save_midway(self) -> None:
        """Save where the run is, unless it has just diverged: then going on repeats that.

        What the epoch began with is kept, so that going back from a later divergence leads there,
        stopped or not.
        """
        if not self.trainer.is_finite():
            return
        began, now = self.folder / weights.EPOCH, self.folder / weights.TRAINING
        if self._start is None and not began.exists():
            write_file(began, now.read_bytes(), durable=True)
        self._save_networks()
        self._save_training()

    def _header(self, images_seen: int) -> dict[str, Any]:
        return {
            **{k: v for k, v in self.plan().items() if k not in ("folder", "training", "device")},
            "classes": list(self.pictures.classes),
            "labelled": Feeds.LABEL in self.gan.feeds,
            "range": [-1, 1],
            "images_seen": images_seen,
            "seed": self.training.seed,
            "torch": torch.__version__,
        }

    def _finish(self) -> None:
        records = weights.read_lines(self.folder / "metrics.jsonl")
        losses = [k for k in (records[-1] if records else {}) if k.endswith("_loss")]
        series = {k: [(r["epoch"], r[k]) for r in records if k in r] for k in losses}
        images.save_png(
            self.folder / "losses.png", charts.loss_chart(series, self.folder.name, "epoch")
        )
        frames = self._frames()
        if (first := next(frames, None)) is not None:
            gif.write(self.folder / "progress.gif", chain([first], frames), fps=4, recipe=None)

    def _frames(self) -> Iterator[images.Array]:
        """The grids of all epochs, but for files that cannot be read any more."""
        for path in sorted((self.folder / "samples").glob("epoch-*.png")):
            try:
                yield images.load_png(path)
            except FileError as error:
                self._say(f"Left out of progress.gif: {error.message}")


def _is_plan(found: object) -> bool:
    """Whether that is what `Run.plan` says, as far as going on relies on it."""
    if not isinstance(found, dict) or not isinstance(found.get("training"), dict):
        return False
    return isinstance(found.get("device"), str) and found.get("precision") in [*FORMATS]


def settle(job: Job, size: int = 0) -> tuple[Any, Training]:
    """Settings of the model and of its training, for pictures of `size` pixels.

    Raises UsageError for what cannot be meant, as far as can be told without the data.
    """
    module = registry.load("models", job.model)
    preset = preset_for(job.model, module.PRESETS, job.preset, size, job.direction)
    settings, training = resolve(module.Settings, preset, job.typed, job.model)
    processes = distributed.world() if distributed.launched() else job.devices
    if processes > 1:
        distributed.check_batch(training.batch_size, processes, least=1 if job.pairs else 2)
    return settings, training


def _shape(pictures: Pictures, direction: str | None) -> Shape:
    _, size, _, channels = pictures.images.shape
    source = pictures.partners.shape[-1] if direction else 0
    palette = tuple(colour for _, colour in pictures.palette) if direction == "A2B" else ()
    classes = len(pictures.classes)
    return Shape(channels=channels, size=size, classes=classes, source=source, palette=palette)


def _directed(pictures: Pictures, direction: str | None) -> "tuple[Any, Any]":
    """What is given (None unless there are pairs) and what is to be made, uint8 (N, H, W, C)."""
    if direction is None:
        return None, pictures.images
    pair = pictures.images, pictures.partners
    return pair if direction == "A2B" else pair[::-1]


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


def _check_same(begun: dict[str, Any], now: dict[str, Any], folder: Path) -> None:
    """Raise UsageError unless `now` goes on with `begun`: alike but for the number of epochs."""
    now = json.loads(json.dumps(now))  # as it was written
    for part in ("model", "dataset", "direction", "shape", "settings", "training", "precision"):
        old, new = begun.get(part), now[part]
        if not isinstance(new, dict) or not isinstance(old, dict):
            old, new = {part: old}, {part: new}
        differing = [k for k in new if k not in ("epochs", "source") and old.get(k) != new[k]]
        if differing:
            key = differing[0]
            raise UsageError(
                f"{folder} holds another run: its {key} is {old.get(key)}, not {new[key]}.",
                hint=f"--out {folder}-2 keeps both, --fresh starts this one over",
            )


def _clear(folder: Path) -> None:
    """Remove the files of an earlier run, and nothing else, from the folder."""
    if not any((folder / name).exists() for name in ("run.json", *OURS[:4])):
        return
    try:
        for path in (*(folder / name for name in OURS), *folder.glob("samples/epoch-*.png")):
            path.unlink(missing_ok=True)
    except OSError as e:
        raise FileError(f"{folder} cannot be cleared: {e.strerror}.", hint="--out") from None


@contextmanager
def _deferred_stop() -> Iterator[Callable[[], bool]]:
    """Meanwhile the first Ctrl-C or SIGTERM asks to stop, between steps; a second insists."""
    asked = threading.Event()

    def ask(number: int, frame: Any) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return
    before = {s: signal.signal(s, ask) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
