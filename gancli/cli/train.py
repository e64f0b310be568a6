"""`gan train`: what was typed becomes a job, and a job a run whose reports are shown."""

import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from gancli import datasets
from gancli.cli import console, parsing
from gancli.cli.options import (
    Broken,
    DataDirOpt,
    DeviceOpt,
    DirectionOpt,
    Precision,
    Preset,
    listed,
)
from gancli.config import LAST_SEED, Job
from gancli.errors import STOPPED

ModelArg = Annotated[str, typer.Argument(metavar="MODEL", help=f"One of: {listed('models')}.")]
DatasetOpt = Annotated[
    str,
    typer.Option(
        "--dataset", metavar="NAME|FOLDER", help=f"{listed('datasets')}, or a folder of pictures."
    ),
]
EpochsOpt = Annotated[
    int | None, typer.Option(help="Passes over the pictures.", show_default="the model's")
]
BatchSizeOpt = Annotated[
    int | None, typer.Option(help="Pictures a step.", show_default="the model's")
]
LrOpt = Annotated[
    float | None, typer.Option(help="Adam's learning rate.", show_default="the model's")
]
ImageSizeOpt = Annotated[
    int | None,
    typer.Option(
        help="Height and width in pixels: a multiple of 4 from 16 to 256.",
        show_default="the data set's",
    ),
]
ZDimOpt = Annotated[
    int | None, typer.Option(help="Length of the noise vector.", show_default="the model's")
]
TypedSeedOpt = Annotated[  # a default of 0 would hide whether one was typed
    int | None, typer.Option(min=0, max=LAST_SEED, help="Same seed, same result.", show_default="0")
]
PrecisionOpt = Annotated[
    Precision, typer.Option(help="Number format; auto tries bf16 and keeps it where it pays.")
]
RunDirOpt = Annotated[
    Path | None,
    typer.Option(
        metavar="RUN_DIR", help="Where the run is kept.", show_default="runs/MODEL-DATASET"
    ),
]
SetOpt = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Any other setting; --dry-run lists them. May be repeated.",
    ),
]
PresetOpt = Annotated[Preset, typer.Option(help="Today's well-behaved recipe, or the paper's own.")]
BrokenOpt = Annotated[
    Broken, typer.Option(help="What to do about unreadable pictures in a folder.")
]
EvaluateEveryOpt = Annotated[
    int, typer.Option(metavar="N", min=0, help="Measure the samples every N epochs; 0: never.")
]
StreamOpt = Annotated[
    bool | None,
    typer.Option(
        "--stream/--no-stream",
        help="Read pictures from disk as they are needed, or hold them in memory.",
        show_default="by the room there is",
    ),
]
WorkersOpt = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=0,
        help="With --stream: processes that read ahead; 0: none.",
        show_default="2 for a GPU, else 0",
    ),
]
FreshOpt = Annotated[
    bool, typer.Option("--fresh", help="Start the run over instead of going on with it.")
]
CaptureOpt = Annotated[
    bool,
    typer.Option(
        " /--no-capture", help="On a GPU: launch each operation anew, without a CUDA graph."
    ),
]
CompileOpt = Annotated[
    bool,
    typer.Option(
        "--compile/--no-compile",
        help="Run the networks through torch.compile: minutes at first; try whether it pays.",
    ),
]
DryRunOpt = Annotated[
    bool, typer.Option("--dry-run", help="Print the resolved configuration and stop.")
]
PreviewOpt = Annotated[
    bool, typer.Option("--preview", help="Draw samples in the terminal after each epoch.")
]
DevicesOpt = Annotated[
    int,
    typer.Option(
        metavar="N",
        min=1,
        help="Processes that share each batch, one a GPU; torchrun says it instead.",
    ),
]
MaxRestartsOpt = Annotated[
    int,
    typer.Option(metavar="N", min=0, help="With --devices: how often to replace a lost process."),
]


def train(
    model: ModelArg,
    dataset: DatasetOpt,
    epochs: EpochsOpt = None,
    batch_size: BatchSizeOpt = None,
    lr: LrOpt = None,
    image_size: ImageSizeOpt = None,
    z_dim: ZDimOpt = None,
    direction: DirectionOpt = None,
    seed: TypedSeedOpt = None,
    device: DeviceOpt = "auto",
    precision: PrecisionOpt = "auto",
    out: RunDirOpt = None,
    data_dir: DataDirOpt = None,
    set_: SetOpt = None,
    preset: PresetOpt = "default",
    broken: BrokenOpt = "skip",
    evaluate_every: EvaluateEveryOpt = 0,
    stream: StreamOpt = None,
    workers: WorkersOpt = None,
    fresh: FreshOpt = False,
    capture: CaptureOpt = True,
    compile_: CompileOpt = False,
    dry_run: DryRunOpt = False,
    preview: PreviewOpt = False,
    devices: DevicesOpt = 1,
    max_restarts: MaxRestartsOpt = 3,
) -> None:
    """Train MODEL, or go on with a run that was stopped.

    Example: gan train dcgan --dataset fashion-mnist --epochs 25
    """
    typed = {"epochs": epochs, "batch_size": batch_size, "lr": lr, "z_dim": z_dim, "seed": seed}
    settings = parsing.settings(set_ or []) | {k: v for k, v in typed.items() if v is not None}
    job = Job(
        model=model,
        dataset=dataset,
        typed=settings,
        preset=preset,
        direction=direction,
        image_size=image_size,
        device=device,
        precision=precision,
        out=out,
        data_dir=data_dir,
        broken=broken,
        fresh=fresh,
        evaluate_every=evaluate_every,
        stream=stream,
        workers=workers,
        capture=capture,
        compile=compile_,
        devices=devices,
    )
    datasets.check(dataset, job.pairs)
    _start(job, max_restarts, dry_run, preview)


def _start(job: Job, restarts: int, dry_run: bool, preview: bool) -> None:
    """Train in this process, as one of several where a launcher started it, or start several."""
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # its warnings come with stack traces
    from gancli import hardware
    from gancli.training import distributed, launch

    place = hardware.device(job.device)
    if job.devices > 1 and not distributed.launched():
        launch.check_devices(job.devices, place)
        if not dry_run:
            _launch(job, restarts)
            return
    with distributed.joined(place):
        if not distributed.first():
            console.hush()
        _train(replace(job, fresh=job.fresh and not distributed.again()), dry_run, preview)


def _launch(job: Job, restarts: int) -> None:
    from gancli.training import prepare
    from gancli.training.launch import launch

    prepare.settle(job)  # what is wrong is said here, once
    record = job.folder / "run.json"
    launch(sys.argv[1:], job.devices, restarts, record, console.say)


def _train(job: Job, dry_run: bool, preview: bool) -> None:
    from gancli.training.prepare import prepare
    from gancli.training.run import Run, Stopped

    with console.progress() as show:
        prepared = prepare(job, console.say, show)
    if dry_run:
        console.result(json.dumps(prepared.plan(), indent=2))
        return
    run = Run(prepared, console.say)
    try:
        with console.training(run.trainer) as show:
            for report in run.train():
                show(report)
                if preview and report.epoch_ended:
                    console.show_picture(run.folder.samples(report.epoch))
    except Stopped:
        console.say(f"Stopped and saved in {run.folder}; the same command goes on.")
        raise typer.Exit(STOPPED) from None
    console.result(str(run.folder))
