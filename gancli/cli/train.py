"""`gan train`: turn the command line into a `Job`, run it and show its progress."""

import json
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import typer

from gancli import datasets
from gancli.cli import config_file, console, display, parsing
from gancli.cli.train_options import (
    AcceptNewDataOpt,
    BatchSizeOpt,
    BrokenOpt,
    CaptureOpt,
    CompileOpt,
    ConfigOpt,
    DatasetOpt,
    DevicesOpt,
    DryRunOpt,
    EpochsOpt,
    EvaluateEveryOpt,
    FreshOpt,
    FromOpt,
    ImageSizeOpt,
    LrOpt,
    MaxRestartsOpt,
    MinutesOpt,
    ModelArg,
    PrecisionOpt,
    PresetOpt,
    PreviewOpt,
    RunDirOpt,
    SaveEveryOpt,
    SetOpt,
    StreamOpt,
    ThreadsOpt,
    TrainDataDirOpt,
    TrainDeviceOpt,
    TrainDirectionOpt,
    TrainJsonOpt,
    TypedSeedOpt,
    WorkersOpt,
    ZDimOpt,
)
from gancli.config import Job
from gancli.errors import STOPPED

if TYPE_CHECKING:
    from gancli.training.run import Run


def train(
    ctx: typer.Context,
    model: ModelArg,
    dataset: DatasetOpt,
    config: ConfigOpt = None,
    direction: TrainDirectionOpt = None,
    preset: PresetOpt = "default",
    start_from: FromOpt = None,
    epochs: EpochsOpt = None,
    minutes: MinutesOpt = None,
    evaluate_every: EvaluateEveryOpt = 0,
    save_every: SaveEveryOpt = "5m",
    image_size: ImageSizeOpt = None,
    broken: BrokenOpt = "skip",
    accept_new_data: AcceptNewDataOpt = False,
    data_dir: TrainDataDirOpt = None,
    batch_size: BatchSizeOpt = None,
    lr: LrOpt = None,
    z_dim: ZDimOpt = None,
    seed: TypedSeedOpt = None,
    set_: SetOpt = None,
    out: RunDirOpt = None,
    fresh: FreshOpt = False,
    preview: PreviewOpt = True,
    dry_run: DryRunOpt = False,
    json_: TrainJsonOpt = False,
    device: TrainDeviceOpt = "auto",
    threads: ThreadsOpt = None,
    precision: PrecisionOpt = "auto",
    stream: StreamOpt = None,
    workers: WorkersOpt = None,
    capture: CaptureOpt = True,
    compile_: CompileOpt = False,
    devices: DevicesOpt = 1,
    max_restarts: MaxRestartsOpt = 3,
) -> None:
    """Train MODEL on a dataset, or resume its run if that was stopped.

    Example: gan train dcgan --dataset fashion-mnist --epochs 25
    """
    typed = {"epochs": epochs, "batch_size": batch_size, "lr": lr, "z_dim": z_dim, "seed": seed}
    settings = parsing.settings(set_ or []) | {k: v for k, v in typed.items() if v is not None}
    if config is not None:
        settings = config_file.options(ctx, config) | settings
    job = Job(
        model=model,
        dataset=dataset,
        typed=settings,
        preset=preset,
        start_from=start_from,
        minutes=minutes,
        direction=direction,
        image_size=image_size,
        device=device,
        threads=threads,
        precision=precision,
        out=out,
        data_dir=data_dir,
        broken=broken,
        fresh=fresh,
        accept_new_data=accept_new_data,
        evaluate_every=evaluate_every,
        save_every=parsing.seconds(save_every, "--save-every"),
        stream=stream,
        workers=workers,
        capture=capture,
        compile=compile_,
        devices=devices,
    )
    datasets.find_folder(dataset, job.pairs)
    _start(job, max_restarts, dry_run, preview, json_)


def _start(job: Job, restarts: int, dry_run: bool, preview: bool, json_: bool) -> None:
    """Train in this process, or with --devices launch several processes that train together."""
    from gancli import hardware
    from gancli.training import distributed, earlier, launch
    from gancli.training.folder import RunFolder

    place = hardware.device(job.device)
    if job.devices > 1 and not distributed.launched():
        launch.check_devices(job.devices, place)
        if not dry_run:
            _launch(job, restarts)
            return
    with distributed.joined(place):
        if not distributed.is_rank_zero():
            console.mute()
        # after a restart by torchrun, --fresh must not replace the checkpoint it restarts from
        begins = not distributed.is_restart() or earlier.is_announced(RunFolder(job.folder))
        job = replace(job, fresh=job.fresh and begins)
        _train(job, dry_run, preview, json_)


def _launch(job: Job, restarts: int) -> None:
    from gancli.training import prepare
    from gancli.training.folder import RunFolder
    from gancli.training.launch import launch

    prepare.resolve_settings(job)  # report mistakes once, here, and not from every process
    plan = RunFolder(job.folder).plan
    launch(sys.argv[1:], job.devices, restarts, plan, console.say)


def _train(job: Job, dry_run: bool, preview: bool, json_: bool) -> None:
    from gancli.training import distributed
    from gancli.training.prepare import prepare
    from gancli.training.run import Run, Stopped

    with console.progress() as show:
        prepared = prepare(job, console.say, show, measure=not dry_run)
    if dry_run:
        console.result(json.dumps(prepared.plan(), indent=2))
        return
    run = Run(prepared, console.say)
    try:
        with display.training(run.trainer, preview) as show:
            for report in run.train():
                show(report)
    except Stopped:
        console.say(f"Stopped and saved in {run.folder}; the same command resumes the run.")
        raise SystemExit(STOPPED) from None
    if distributed.is_rank_zero():
        display.ended(run)
    console.result(json.dumps(_summary(run), indent=2) if json_ else str(run.folder))


def _summary(run: "Run") -> dict[str, Any]:
    """Return what --json prints of a finished run: where it is, and its last metrics."""
    folder = run.folder
    last = folder.records()[-1:]
    return {"run": str(folder), "generator": str(folder.generator), **(last[0] if last else {})}
