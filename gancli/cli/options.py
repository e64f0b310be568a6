"""Options and arguments that several commands share, each declared once as an annotated type."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from gancli import registry
from gancli.config import LAST_SEED
from gancli.errors import UsageError
from gancli.shape import Direction

Device = Literal["auto", "cuda", "mps", "cpu"]
Precision = Literal["auto", "fp32", "bf16"]
Preset = Literal["default", "paper"]
Broken = Literal["skip", "refuse"]


def listed(kind: str) -> str:
    """Return the names in the registry `kind`, separated by commas, for a help text."""
    return ", ".join(registry.names(kind))


REF_HELP = (
    "The generator to use: its file, a run folder, or the name of a run, a model or a dataset. "
    "If several runs match, the newest is used."
)
RefArg = Annotated[
    str,
    typer.Argument(
        metavar="REF",
        help=REF_HELP,
    ),
]
NameArg = Annotated[
    str, typer.Argument(metavar="NAME", help=f"The dataset: one of {listed('datasets')}.")
]
DataDirOpt = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        metavar="DIR",
        envvar="GAN_DATA_DIR",
        help="Folder to read datasets from and download them to. If it is read-only, downloads "
        "go to your cache folder.",
        show_default="your cache folder",
    ),
]
DeviceOpt = Annotated[
    Device,
    typer.Option("--device", help="Device to compute on; auto picks a GPU if there is one."),
]
DirectionOpt = Annotated[
    Direction | None,
    typer.Option(
        "--direction",
        help="For models trained on pairs (A, B): A2B generates B from A, B2A generates A from B.",
        show_default=False,
    ),
]
SeedOpt = Annotated[
    int,
    typer.Option(
        "--seed", min=0, max=LAST_SEED, help="Random seed: the same seed gives the same result."
    ),
]
StepsOpt = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=100_000,
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
        show_default="named after REF",
    ),
]
FpsOpt = Annotated[float, typer.Option(min=0.01, help="Frames per second.")]
ScaleOpt = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=64,
        help="Enlarge the picture N times.",
        show_default="enlarges small frames to about 256 pixels",
    ),
]
JsonOpt = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def refuse(ctx: typer.Context, options: tuple[str, ...], why: str) -> None:
    """Raise UsageError if one of `options` was typed although it has no effect here.

    `options` are parameter names. `why` completes the sentence that starts with the option's name.
    """
    for name in options:
        source = ctx.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise UsageError(
                f"--{name.strip('_').replace('_', '-')} {why}.", hint=f"{ctx.command_path} --help"
            )
