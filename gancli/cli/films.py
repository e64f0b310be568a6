"""`gan sweep` and `gan interpolate`: animations of a generator, and maps of its latent space."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from gancli import formats
from gancli.cli import outputs, parsing, recipes, viewers
from gancli.cli.generators import choose, stem
from gancli.cli.options import (
    AnimationOpt,
    DeviceOpt,
    FpsOpt,
    JsonOpt,
    LabelsOpt,
    ModelFileOpt,
    OpenOpt,
    OptionalRefArg,
    ScaleOpt,
    ShowOpt,
    StepsOpt,
    refuse,
)
from gancli.sampling import choices

if TYPE_CHECKING:
    from gancli.sampling.films import Film


def sweep(
    ctx: typer.Context,
    ref: OptionalRefArg = None,
    seeds: Annotated[
        str,
        typer.Option(
            metavar="LIST",
            help="Seeds of the noise that stays fixed, one picture each, side by side: 3 or 3,7.",
        ),
    ] = "0",
    labels: Annotated[
        str,
        typer.Option(
            metavar="LIST", help="Classes to pass through, by name or number, in this order."
        ),
    ] = "all",
    steps: StepsOpt = None,
    grid: Annotated[
        str | None,
        typer.Option(
            metavar="RxC",
            help="Rows and columns of pictures in a frame; seeds count up from that in --seeds.",
            show_default="one row",
        ),
    ] = None,
    out: AnimationOpt = None,
    fps: FpsOpt = 25,
    scale: ScaleOpt = None,
    show: ShowOpt = False,
    open_: OpenOpt = False,
    json_: JsonOpt = False,
    model_file: ModelFileOpt = None,
    device: DeviceOpt = "auto",
) -> None:
    """Animate the label: keep the noise fixed and blend from class to class.

    Example: gan sweep acgan --seeds 3 --out sweep.gif
    """
    chosen, columns = choices.sweep_seeds(seeds, grid)
    file, header = choose(ref, model_file, labelled=True)
    classes = choices.sweep_classes(header, labels, ref or str(file))
    target = out or outputs.unused(f"{stem(file)}-sweep.gif")
    formats.writer_for(target, fps)
    count = steps or parsing.steps(target)
    from gancli.sampling import films, generator

    loaded = generator.load(file, device, model_file)
    film = films.sweep(loaded, chosen, classes, count, columns)
    _save(ctx, film, target, file, steps=count)


SeedsOpt = Annotated[
    str | None,
    typer.Option(
        "--seeds",
        metavar="LIST",
        help="Seeds to walk through, in this order: 3,7,12.",
        show_default="0-3, or 0-2 with --plane",
    ),
]
PathOpt = Annotated[
    Literal["slerp", "lerp"] | None,
    typer.Option(
        metavar="slerp|lerp",
        help="How to get from seed to seed: along an arc (slerp) or a straight line (lerp).",
        show_default="slerp for normal noise, lerp for uniform noise",
    ),
]
PlaneOpt = Annotated[
    bool,
    typer.Option(
        "--plane",
        metavar="",
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
ONLY_WALKS, ONLY_PLANES = ("steps", "path", "loop", "fps"), ("range_", "grid")


def interpolate(
    ctx: typer.Context,
    ref: OptionalRefArg = None,
    seeds: SeedsOpt = None,
    steps: StepsOpt = None,
    path: PathOpt = None,
    loop: Annotated[
        bool, typer.Option("--loop", metavar="", help="Return to the first seed at the end.")
    ] = False,
    labels: LabelsOpt = None,
    plane: PlaneOpt = False,
    range_: RangeOpt = None,
    grid: Annotated[
        str, typer.Option(metavar="RxC", help="With --plane: rows and columns of the map.")
    ] = "20x20",
    out: AnimationOpt = None,
    fps: FpsOpt = 25,
    scale: ScaleOpt = None,
    show: ShowOpt = False,
    open_: OpenOpt = False,
    json_: JsonOpt = False,
    model_file: ModelFileOpt = None,
    device: DeviceOpt = "auto",
) -> None:
    """Animate the noise: walk from seed to seed, each picture blending into the next.

    Example: gan interpolate dcgan --seeds 3,7,12 --loop --out walk.gif
    """
    if plane:
        refuse(ctx, ONLY_WALKS, "does not apply with --plane")
    else:
        refuse(ctx, ONLY_PLANES, "applies only with --plane")
    file, header = choose(ref, model_file)
    target = out or outputs.unused(f"{stem(file)}-{'plane.png' if plane else 'walk.gif'}")
    if plane:
        _plane(ctx, file, choices.plane(header, seeds, labels, range_, grid), target)
        return
    walk = choices.walk(header, seeds, labels)
    formats.writer_for(target, fps)
    count = steps or parsing.steps(target)
    from gancli.sampling import films, generator

    loaded = generator.load(file, device, model_file)
    film = films.interpolate(loaded, walk.seeds, count, path, loop, walk.labels)
    _save(ctx, film, target, file, ONLY_PLANES, seeds=walk.seed_words, steps=count)


def _save(
    ctx: typer.Context,
    film: "Film",
    target: Path,
    file: Path,
    leave_out: tuple[str, ...] = (),
    **resolved: Any,
) -> None:
    """Write `film` of the generator in `file` with its recipe, and present it."""
    recipe = recipes.recipe(ctx, film.generator, leave_out, **resolved)
    fps, scale = ctx.params["fps"], ctx.params["scale"]
    replace(film, fps=fps, scale=scale, recipe=recipe).save(target)
    _present(ctx, target, file)


def _plane(ctx: typer.Context, file: Path, plane: choices.Plane, out: Path) -> None:
    """Draw the map of `gan interpolate --plane`."""
    outputs.check_picture(out)
    from gancli.sampling import films, generator

    loaded = generator.load(file, ctx.params["device"], ctx.params["model_file"])
    recipe = recipes.recipe(ctx, loaded, ONLY_WALKS, seeds=plane.seed_words, range_=plane.range)
    replace(films.plane(loaded, plane), scale=ctx.params["scale"], recipe=recipe).save(out)
    _present(ctx, out, file)


def _present(ctx: typer.Context, result: Path, file: Path) -> None:
    viewers.present(result, file, *(ctx.params[name] for name in ("json_", "show", "open_")))
