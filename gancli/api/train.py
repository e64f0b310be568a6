"""`gancli.train`: a run as a loop over its reports."""

from collections.abc import Iterator
from contextlib import closing
from copy import deepcopy
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import torch

from gancli.api.generator import Generator, with_methods
from gancli.config import Broken, Device, Job, Precision, Preset
from gancli.errors import UsageError
from gancli.reporting import Progress, Say, silent
from gancli.shape import read_direction
from gancli.training import epoch
from gancli.training import run as runs
from gancli.training.prepare import Prepared, prepare
from gancli.training.reports import Report
from gancli.weights import read_generator


class Run(runs.Run):
    """A run: a loop over it trains to the last epoch, and gets a report about every second.

    After each epoch `folder` has a checkpoint, a sample grid and a line of metrics. A loop that is
    left early (break, an error, Ctrl-C) saves the state of the run, so nothing is lost: the next
    call of `train` with the same words resumes it. A run can be looped over once.
    """

    _looped = False

    def __init__(self, prepared: Prepared, say: Say) -> None:
        super().__init__(prepared, say)
        # The state of torch's random numbers, in which the next step must find them.
        self._rng = torch.get_rng_state()

    def __iter__(self) -> Iterator[Report]:
        """Train, yielding reports. On the CPU, other uses of torch's random numbers change nothing.

        Raises Stopped, a KeyboardInterrupt, after Ctrl-C; GanError if training keeps diverging;
        UsageError for a second loop.
        """
        if self._looped:
            raise UsageError(
                "This run has ended: it can be looped over once.",
                hint="call gancli.train again with the same words to resume it",
            )
        self._looped = True
        _waiting.pop(self.folder.path.resolve(), None)
        reports: Any = self.train()
        torch.set_rng_state(self._rng)
        try:
            with closing(reports):
                for report in reports:
                    self._rng = torch.get_rng_state()
                    try:
                        yield report
                    except GeneratorExit:
                        self._leave(report)
                        raise
                    torch.set_rng_state(self._rng)
        except runs.Stopped:
            raise runs.Stopped(
                f"Stopped and saved in {self.folder}; the same call resumes the run."
            ) from None

    def _leave(self, report: Report) -> None:
        """Save the state of the run after `report`, when the loop is left there."""
        torch.set_rng_state(self._rng)
        if not report.epoch_ended:
            self._save_mid_epoch()

    def close(self) -> None:
        """Stop reading data and unlock the folder, without training. A loop does so at its end."""
        self._looped = True
        super().close()

    def generator(self) -> Generator:
        """The generator as it is now, with averaged weights; further training does not change it.

        Its pictures carry a recipe if the generator has been saved, as it is after each epoch.
        """
        averaged = epoch.averaged_generator(self.prepared, self.trainer)
        file = self.folder.generator
        saved = file.exists() and not self.replacing
        images_seen = read_generator(file).images_seen if saved else None
        return with_methods(
            averaged,
            network=deepcopy(averaged.network).eval(),
            path=file if images_seen == self.trainer.images_seen else None,
        )


# Runs that no loop has started to train, by their folder, which they lock.
_waiting: WeakValueDictionary[Path, Run] = WeakValueDictionary()


def train(
    model: str,
    dataset: str | Path,
    *,
    epochs: int | None = None,
    minutes: float | None = Job.minutes,
    save_every: float = Job.save_every,
    batch_size: int | None = None,
    lr: float | None = None,
    image_size: int | None = Job.image_size,
    z_dim: int | None = None,
    direction: str | None = Job.direction,
    seed: int | None = None,
    device: Device = Job.device,
    threads: int | None = Job.threads,
    precision: Precision = Job.precision,
    out: str | Path | None = Job.out,
    data_dir: str | Path | None = Job.data_dir,
    preset: Preset = Job.preset,
    start_from: str | Path | None = Job.start_from,
    broken: Broken = Job.broken,
    evaluate_every: int = Job.evaluate_every,
    stream: bool | None = Job.stream,
    workers: int | None = Job.workers,
    fresh: bool = Job.fresh,
    accept_new_data: bool = Job.accept_new_data,
    capture: bool = Job.capture,
    compile: bool = Job.compile,
    say: Say = print,
    progress: Progress = silent,
    **settings: Any,
) -> Run:
    """Prepare to train `model` on `dataset`, or to resume its run; the loop over the run trains.

        run = gancli.train("dcgan", "fashion-mnist", epochs=25, width=32)
        for report in run:
            print(report.epoch, report.metrics)

    The keywords are the options of `gan train`; `settings` are those that the command line takes as
    `--set`, such as `width`. None stands for the default of the model or the dataset. `start_from`
    is `--from`. `save_every` is in seconds. `say` is called with each message, `progress` while
    data is downloaded or drawn.

    Raises UsageError for words that are wrong or do not fit together, DataError for problems with
    the pictures, FileError for a folder that cannot be used.
    """
    typed = {"epochs": epochs, "batch_size": batch_size, "lr": lr, "z_dim": z_dim, "seed": seed}
    job = Job(
        model=model,
        dataset=str(dataset),
        typed=settings | {name: value for name, value in typed.items() if value is not None},
        preset=preset,
        start_from=str(start_from) if start_from else None,
        direction=read_direction(direction),
        image_size=image_size,
        device=device,
        precision=precision,
        out=Path(out).expanduser() if out else None,
        data_dir=Path(data_dir).expanduser() if data_dir else None,
        broken=broken,
        fresh=fresh,
        accept_new_data=accept_new_data,
        minutes=minutes,
        save_every=save_every,
        threads=threads,
        capture=capture,
        compile=compile,
        evaluate_every=evaluate_every,
        stream=stream,
        workers=workers,
    )
    prepared, folder = prepare(job, say, progress), job.folder.resolve()
    if earlier := _waiting.pop(folder, None):  # the same cell of a notebook was run again
        earlier.close()
    _waiting[folder] = run = Run(prepared, say)
    return run
