"""`gan train`: turn the command line into a `Job`, run it and show its progress."""

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

ModelArg = Annotated[
    str, typer.Argument(metavar="MODEL", help=f"The model: one of {listed('models')}.")
]
DatasetOpt = Annotated[
    str,
    typer.Option(
        "--dataset",
        metavar="NAME|FOLDER",
        help=f"What to train on: {listed('datasets')}, or a folder of pictures.",
    ),
]
EpochsOpt = Annotated[
    int | None,
    typer.Option(help="Number of passes over the training pictures.", show_default="the model's"),
]
BatchSizeOpt = Annotated[
    int | None,
    typer.Option(help="Number of pictures per training step.", show_default="the model's"),
]
LrOpt = Annotated[
    float | None,
    typer.Option(help="Learning rate of the Adam optimiser.", show_default="the model's"),
]
ImageSizeOpt = Annotated[
    int | None,
    typer.Option(
        help="Height and width of the pictures in pixels: a multiple of 4 from 16 to 256.",
        show_default="the dataset's",
    ),
]
ZDimOpt = Annotated[
    int | None, typer.Option(help="Length of the noise vector z.", show_default="the model's")
]
# The default is None, not 0, so that a seed given with --set is not overridden.
TypedSeedOpt = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=LAST_SEED,
        help="Random seed: the same seed gives the same result.",
        show_default="0",
    ),
]
PrecisionOpt = Annotated[
    Precision,
    typer.Option(help="Number format of the networks; auto uses bf16 if it is faster here."),
]
RunDirOpt = Annotated[
    Path | None,
    typer.Option(
        metavar="RUN_DIR",
        help="Folder of the run: its checkpoints, samples and metrics.",
        show_default="runs/MODEL-DATASET",
    ),
]
SetOpt = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Any other setting of the model or the training; --dry-run lists them. Can be given "
        "several times.",
    ),
]
PresetOpt = Annotated[
    Preset,
    typer.Option(
        help="Default settings: paper takes those of the original paper, default takes ones that "
        "train more reliably."
    ),
]
BrokenOpt = Annotated[
    Broken,
    typer.Option(help="If a folder has unreadable pictures: skip them, or refuse to train."),
]
EvaluateEveryOpt = Annotated[
    int,
    typer.Option(
        metavar="N",
        min=0,
        help="Every N epochs, add the metrics of gan evaluate that take little time, such as the "
        "Fréchet distance, to metrics.jsonl; 0: never.",
    ),
]
StreamOpt = Annotated[
    bool | None,
    typer.Option(
        "--stream/--no-stream",
        help="Read pictures from disk during training, or keep all of them in memory.",
        show_default="depends on the free memory",
    ),
]
WorkersOpt = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=0,
        help="With --stream: number of processes that read pictures ahead of time; with 0, the "
        "training process reads them.",
        show_default="2 on a GPU, else 0",
    ),
]
FreshOpt = Annotated[
    bool, typer.Option("--fresh", help="Start the run over instead of resuming it.")
]
CaptureOpt = Annotated[
    bool,
    typer.Option(
        " /--no-capture",
        show_default=False,
        help="On a GPU: launch every operation one by one instead of replaying a CUDA graph.",
    ),
]
CompileOpt = Annotated[
    bool,
    typer.Option(
        "--compile/--no-compile",
        help="Compile the networks with torch.compile. The first step then takes minutes; later "
        "steps may be faster.",
    ),
]
DryRunOpt = Annotated[
    bool,
    typer.Option("--dry-run", help="Print the resolved configuration as JSON and do not train."),
]
PreviewOpt = Annotated[
    bool, typer.Option("--preview", help="Draw samples in the terminal after each epoch.")
]
DevicesOpt = Annotated[
    int,
    typer.Option(
        metavar="N",
        min=1,
        help="Number of training processes, one per GPU; they share each batch. Leave it out "
        "under torchrun.",
    ),
]
MaxRestartsOpt = Annotated[
    int,
    typer.Option(
        metavar="N",
        min=0,
        help="With --devices: how many times to restart from the last checkpoint if a process "
        "dies.",
    ),
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
    """Train MODEL on a dataset, or resume its run if that was stopped.

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
    datasets.find_folder(dataset, job.pairs)
    _start(job, max_restarts, dry_run, preview)


def _start(job: Job, restarts: int, dry_run: bool, preview: bool) -> None:
    """Train in this process, or with --devices launch several processes that train together."""
    # torch prints C++ stack traces with its warnings; must be set before torch is imported
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    from gancli import hardware
    from gancli.training import distributed, launch

    place = hardware.device(job.device)
    if job.devices > 1 and not distributed.launched():
        launch.check_devices(job.devices, place)
        if not dry_run:
            _launch(job, restarts)
            return
    with distributed.joined(place):
        if not distributed.is_rank_zero():
            console.mute()
        # after a restart by torchrun, --fresh must not delete the checkpoint it restarts from
        _train(replace(job, fresh=job.fresh and not distributed.is_restart()), dry_run, preview)


def _launch(job: Job, restarts: int) -> None:
    from gancli.training import prepare
    from gancli.training.folder import RunFolder
    from gancli.training.launch import launch

    prepare.resolve_settings(job)  # report mistakes once, here, and not from every process
    plan = RunFolder(job.folder).plan
    launch(sys.argv[1:], job.devices, restarts, plan, console.say)


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
        console.say(f"Stopped and saved in {run.folder}; the same command resumes the run.")
        raise typer.Exit(STOPPED) from None
    console.result(str(run.folder))
