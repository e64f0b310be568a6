"""Options and arguments that several commands share, each declared once, with help and unit."""

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
    """The names of a registry, for a sentence of help."""
    return ", ".join(registry.names(kind))


REF_HELP = "A generator file, a run folder, or the name of a run, model or data set."
RefArg = Annotated[
    str,
    typer.Argument(
        metavar="REF",
        help=REF_HELP,
    ),
]
NameArg = Annotated[str, typer.Argument(metavar="NAME", help=f"One of: {listed('datasets')}.")]
DataDirOpt = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        metavar="DIR",
        envvar="GAN_DATA_DIR",
        help="Where data sets lie or are put; may be read-only.",
        show_default="the user's cache",
    ),
]
DeviceOpt = Annotated[
    Device, typer.Option("--device", help="Where to compute; auto takes the best there is.")
]
DirectionOpt = Annotated[
    Direction | None,
    typer.Option(
        "--direction", help="Of pairs (A, B): which is given and which is made.", show_default=False
    ),
]
SeedOpt = Annotated[
    int, typer.Option("--seed", min=0, max=LAST_SEED, help="Same seed, same result.")
]
StepsOpt = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=100_000,
        help="Frames from each stop to the next.",
        show_default="50; 8 in a .png",
    ),
]
AnimationOpt = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="FILE",
        help="The suffix picks the format: .gif, .webp, .mp4, .png, none for a folder of frames.",
        show_default="named after REF",
    ),
]
FpsOpt = Annotated[float, typer.Option(min=0.01, help="Frames a second.")]
ScaleOpt = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=64,
        help="Enlarge pixels so many times.",
        show_default="small pictures, to about 256 pixels",
    ),
]
JsonOpt = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def refuse(ctx: typer.Context, options: tuple[str, ...], why: str) -> None:
    """Raise UsageError where one of `options`, which would change nothing, was typed."""
    for name in options:
        source = ctx.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise UsageError(
                f"--{name.strip('_').replace('_', '-')} {why}.", hint=f"{ctx.command_path} --help"
            )
