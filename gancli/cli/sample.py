"""`gan sample`, `gan sweep` and `gan interpolate`: pictures and animations from a generator."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from gancli import formats
from gancli.cli import console, outputs, parsing, recipes
from gancli.cli.generators import choose, stem
from gancli.cli.options import (
    REF_HELP,
    AnimationOpt,
    DeviceOpt,
    FpsOpt,
    RefArg,
    ScaleOpt,
    StepsOpt,
    refuse,
)
from gancli.config import LAST_SEED
from gancli.errors import UsageError

CountOpt = Annotated[
    int | None,
    typer.Option(
        "-n",
        "--count",
        min=1,
        max=parsing.MAX_COUNT,
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
LabelOpt = Annotated[
    str | None,
    typer.Option(
        "--label",
        metavar="LIST",
        help="Classes to draw, by name or number, one row each: 3, 0-9, sneaker or all.",
    ),
]
PerClassOpt = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=parsing.MAX_COUNT,
        help="With --label: number of pictures per class.",
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
        help="A .png file for one grid, or a folder for single pictures.",
        show_default="REF-samples.png",
    ),
]


def sample(
    ctx: typer.Context,
    ref: Annotated[
        str | None, typer.Argument(metavar="REF", help=REF_HELP, show_default=False)
    ] = None,
    count: CountOpt = None,
    seeds: SeedsOpt = None,
    label: LabelOpt = None,
    per_class: PerClassOpt = None,
    like: LikeOpt = None,
    out: SamplesOpt = None,
    device: DeviceOpt = "auto",
) -> None:
    """Make pictures with a trained generator: picture i depends only on seed i.

    Example: gan sample dcgan --seeds 0-63 --out grid.png
    """
    if like is not None:
        options = ("count", "seeds", "label", "per_class")
        refuse(ctx, options, "does not apply with --like: the picture's recipe sets it")
        recipes.rerun(ctx, like, ref, out, device)
        return
    if count and per_class:
        raise UsageError("-n and --per-class both set the number of pictures: give only one.")
    if ref is None:
        raise UsageError(
            "No generator given: name a file, a run folder, a run, a model or a dataset.",
            hint="gan sample --help",
        )
    chosen = parsing.seeds(count or per_class, seeds, default=10 if label else 64)
    file, header = choose(ref)
    labels = parsing.labels(header, label, "--label") if label else []
    if per_class and not labels:
        raise UsageError("--per-class needs --label.", hint=f"--label all --per-class {per_class}")
    target = out or Path(f"{stem(file)}-samples.png")
    outputs.check_picture_or_folder(target)
    from gancli.sampling import generator, samples

    loaded = generator.load(file, device)
    named = seeds or f"0-{len(chosen) - 1}"
    recipe = recipes.recipe(ctx, loaded, ("count", "per_class"), seeds=named)
    samples.save(loaded, chosen, labels, target, recipe)
    console.result(str(target))


def sweep(
    ctx: typer.Context,
    ref: RefArg,
    z_seed: Annotated[
        int,
        typer.Option("--z-seed", min=0, max=LAST_SEED, help="Seed of the noise that stays fixed."),
    ] = 0,
    classes: Annotated[
        str,
        typer.Option(
            metavar="LIST", help="Classes to pass through, by name or number, in this order."
        ),
    ] = "all",
    steps: StepsOpt = None,
    grid: Annotated[
        str,
        typer.Option(
            metavar="RxC",
            help="Rows and columns of pictures in a frame; their seeds count up from --z-seed.",
        ),
    ] = "1x1",
    out: AnimationOpt = None,
    fps: FpsOpt = 25,
    scale: ScaleOpt = None,
    device: DeviceOpt = "auto",
) -> None:
    """Animate the label: keep the noise fixed and blend from class to class.

    Example: gan sweep acgan --z-seed 3 --out sweep.gif
    """
    file, header = choose(ref)
    unlabelled_hint = f"gan interpolate {ref} --z-seeds 3,7,12"
    labels = parsing.labels(header, classes, "--classes", unlabelled_hint)
    if len(labels) < 2:
        raise UsageError("A sweep needs at least two classes.", hint="--classes all")
    rows, columns = parsing.grid(grid)
    target = out or Path(f"{stem(file)}-sweep.gif")
    formats.writer_for(target, fps)
    count = steps or parsing.steps(target)
    from gancli.sampling import films, generator

    loaded = generator.load(file, device)
    seeds = range(z_seed, z_seed + rows * columns)
    film = films.sweep(loaded, seeds, labels, count, columns)
    film.save(target, fps, scale, recipes.recipe(ctx, loaded, steps=count))
    console.result(str(target))


ZSeedsOpt = Annotated[
    str | None,
    typer.Option(
        "--z-seeds",
        metavar="LIST",
        help="Seeds to walk through, in this order: 3,7,12.",
        show_default="0-3, or 0-2 with --plane",
    ),
]
PathOpt = Annotated[
    Literal["slerp", "lerp"] | None,
    typer.Option(
        help="How to get from seed to seed: along an arc (slerp) or a straight line (lerp).",
        show_default="slerp for normal noise, lerp for uniform noise",
    ),
]
WalkLabelOpt = Annotated[
    str | None,
    typer.Option(
        "--label",
        "--labels",
        metavar="LIST",
        help="Classes to show side by side, by name or number: 3, 0-9, sneaker or all.",
        show_default="all, if the model has labels",
    ),
]
PlaneOpt = Annotated[
    bool,
    typer.Option(
        "--plane",
        help="Draw one picture, a map of the latent space: the plane through three seeds, or all "
        "of z if the model was trained with --z-dim 2.",
    ),
]
RangeOpt = Annotated[
    str | None,
    typer.Option(
        "--range",
        metavar="LOW,HIGH",
        help="With --plane: lowest and highest coordinate, the same for both axes.",
        show_default="0,1: from seed to seed; -1,1 if z has two numbers",
    ),
]
ONLY_WALKS, ONLY_PLANES = ("steps", "path", "loop", "fps", "scale"), ("range_", "grid")


def interpolate(
    ctx: typer.Context,
    ref: RefArg,
    z_seeds: ZSeedsOpt = None,
    steps: StepsOpt = None,
    path: PathOpt = None,
    loop: Annotated[
        bool, typer.Option("--loop", help="Return to the first seed at the end.")
    ] = False,
    label: WalkLabelOpt = None,
    plane: PlaneOpt = False,
    range_: RangeOpt = None,
    grid: Annotated[
        str, typer.Option(metavar="RxC", help="With --plane: rows and columns of the map.")
    ] = "20x20",
    out: AnimationOpt = None,
    fps: FpsOpt = 25,
    scale: ScaleOpt = None,
    device: DeviceOpt = "auto",
) -> None:
    """Animate the noise: walk from seed to seed, each picture blending into the next.

    Example: gan interpolate dcgan --z-seeds 3,7,12 --loop --out walk.gif
    """
    if plane:
        refuse(ctx, ONLY_WALKS, "does not apply with --plane")
    else:
        refuse(ctx, ONLY_PLANES, "applies only with --plane")
    file, header = choose(ref)
    labels = parsing.walk_labels(header, label)
    if plane and label and len(labels) > 1:
        raise UsageError("--plane shows only one class.", hint="--label 3 --plane")
    z_seeds = z_seeds or ("0-2" if plane else "0-3")
    seeds = parsing.numbers(z_seeds, "--z-seeds")
    target = out or Path(f"{stem(file)}-plane.png" if plane else f"{stem(file)}-walk.gif")
    if plane:
        two_dimensional = header.settings["z_dim"] == 2
        _plane(ctx, file, two_dimensional, seeds, labels, target)
        return
    if len(seeds) < 2:
        raise UsageError("A walk needs at least two seeds.", hint="--z-seeds 3,7")
    formats.writer_for(target, fps)
    count = steps or parsing.steps(target)
    from gancli.sampling import films, generator

    loaded = generator.load(file, device)
    recipe = recipes.recipe(ctx, loaded, ONLY_PLANES, z_seeds=z_seeds, steps=count)
    films.interpolate(loaded, seeds, count, path, loop, labels).save(target, fps, scale, recipe)
    console.result(str(target))


def _plane(
    ctx: typer.Context,
    file: Path,
    two_dimensional: bool,
    seeds: list[int],
    labels: list[int],
    out: Path,
) -> None:
    """Draw the map of `gan interpolate --plane`; of z itself if that is `two_dimensional`."""
    typed = ctx.params
    if not two_dimensional and len(seeds) != 3:
        raise UsageError(
            f"--plane needs exactly three seeds, not {len(seeds)}.",
            hint="--z-seeds 3,7,12 --plane",
        )
    span = (-1.0, 1.0) if two_dimensional else (0.0, 1.0)
    low, high = parsing.span(typed["range_"]) if typed["range_"] else span
    outputs.check_picture(out)
    from gancli.sampling import films, generator

    loaded = generator.load(file, typed["device"])
    resolved = {"z_seeds": typed["z_seeds"] or "0-2", "range_": f"{low:g},{high:g}"}
    recipe = recipes.recipe(ctx, loaded, ONLY_WALKS, **resolved)
    cells, label = parsing.grid(typed["grid"]), labels[0] if labels else None
    films.save_plane(loaded, seeds, cells, (low, high), label, out, recipe)
    console.result(str(out))
