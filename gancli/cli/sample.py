"""`gan sample`, `gan sweep` and `gan interpolate`: pictures and films from a generator's file."""

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
        max=parsing.MOST,
        help="How many pictures: seeds 0 to N-1.",
        show_default="64",
    ),
]
SeedsOpt = Annotated[
    str | None, typer.Option(metavar="LIST", help="Which pictures: 0-63 or 3,7,12.")
]
LabelOpt = Annotated[
    str | None,
    typer.Option(
        "--label",
        metavar="LIST",
        help="Classes by name or number: 3, 0-9, sneaker, all. A row for each.",
    ),
]
PerClassOpt = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=parsing.MOST,
        help="With --label: how many pictures of each class.",
        show_default="10",
    ),
]
LikeOpt = Annotated[
    Path | None,
    typer.Option("--like", metavar="PICTURE", help="Make a picture again from the recipe in it."),
]
SamplesOpt = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="FILE|DIR",
        help="A .png for a grid; a folder for single pictures.",
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
    """Make pictures from a trained generator: picture i depends on seed i alone.

    Example: gan sample dcgan --seeds 0-63 --out grid.png
    """
    if like is not None:
        options = ("count", "seeds", "label", "per_class")
        refuse(ctx, options, "is in the recipe of --like already")
        recipes.again(ctx, like, ref, out, device)
        return
    if count and per_class:
        raise UsageError("-n and --per-class both say how many: one of them.")
    if ref is None:
        raise UsageError(
            "Which generator? Name a file, a run folder, or a run.", hint="gan sample --help"
        )
    chosen = parsing.seeds(count or per_class, seeds, otherwise=10 if label else 64)
    file, header = choose(ref)
    labels = parsing.labels(header, label, "--label") if label else []
    if per_class and not labels:
        raise UsageError(
            "--per-class goes with --label.", hint=f"--label all --per-class {per_class}"
        )
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
        int, typer.Option("--z-seed", min=0, max=LAST_SEED, help="The noise that is held.")
    ] = 0,
    classes: Annotated[
        str, typer.Option(metavar="LIST", help="Classes to pass, by name or number, in order.")
    ] = "all",
    steps: StepsOpt = None,
    grid: Annotated[
        str, typer.Option(metavar="RxC", help="Rows and columns of noises held, from --z-seed on.")
    ] = "1x1",
    out: AnimationOpt = None,
    fps: FpsOpt = 25,
    scale: ScaleOpt = None,
    device: DeviceOpt = "auto",
) -> None:
    """Hold the noise and let the label move smoothly through the classes.

    Example: gan sweep acgan --z-seed 3 --out sweep.gif
    """
    file, header = choose(ref)
    otherwise = f"gan interpolate {ref} --z-seeds 3,7,12"
    passed = parsing.labels(header, classes, "--classes", otherwise)
    if len(passed) < 2:
        raise UsageError("A sweep needs two classes or more.", hint="--classes all")
    rows, columns = parsing.grid(grid)
    target = out or Path(f"{stem(file)}-sweep.gif")
    formats.writer_for(target, fps)
    count = steps or parsing.steps(target)
    from gancli.sampling import films, generator

    loaded = generator.load(file, device)
    seeds = range(z_seed, z_seed + rows * columns)
    film = films.sweep(loaded, seeds, passed, count, columns)
    film.save(target, fps, scale, recipes.recipe(ctx, loaded, steps=count))
    console.result(str(target))


