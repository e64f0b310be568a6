"""`gan sample`: pictures from a generator."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from gancli import points
from gancli.cli import outputs, recipes, viewers
from gancli.cli.generators import choose, stem
from gancli.cli.options import (
    SCALE_HELP,
    DeviceOpt,
    ForceOpt,
    JsonOpt,
    ModelFileOpt,
    OpenOpt,
    OptionalRefArg,
    ShowOpt,
    refuse,
)
from gancli.sampling import choices

CountOpt = Annotated[
    int | None,
    typer.Option(
        "-n",
        "--count",
        metavar="N",
        min=1,
        max=choices.MAX_COUNT,
        help="How many pictures to make, with seeds 0 to N-1.",
        show_default="64",
    ),
]
SeedsOpt = Annotated[
    str | None,
    typer.Option(
        metavar="LIST", help="Seeds of the pictures to make, one picture each: 0-63 or 3,7,12."
    ),
]
LabelsOpt = Annotated[
    str | None,
    typer.Option(
        "--labels",
        metavar="LIST",
        help="Classes to draw, by name or number, one row each: 3, 0-9, sneaker or all.",
    ),
]
PerClassOpt = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        max=choices.MAX_COUNT,
        help="With --labels: number of pictures per class.",
        show_default="10",
    ),
]
LikeOpt = Annotated[
    Path | None,
    typer.Option(
        "--like",
        metavar="PICTURE",
        help="Make this picture again, with the command and the generator recorded in its file.",
    ),
]
SamplesOpt = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="FILE|DIR",
        help="A .png file for one grid, or a folder for single pictures. Points: .png or .csv.",
        show_default="REF-samples.png, or with a number if that exists",
    ),
]
ScaleOpt = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        max=choices.MAX_SCALE,
        help=SCALE_HELP,
        show_default="makes a grid about 600 pixels large; 1 in a folder",
    ),
]


def sample(
    ctx: typer.Context,
    ref: OptionalRefArg = None,
    count: CountOpt = None,
    seeds: SeedsOpt = None,
    labels: LabelsOpt = None,
    per_class: PerClassOpt = None,
    like: LikeOpt = None,
    scale: ScaleOpt = None,
    out: SamplesOpt = None,
    force: ForceOpt = False,
    show: ShowOpt = False,
    open_: OpenOpt = False,
    json_: JsonOpt = False,
    model_file: ModelFileOpt = None,
    device: DeviceOpt = "auto",
) -> None:
    """Make pictures with a trained generator: picture i depends only on seed i.

    Example: gan sample dcgan --seeds 0-63 --out grid.png
    """
    if like is not None:
        options = ("count", "seeds", "labels", "per_class", "scale")
        refuse(ctx, options, "does not apply with --like: the picture's recipe sets it")
        recipes.rerun(ctx, like, ref, out)
        return
    named, chosen = choices.seeds(count, per_class, seeds, labelled=bool(labels))
    file, header = choose(ref, model_file, points=True)
    classes = choices.sample_labels(header, labels, per_class)
    target = out or outputs.unused(f"{stem(file)}-samples.png")
    if header.shape.points:
        outputs.check_drawing_or_csv(target)
        if seeds is None and count is None:
            named, chosen = choices.seeds(choices.POINTS, None, None, labelled=False)
    else:
        outputs.check_picture_or_folder(target, force)
    from gancli.sampling import generator, samples

    loaded = generator.load(file, device, model_file)
    recipe = recipes.recipe(ctx, loaded, ("count", "per_class"), seeds=named)
    if points.is_file(target.name):
        samples.save_points(loaded, chosen, target)
    elif outputs.is_folder(target):
        samples.save_each(loaded, chosen, classes, target, recipe, scale or 1)
    else:
        grid = samples.grid(loaded, chosen, classes)
        replace(grid, scale=scale, recipe=recipe).save(target)
    viewers.present(target, file, json_, show, open_)
