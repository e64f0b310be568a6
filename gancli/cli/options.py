"""Options and arguments that several commands share, each declared once as an annotated type."""

from pathlib import Path
from typing import Annotated, Any

import typer

from gancli import formats, registry
from gancli.cli import completion
from gancli.config import LAST_SEED, Device
from gancli.errors import UsageError
from gancli.sampling.choices import MAX_SCALE, MAX_STEPS
from gancli.shape import Direction


def listed(kind: str) -> str:
    """Return the names in the registry `kind`, separated by commas, for a help text."""
    return ", ".join(registry.names(kind))


def name_of(kind: str) -> dict[str, Any]:
    """Return what typer needs for names in the registry `kind`: any case, and completion.

    A path is taken as it is.
    """

    def canonical(word: str | None) -> str | None:
        if word is None or Path(word).expanduser().exists():
            return word
        return registry.canonical(kind, word)

    def complete(incomplete: str) -> list[tuple[str, str]]:
        return list(completion.entries(kind, incomplete))

    return {"callback": canonical, "autocompletion": complete}


REF_HELP = (
    "The generator to use: its file, a run folder, or the name of a run, a model or a dataset. "
    "If several runs match, the newest is used."
)
RefArg = Annotated[
    str,
    typer.Argument(
        metavar="REF",
        help=REF_HELP,
        autocompletion=completion.runs,
    ),
]
OptionalRefArg = Annotated[
    str | None,
    typer.Argument(
        metavar="REF",
        help=f"{REF_HELP} Without REF, the newest run is used.",
        autocompletion=completion.runs,
        show_default=False,
    ),
]
LabelsOpt = Annotated[
    str | None,
    typer.Option(
        "--labels",
        metavar="LIST",
        help="Classes to draw, by name or number: 3, 0-9, sneaker or all.",
        show_default="all, if the model has labels",
    ),
]
ModelFileOpt = Annotated[
    str | None,
    typer.Option(
        "--model-file",
        metavar="FILE",
        help="The .py file of the model, if the generator was trained with a file of your own.",
        show_default=False,
    ),
]
DATA_DIR_HELP = (
    "Folder to read datasets from and download them to. If it is read-only, downloads go to your "
    "cache folder."
)
DEVICE_HELP = "Device to compute on; auto picks a GPU if there is one."
DIRECTION_HELP = "For models trained on pairs (A, B): A2B generates B from A, B2A A from B."
SEED_HELP = "Random seed: the same seed gives the same result."
NameArg = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help=f"The dataset: one of {listed('datasets')}.",
        **name_of("datasets"),
    ),
]
DataDirOpt = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        metavar="DIR",
        envvar="GAN_DATA_DIR",
        help=DATA_DIR_HELP,
        show_default="your cache folder",
    ),
]
DeviceOpt = Annotated[
    Device,
    typer.Option("--device", metavar="auto|cuda|mps|cpu", case_sensitive=False, help=DEVICE_HELP),
]
DirectionOpt = Annotated[
    Direction | None,
    typer.Option(
        "--direction",
        metavar="A2B|B2A",
        case_sensitive=False,
        help=DIRECTION_HELP,
        show_default=False,
    ),
]
SeedOpt = Annotated[
    int,
    typer.Option("--seed", metavar="N", min=0, max=LAST_SEED, help=SEED_HELP),
]
StepsOpt = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        max=MAX_STEPS,
        help="Number of frames from each seed or class to the next.",
        show_default="50, or 8 for a .png",
    ),
]
AnimationOpt = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="FILE",
        help="File to write. Its suffix sets the format: .gif, .webp, .mp4, or .png for a strip of "
        "all frames. Without a suffix: a folder with one .png per frame.",
        show_default="named after REF, and never an existing file",
    ),
]
FpsOpt = Annotated[
    float,
    typer.Option(metavar="N", min=formats.FPS[0], max=formats.FPS[1], help="Frames per second."),
]
SCALE_HELP = "Enlarge every pixel N times; 1: exact pixels."
ScaleOpt = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        max=MAX_SCALE,
        help=SCALE_HELP,
        show_default="makes pictures about 600 pixels large, films 256",
    ),
]
ForceOpt = Annotated[
    bool,
    typer.Option("--force", metavar="", help="Write into a folder that holds other pictures."),
]
ShowOpt = Annotated[
    bool, typer.Option("--show", metavar="", help="Draw the result in the terminal, too.")
]
OpenOpt = Annotated[
    bool, typer.Option("--open", metavar="", help="Open the result in the system's viewer.")
]
JsonOpt = Annotated[bool, typer.Option("--json", metavar="", help="Print the result as JSON.")]


def is_typed(ctx: typer.Context, name: str) -> bool:
    """Return whether a parameter was typed on the command line."""
    source = ctx.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def refuse(ctx: typer.Context, options: tuple[str, ...], why: str) -> None:
    """Raise UsageError if one of `options` was typed although it has no effect here.

    `options` are parameter names. `why` completes the sentence that starts with the option's name.
    """
    for name in options:
        if is_typed(ctx, name):
            raise UsageError(
                f"--{name.strip('_').replace('_', '-')} {why}.", hint=f"{ctx.command_path} --help"
            )
