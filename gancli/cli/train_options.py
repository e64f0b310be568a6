"""The options of `gan train`, in the panels of its help."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from gancli import registry
from gancli.cli import completion, config_file
from gancli.cli.options import (
    DATA_DIR_HELP,
    DEVICE_HELP,
    DIRECTION_HELP,
    SEED_HELP,
    listed,
    name_of,
)
from gancli.config import LAST_SEED, MOST_THREADS, Broken, Device, Precision, Preset
from gancli.shape import Direction

_learn = partial(typer.Option, rich_help_panel="What to learn")
_length = partial(typer.Option, rich_help_panel="How long")
_pictures = partial(typer.Option, rich_help_panel="Pictures")
_recipe = partial(typer.Option, rich_help_panel="Recipe")
_files = partial(typer.Option, rich_help_panel="Files and display")
_hardware = partial(typer.Option, rich_help_panel="Hardware")
_expert = partial(typer.Option, rich_help_panel="For experts")

MODELS = "\n\n".join(f"{n}: {registry.summary('models', n)}" for n in registry.names("models"))

ModelArg = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help=f"{MODELS}\n\nOr a .py file with a model of yours.",
        **name_of("models"),
    ),
]
DatasetOpt = Annotated[
    str,
    _learn(
        "--dataset",
        metavar="DATA",
        help=f"What to train on: {listed('datasets')}, a folder of pictures, or a .py file of "
        "yours that loads a dataset.",
        **name_of("datasets"),
    ),
]
ConfigOpt = Annotated[
    str | None,
    _learn(
        "--config",
        metavar="RUN",
        is_eager=True,
        callback=config_file.take_defaults,
        autocompletion=completion.runs,
        help="Train as another run was trained: its run.json, its folder or its name. Options that "
        "you type override what it says; MODEL and --dataset may be left out.",
        show_default=False,
    ),
]
TrainDirectionOpt = Annotated[
    Direction | None,
    _learn(
        "--direction",
        metavar="A2B|B2A",
        case_sensitive=False,
        help=DIRECTION_HELP,
        show_default=False,
    ),
]
PresetOpt = Annotated[
    Preset,
    _learn(
        metavar="NAME",
        help="default: settings that train fast and reliably. paper: those of the original paper, "
        "as far as gan models MODEL says.",
    ),
]

FromOpt = Annotated[
    str | None,
    _learn(
        "--from",
        metavar="REF",
        autocompletion=completion.runs,
        help="Start from the weights of a run, a pretrained generator (gan runs) or a file.",
    ),
]
EpochsOpt = Annotated[
    float | None,
    _length(
        metavar="N",
        help="Number of passes over the training pictures; fractions are allowed.",
        show_default="the model's, or more if there are few pictures",
    ),
]
MinutesOpt = Annotated[
    float | None,
    _length(
        metavar="N",
        min=0.05,
        help="Train for about N minutes from now: gan measures the speed and sets --epochs.",
        show_default=False,
    ),
]
EvaluateEveryOpt = Annotated[
    int,
    _length(
        metavar="N",
        min=0,
        help="Every N epochs, compute the quick metrics of gan evaluate, such as the Fréchet "
        "distance, on a tenth of the training pictures (at most 5,000), which is held out for "
        "this, and keep the best epoch; 0: never.",
    ),
]
SaveEveryOpt = Annotated[
    str,
    _length(
        metavar="TIME",
        help="Time between checkpoints within an epoch, such as 90s, 5m or 1h; 0: only after each "
        "epoch.",
    ),
]

ImageSizeOpt = Annotated[
    int | None,
    _pictures(
        metavar="PIXELS",
        help="Height and width of the pictures: a multiple of 4 from 16 to 256.",
        show_default="the dataset's",
    ),
]
BrokenOpt = Annotated[
    Broken,
    _pictures(
        metavar="skip|refuse",
        help="If a folder has unreadable pictures: skip them, or refuse to train.",
    ),
]
AcceptNewDataOpt = Annotated[
    bool,
    _pictures(
        "--accept-new-data",
        metavar="",
        help="Resume the run even if its pictures have changed, for example because you have added "
        "some.",
    ),
]
TrainDataDirOpt = Annotated[
    Path | None,
    _pictures(
        "--data-dir",
        metavar="DIR",
        envvar="GAN_DATA_DIR",
        help=DATA_DIR_HELP,
        show_default="your cache folder",
    ),
]

BatchSizeOpt = Annotated[
    int | None,
    _recipe(metavar="N", help="Number of pictures per training step.", show_default="the model's"),
]
LrOpt = Annotated[
    float | None,
    _recipe(
        metavar="RATE", help="Learning rate of the Adam optimiser.", show_default="the model's"
    ),
]
ZDimOpt = Annotated[
    int | None,
    _recipe(metavar="N", help="Length of the noise vector z.", show_default="the model's"),
]
# The default is None, not 0, so that a seed given with --set is not overridden.
TypedSeedOpt = Annotated[
    int | None,
    _recipe(metavar="N", min=0, max=LAST_SEED, help=SEED_HELP, show_default="0"),
]
SetOpt = Annotated[
    list[str] | None,
    _recipe(
        "--set",
        metavar="KEY=VALUE",
        autocompletion=completion.settings,
        help="Any other setting of the model or the training; gan models MODEL explains them. Can "
        "be given several times.",
    ),
]

RunDirOpt = Annotated[
    Path | None,
    _files(
        metavar="DIR",
        help="Folder of the run: its checkpoints, samples and metrics.",
        show_default="runs/MODEL-DATASET",
    ),
]
FreshOpt = Annotated[
    bool, _files("--fresh", metavar="", help="Start the run over instead of resuming it.")
]
PreviewOpt = Annotated[
    bool,
    _files(
        "--preview/--no-preview",
        metavar="",
        help="Draw samples above the progress bar, if the terminal can show them.",
    ),
]
DryRunOpt = Annotated[
    bool,
    _files(
        "--dry-run", metavar="", help="Print the resolved configuration as JSON and do not train."
    ),
]

TrainJsonOpt = Annotated[
    bool,
    _files("--json", metavar="", help="At the end, print the run and its last metrics as JSON."),
]

TrainDeviceOpt = Annotated[
    Device,
    _hardware("--device", metavar="auto|cuda|mps|cpu", case_sensitive=False, help=DEVICE_HELP),
]
PrecisionOpt = Annotated[
    Precision,
    _hardware(
        metavar="auto|fp32|bf16",
        help="Number format of the networks; auto uses bf16 if it is faster here.",
    ),
]
ThreadsOpt = Annotated[
    int | None,
    _hardware(
        metavar="N",
        min=1,
        max=MOST_THREADS,
        help="Number of CPU threads of each training process. The result of a seed depends on it, "
        "so a resumed run keeps its number.",
        show_default="torch's choice",
    ),
]

StreamOpt = Annotated[
    bool | None,
    _expert(
        "--stream/--no-stream",
        metavar="",
        help="Read pictures from disk during training, or keep all of them in memory.",
        show_default="depends on the free memory",
    ),
]
WorkersOpt = Annotated[
    int | None,
    _expert(
        metavar="N",
        min=0,
        help="With --stream: number of processes that read pictures ahead of time; with 0, the "
        "training process reads them.",
        show_default="2 on a GPU, else 0",
    ),
]
CaptureOpt = Annotated[
    bool,
    _expert(
        " /--no-capture",
        metavar="",
        show_default=False,
        help="On a GPU: launch every operation one by one instead of replaying a CUDA graph.",
    ),
]
CompileOpt = Annotated[
    bool,
    _expert(
        "--compile/--no-compile",
        metavar="",
        help="Compile the networks with torch.compile. The first step then takes minutes; later "
        "steps may be faster.",
    ),
]
DevicesOpt = Annotated[
    int,
    _expert(
        metavar="N",
        min=1,
        help="Number of training processes, one per GPU; they share each batch. Leave it out "
        "under torchrun.",
    ),
]
MaxRestartsOpt = Annotated[
    int,
    _expert(
        metavar="N",
        min=0,
        help="With --devices: how many times to restart from the last checkpoint if a process "
        "dies.",
    ),
]
