"""`gan translate`: turn pictures, folders and videos into others with a model trained on pairs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gancli import formats
from gancli.cli import console, outputs, parsing, recipes, viewers
from gancli.cli.generators import announce
from gancli.cli.options import (
    DeviceOpt,
    DirectionOpt,
    JsonOpt,
    ModelFileOpt,
    OpenOpt,
    RefArg,
    SeedOpt,
)
from gancli.errors import DataError, UsageError
from gancli.reporting import Progress
from gancli.sampling import choices
from gancli.sampling.find import find_translator
from gancli.shape import Direction
from gancli.weights import read_generator

if TYPE_CHECKING:
    from gancli.sampling.generator import Generator

InputsArg = Annotated[
    list[str],
    typer.Argument(
        metavar="INPUT...", help="What to translate: pictures, folders, videos or patterns (*.jpg)."
    ),
]
TargetOpt = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="FILE|DIR",
        help="File for the result, or a folder if there are several inputs.",
        show_default="in-A2B.png beside in.jpg, or with a number if that exists",
    ),
]
VariationsOpt = Annotated[
    int,
    typer.Option(
        metavar="N",
        min=1,
        max=choices.MAX_COUNT,
        help="Number of results per input; their seeds count up from --seed.",
    ),
]
PairedOpt = Annotated[
    bool,
    typer.Option(
        "--paired",
        metavar="",
        help="Each input is a pair side by side; each result shows input, output and ground truth.",
    ),
]


def translate(
    ctx: typer.Context,
    ref: RefArg,
    inputs: InputsArg,
    direction: DirectionOpt = None,
    out: TargetOpt = None,
    variations: VariationsOpt = 1,
    seed: SeedOpt = 0,
    paired: PairedOpt = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            metavar="",
            help="Replace earlier results, and write into a folder that holds other pictures.",
        ),
    ] = False,
    open_: OpenOpt = False,
    json_: JsonOpt = False,
    model_file: ModelFileOpt = None,
    device: DeviceOpt = "auto",
) -> None:
    """Translate pictures or videos of any size with a model that was trained on pairs.

    Example: gan translate facades --direction A2B in.jpg
    """
    file = find_translator(ref, direction)
    header = read_generator(file)
    announce(file, header, model_file)
    sources = parsing.inputs(inputs, skip=tuple(Direction))
    if paired and any(map(parsing.is_video, sources)):
        raise UsageError(
            "--paired works with pictures, not with videos.", hint="gan translate --help"
        )
    targets = outputs.targets(sources, out, str(header.direction), variations, force)
    for source, outs in zip(sources, targets, strict=True):
        if parsing.is_video(source):
            formats.writer_for(outs[0])  # fails now if the encoder is not installed
    from gancli.sampling import generator
    from gancli.sampling.translate import check_variations

    loaded = generator.load(file, device, model_file)
    check_variations(loaded, variations)
    made, failed = _translate_all(ctx, loaded, sources, targets)
    if json_:
        console.result(viewers.as_json(made, file))
    if open_ and made:
        viewers.open_file(made[0])
    if failed:
        raise DataError(f"Could not translate {'; '.join(failed)}.", hint="gan translate --help")


def _translate_all(
    ctx: typer.Context, loaded: "Generator", sources: list[Path], targets: list[list[Path]]
) -> tuple[list[Path], list[str]]:
    """Translate each of `sources` into its `targets`, past those that cannot be read.

    Print each result when it is finished, unless --json prints them all at the end. Return the
    results, and the sources that failed, with the reason.
    """
    made, failed = list[Path](), list[str]()
    with console.progress() as show:
        for number, (source, outs) in enumerate(zip(sources, targets, strict=True), 1):
            try:
                _translate(ctx, loaded, source, outs, show)
            except DataError as error:
                failed.append(f"{source} ({error.message})")
                continue
            finally:
                show("translating", number, len(sources))
            made += outs
            if not ctx.params["json_"]:
                for target in outs:
                    console.result(str(target))
    return made, failed


def _translate(
    ctx: typer.Context, loaded: "Generator", source: Path, outs: list[Path], show: Progress
) -> None:
    from gancli.sampling.translate import save_picture, save_video

    def recipe(seed: int) -> dict[str, str]:
        return recipes.recipe(ctx, loaded, inputs=[source.name], seed=seed)

    seed: int = ctx.params["seed"]
    if not parsing.is_video(source):
        save_picture(loaded, source, outs, seed, ctx.params["paired"], recipe, show)
        return
    for k, out in enumerate(outs):
        save_video(loaded, source, out, seed + k, recipe(seed + k))