ZSeedsOpt = Annotated[
    str | None,
    typer.Option(
        "--z-seeds",
        metavar="LIST",
        help="Seeds to walk past: 3,7,12.",
        show_default="0-3; 0-2 with --plane",
    ),
]
PathOpt = Annotated[
    Literal["slerp", "lerp"] | None,
    typer.Option(help="Along arcs or straight lines.", show_default="what suits the model's noise"),
]
WalkLabelOpt = Annotated[
    str | None,
    typer.Option(
        "--label",
        "--labels",
        metavar="LIST",
        help="The class to show, several, or all, side by side.",
        show_default="all, where the model has labels",
    ),
]
PlaneOpt = Annotated[
    bool,
    typer.Option(
        "--plane",
        help="A map: all of a z of two numbers, else the plane through three seeds.",
    ),
]
RangeOpt = Annotated[
    str | None,
    typer.Option(
        "--range",
        metavar="LOW,HIGH",
        help="With --plane: what it spans.",
        show_default="-1,1 of z; 0,1 from seed to seed",
    ),
]
ONLY_WALKS, ONLY_PLANES = ("steps", "path", "loop", "fps", "scale"), ("range_", "grid")


def interpolate(
    ctx: typer.Context,
    ref: RefArg,
    z_seeds: ZSeedsOpt = None,
    steps: StepsOpt = None,
    path: PathOpt = None,
    loop: Annotated[bool, typer.Option("--loop", help="Walk back to the first seed.")] = False,
    label: WalkLabelOpt = None,
    plane: PlaneOpt = False,
    range_: RangeOpt = None,
    grid: Annotated[
        str, typer.Option(metavar="RxC", help="With --plane: rows and columns.")
    ] = "20x20",
    out: AnimationOpt = None,
    fps: FpsOpt = 25,
    scale: ScaleOpt = None,
    device: DeviceOpt = "auto",
) -> None:
    """Walk from picture to picture: a film, or a strip where --out is a .png.

    Example: gan interpolate dcgan --z-seeds 3,7,12 --loop --out walk.gif
    """
    if plane:
        refuse(ctx, ONLY_WALKS, "is of a walk, not of --plane")
    else:
        refuse(ctx, ONLY_PLANES, "goes with --plane")
    file, header = choose(ref)
    labels = parsing.walk_labels(header, label)
    if plane and label and len(labels) > 1:
        raise UsageError("--plane shows one class.", hint="--label 3 --plane")
    z_seeds = z_seeds or ("0-2" if plane else "0-3")
    seeds = parsing.numbers(z_seeds, "--z-seeds")
    target = out or Path(f"{stem(file)}-plane.png" if plane else f"{stem(file)}-walk.gif")
    if plane:
        flat = header.settings["z_dim"] == 2
        _plane(ctx, file, flat, seeds, labels, target)
        return
    if len(seeds) < 2:
        raise UsageError("A walk needs two seeds or more.", hint="--z-seeds 3,7")
    formats.writer_for(target, fps)
    count = steps or parsing.steps(target)
    from gancli.sampling import films, generator

    loaded = generator.load(file, device)
    recipe = recipes.recipe(ctx, loaded, ONLY_PLANES, z_seeds=z_seeds, steps=count)
    films.interpolate(loaded, seeds, count, path, loop, labels).save(target, fps, scale, recipe)
    console.result(str(target))


def _plane(
    ctx: typer.Context, file: Path, flat: bool, seeds: list[int], labels: list[int], out: Path
) -> None:
    """Draw the plane of `interpolate`, of a z of two numbers if it is `flat`."""
    typed = ctx.params
    if not flat and len(seeds) != 3:
        raise UsageError("A plane needs three seeds.", hint="--z-seeds 3,7,12 --plane")
    span = (-1.0, 1.0) if flat else (0.0, 1.0)
    low, high = parsing.span(typed["range_"]) if typed["range_"] else span
    outputs.check_picture(out)
    from gancli.sampling import films, generator

    loaded = generator.load(file, typed["device"])
    resolved = {"z_seeds": typed["z_seeds"] or "0-2", "range_": f"{low:g},{high:g}"}
    recipe = recipes.recipe(ctx, loaded, ONLY_WALKS, **resolved)
    cells, label = parsing.grid(typed["grid"]), labels[0] if labels else None
    films.save_plane(loaded, seeds, cells, (low, high), label, out, recipe)
    console.result(str(out))
