"""The commands. Each checks what was typed, calls one function and prints one result.

Nothing imported at the top imports torch: `gan --help` answers at once.
"""

import atexit
import json
import os
import re
import shlex
import signal
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

import typer

import gancli
from gancli import datasets, files, formats, registry, weights
from gancli.cli import console, parsing
from gancli.cli.options import (
    REF_HELP,
    AnimationOpt,
    Broken,
    DataDirOpt,
    Device,
    DeviceOpt,
    DirectionOpt,
    FpsOpt,
    JsonOpt,
    NameArg,
    Precision,
    Preset,
    RefArg,
    ScaleOpt,
    SeedOpt,
    StepsOpt,
    listed,
)
from gancli.config import DIRECTIONS, LAST_SEED, Job, check_size
from gancli.data.pictures import places as data_folders
from gancli.errors import STOPPED, DataError, GanError, UsageError

EMPTY = re.compile("--[^=]*=")  # an option that was given nothing

app = typer.Typer(
    help="Train the classic GANs and play with what they learned.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
datasets_app = typer.Typer(help="List, fetch and look at data sets.", no_args_is_help=True)
app.add_typer(datasets_app, name="datasets")
# click's ClickException, or typer's own of that name: which, depends on the version.
_Refusal: Any = typer.BadParameter.__mro__[2]


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        console.result(f"gan {gancli.__version__}")
        raise typer.Exit()


@app.command()
def train(
    model: Annotated[str, typer.Argument(metavar="MODEL", help=f"One of: {listed('models')}.")],
    dataset: Annotated[
        str,
        typer.Option(
            "--dataset",
            metavar="NAME|FOLDER",
            help=f"{listed('datasets')}, or a folder of pictures.",
        ),
    ],
    epochs: Annotated[
        int | None, typer.Option(help="Passes over the pictures.", show_default="the model's")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Pictures a step.", show_default="the model's")
    ] = None,
    lr: Annotated[
        float | None, typer.Option(help="Adam's learning rate.", show_default="the model's")
    ] = None,
    image_size: Annotated[
        int | None,
        typer.Option(
            help="Height and width in pixels: a multiple of 4 from 16 to 256.",
            show_default="the data set's",
        ),
    ] = None,
    z_dim: Annotated[
        int | None, typer.Option(help="Length of the noise vector.", show_default="the model's")
    ] = None,
    direction: DirectionOpt = None,
    seed: Annotated[
        int | None,
        typer.Option(min=0, max=LAST_SEED, help="Same seed, same result.", show_default="0"),
    ] = None,
    device: DeviceOpt = "auto",
    precision: Annotated[
        Precision, typer.Option(help="Number format; auto tries bf16 and keeps it where it pays.")
    ] = "auto",
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN_DIR", help="Where the run is kept.", show_default="runs/MODEL-DATASET"
        ),
    ] = None,
    data_dir: DataDirOpt = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Any other setting; --dry-run lists them. May be repeated.",
        ),
    ] = None,
    preset: Annotated[
        Preset, typer.Option(help="Today's well-behaved recipe, or the paper's own.")
    ] = "default",
    broken: Annotated[
        Broken, typer.Option(help="What to do about unreadable pictures in a folder.")
    ] = "skip",
    evaluate_every: Annotated[
        int, typer.Option(metavar="N", min=0, help="Measure the samples every N epochs; 0: never.")
    ] = 0,
    stream: Annotated[
        bool | None,
        typer.Option(
            "--stream/--no-stream",
            help="Read pictures from disk as they are needed, or hold them in memory.",
            show_default="by the room there is",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=0,
            help="With --stream: processes that read ahead; 0: none.",
            show_default="2 for a GPU, else 0",
        ),
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Start the run over instead of going on with it.")
    ] = False,
    capture: Annotated[
        bool,
        typer.Option(
            " /--no-capture", help="On a GPU: launch each operation anew, without a CUDA graph."
        ),
    ] = True,
    compile_: Annotated[
        bool,
        typer.Option(
            "--compile/--no-compile",
            help="Run the networks through torch.compile: minutes at first; try whether it pays.",
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the resolved configuration and stop.")
    ] = False,
    preview: Annotated[
        bool, typer.Option("--preview", help="Draw samples in the terminal after each epoch.")
    ] = False,
    devices: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=1,
            help="Processes that share each batch, one a GPU; torchrun says it instead.",
        ),
    ] = 1,
    max_restarts: Annotated[
        int,
        typer.Option(
            metavar="N", min=0, help="With --devices: how often to replace a lost process."
        ),
    ] = 3,
) -> None:
    """Train MODEL, or go on with a run that was stopped.

    Example: gan train dcgan --dataset fashion-mnist --epochs 25
    """
    typed = {"epochs": epochs, "batch_size": batch_size, "lr": lr, "z_dim": z_dim, "seed": seed}
    job = Job(
        model=model,
        dataset=dataset,
        typed={**parsing.pairs(set_ or []), **{k: v for k, v in typed.items() if v is not None}},
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
    datasets.check(dataset, job.pairs)
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # its warnings come with stack traces
    from gancli import hardware
    from gancli.training import distributed, launch

    place = hardware.device(device)
    if devices > 1 and not distributed.launched():
        launch.check_devices(devices, place)
        if not dry_run:
            _launch(job, max_restarts)
            return
    with distributed.joined(place):
        if not distributed.first():
            console.hush()
        _train(replace(job, fresh=fresh and not distributed.again()), dry_run, preview)


def _launch(job: Job, restarts: int) -> None:
    from gancli.training import launch, run

    run.settle(job)  # what is wrong is said here, once
    record = job.folder / "run.json"
    launch.launch(sys.argv[1:], job.devices, restarts, record, console.say)


def _train(job: Job, dry_run: bool, preview: bool) -> None:
    from gancli.training.run import Run, Stopped

    with console.progress() as show:
        run = Run(job, console.say, show)
    if dry_run:
        console.result(json.dumps(run.plan(), indent=2))
        return
    run.begin()
    try:
        with console.training(run.trainer) as show:
            for report in run.train():
                show(report)
                if preview and report.epoch_ended:
                    console.show_picture(run.grid)
    except Stopped:
        console.say(f"Stopped and saved in {run.folder}; the same command goes on.")
        raise typer.Exit(STOPPED) from None
    console.result(str(run.folder))


@app.command()
def sample(
    ctx: typer.Context,
    ref: Annotated[
        str | None, typer.Argument(metavar="REF", help=REF_HELP, show_default=False)
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(
            "-n",
            "--count",
            min=1,
            max=parsing.MOST,
            help="How many pictures: seeds 0 to N-1.",
            show_default="64",
        ),
    ] = None,
    seeds: Annotated[
        str | None, typer.Option(metavar="LIST", help="Which pictures: 0-63 or 3,7,12.")
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(
            "--label",
            metavar="LIST",
            help="Classes by name or number: 3, 0-9, sneaker, all. A row for each.",
        ),
    ] = None,
    per_class: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=parsing.MOST,
            help="With --label: how many pictures of each class.",
            show_default="10",
        ),
    ] = None,
    like: Annotated[
        Path | None,
        typer.Option(
            "--like", metavar="PICTURE", help="Make a picture again from the recipe in it."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE|DIR",
            help="A .png for a grid; a folder for single pictures.",
            show_default="REF-samples.png",
        ),
    ] = None,
    device: DeviceOpt = "auto",
) -> None:
    """Make pictures from a trained generator: picture i depends on seed i alone.

    Example: gan sample dcgan --seeds 0-63 --out grid.png
    """
    if like is not None:
        _refuse(ctx, ("count", "seeds", "label", "per_class"), "is in the recipe of --like already")
        _again(like, ref, out, device)
        return
    if count and per_class:
        raise UsageError("-n and --per-class both say how many: one of them.")
    if ref is None:
        raise UsageError(
            "Which generator? Name a file, a run folder, or a run.", hint="gan sample --help"
        )
    chosen = parsing.seeds(count or per_class, seeds, otherwise=10 if label else 64)
    file, header = _generator(ref)
    labels = parsing.labels(header, label, "--label") if label else []
    if per_class and not labels:
        raise UsageError(
            "--per-class goes with --label.", hint=f"--label all --per-class {per_class}"
        )
    target = out or Path(f"{_stem(file)}-samples.png")
    _png_or_folder(target)
    from gancli.sampling import generator

    loaded = generator.load(file, device)
    arguments = ["--seeds", seeds or f"0-{len(chosen) - 1}", *(["--label", label] if label else [])]
    generator.save_samples(loaded, chosen, labels, target, _recipe(loaded, "sample", arguments))
    console.result(str(target))


@app.command()
def sweep(
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
    file, header = _generator(ref)
    passed = parsing.labels(
        header, classes, "--classes", otherwise=f"gan interpolate {ref} --z-seeds 3,7,12"
    )
    if len(passed) < 2:
        raise UsageError("A sweep needs two classes or more.", hint="--classes all")
    rows, columns = parsing.grid(grid)
    target = out or Path(f"{_stem(file)}-sweep.gif")
    formats.writer_for(target, fps)
    count = steps or parsing.steps(target)
    from gancli.sampling import generator

    loaded = generator.load(file, device)
    seeds = range(z_seed, z_seed + rows * columns)
    arguments = [
        "--z-seed",
        str(z_seed),
        "--classes",
        classes,
        "--steps",
        str(count),
        "--grid",
        grid,
    ]
    arguments += _shown_as(fps, scale)
    film = generator.sweep(loaded, seeds, passed, count, columns)
    film.save(target, fps, scale, _recipe(loaded, "sweep", arguments))
    console.result(str(target))


@app.command()
def interpolate(
    ctx: typer.Context,
    ref: RefArg,
    z_seeds: Annotated[
        str | None,
        typer.Option(
            "--z-seeds",
            metavar="LIST",
            help="Seeds to walk past: 3,7,12.",
            show_default="0-3; 0-2 with --plane",
        ),
    ] = None,
    steps: StepsOpt = None,
    path: Annotated[
        Literal["slerp", "lerp"] | None,
        typer.Option(
            help="Along arcs or straight lines.", show_default="what suits the model's noise"
        ),
    ] = None,
    loop: Annotated[bool, typer.Option("--loop", help="Walk back to the first seed.")] = False,
    label: Annotated[
        str | None,
        typer.Option(
            "--label",
            "--labels",
            metavar="LIST",
            help="The class to show, several, or all, side by side.",
            show_default="all, where the model has labels",
        ),
    ] = None,
    plane: Annotated[
        bool,
        typer.Option(
            "--plane",
            help="A map: all of a z of two numbers, else the plane through three seeds.",
        ),
    ] = False,
    range_: Annotated[
        str | None,
        typer.Option(
            "--range",
            metavar="LOW,HIGH",
            help="With --plane: what it spans.",
            show_default="-1,1 of z; 0,1 from seed to seed",
        ),
    ] = None,
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
        _refuse(ctx, ("steps", "path", "loop", "fps", "scale"), "is of a walk, not of --plane")
    else:
        _refuse(ctx, ("range_", "grid"), "goes with --plane")
    file, header = _generator(ref)
    labels = parsing.walk_labels(header, label)
    if plane and label and len(labels) > 1:
        raise UsageError("--plane shows one class.", hint="--label 3 --plane")
    z_seeds = z_seeds or ("0-2" if plane else "0-3")
    seeds = parsing.numbers(z_seeds, "--z-seeds")
    kind = "plane" if plane else "walk"
    target = out or Path(f"{_stem(file)}-{kind}.{'png' if plane else 'gif'}")
    arguments = ["--z-seeds", z_seeds, *(["--label", label] if label else [])]
    if plane:
        _plane(file, header, seeds, labels, target, grid, range_, device, arguments)
        return
    if len(seeds) < 2:
        raise UsageError("A walk needs two seeds or more.", hint="--z-seeds 3,7")
    formats.writer_for(target, fps)
    count = steps or parsing.steps(target)
    from gancli.sampling import generator

    loaded = generator.load(file, device)
    arguments += [
        "--steps",
        str(count),
        *(["--path", path] if path else []),
        *(["--loop"] if loop else []),
    ]
    arguments += _shown_as(fps, scale)
    film = generator.interpolate(loaded, seeds, count, path, loop, labels)
    film.save(target, fps, scale, _recipe(loaded, "interpolate", arguments))
    console.result(str(target))


def _plane(
    file: Path,
    header: dict[str, Any],
    seeds: list[int],
    labels: list[int],
    out: Path,
    grid: str,
    span: str | None,
    device: Device,
    arguments: list[str],
) -> None:
    two = header["settings"]["z_dim"] == 2
    if not two and len(seeds) != 3:
        raise UsageError("A plane needs three seeds.", hint="--z-seeds 3,7,12 --plane")
    low, high = parsing.span(span) if span else ((-1.0, 1.0) if two else (0.0, 1.0))
    _png_or_folder(out, folder=False)
    from gancli.sampling import generator

    loaded = generator.load(file, device)
    arguments += ["--plane", "--grid", grid, "--range", f"{low:g},{high:g}"]
    shown = labels[0] if labels else None
    recipe = _recipe(loaded, "interpolate", arguments)
    generator.save_plane(loaded, seeds, parsing.grid(grid), (low, high), shown, out, recipe)
    console.result(str(out))


@app.command()
def translate(
    ref: RefArg,
    inputs: Annotated[
        list[str],
        typer.Argument(metavar="INPUT...", help="Pictures, folders, patterns or videos."),
    ],
    direction: DirectionOpt = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE|DIR", help="Where to.", show_default="in-A2B.png beside in.jpg"
        ),
    ] = None,
    variations: Annotated[
        int,
        typer.Option(
            min=1, max=parsing.MOST, help="Results of each input, by seeds from --seed on."
        ),
    ] = 1,
    seed: SeedOpt = 0,
    paired: Annotated[
        bool,
        typer.Option("--paired", help="Inputs are pairs side by side; show input, output, truth."),
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite results.")] = False,
    device: DeviceOpt = "auto",
) -> None:
    """Translate pictures of any size with a generator that was trained on pairs.

    Example: gan translate facades --direction A2B in.jpg
    """
    file = weights.find_translator(ref, direction)
    header = weights.read_generator(file)
    console.say(f"{file}: {_describe(header)}.")
    turn = header["direction"]
    sources = parsing.inputs(inputs, skip=[f"-{d}" for d in DIRECTIONS])
    if paired and any(map(parsing.is_video, sources)):
        raise UsageError("--paired takes pictures, not videos.", hint="gan translate --help")
    targets = parsing.targets(sources, out, turn, variations)
    _spare([target for some in targets for target in some], force)
    for source, outs in zip(sources, targets, strict=True):
        if parsing.is_video(source):
            formats.writer_for(outs[0])  # what it needs is missed before any work
    from gancli.sampling import generator

    loaded = generator.load(file, device)
    if variations > 1 and not generator.varies(loaded):
        raise UsageError(
            f"{file} has no dropout: all its results are alike.", hint="--variations 1"
        )
    broken = []
    with console.progress() as show:
        for number, (source, outs) in enumerate(zip(sources, targets, strict=True), 1):
            try:
                _translate(loaded, source, outs, seed, paired)
            except DataError as error:
                broken.append(f"{source} ({error.message})")
                continue
            finally:
                show("translating", number, len(sources))
            for target in outs:
                console.result(str(target))
    if broken:
        raise DataError(f"Not translated: {'; '.join(broken)}.", hint="gan translate --help")


def _translate(loaded: Any, source: Path, outs: list[Path], seed: int, paired: bool) -> None:
    from gancli.sampling import generator

    def recipe(seed: int) -> dict[str, str]:
        asked = [source.name, *(["--paired"] if paired else []), "--seed", str(seed)]
        return _recipe(loaded, "translate", asked)

    if not parsing.is_video(source):
        generator.translate_picture(loaded, source, outs, seed, paired, recipe)
        return
    for k, out in enumerate(outs):
        generator.translate_video(loaded, source, out, seed + k, recipe(seed + k))


def _spare(targets: list[Path], force: bool) -> None:
    """Refuse, before any work, what cannot be written or would overwrite something."""
    there = [target for target in targets if target.exists()]
    if there and not force:
        more = f" and {len(there) - 1} more" if len(there) > 1 else ""
        raise UsageError(f"{there[0]}{more} is there already.", hint="--force, or --out DIR")
    for target in targets:
        files.check_writable(target)


@app.command()
def evaluate(
    ref: RefArg,
    samples: Annotated[int, typer.Option(min=200, help="How many samples to measure.")] = 10_000,
    seed: SeedOpt = 0,
    device: DeviceOpt = "auto",
    data_dir: DataDirOpt = None,
    json_: JsonOpt = False,
) -> None:
    """Measure a generator: Fréchet distance of its samples to the test pictures, and more.

    Example: gan evaluate dcgan --json
    """
    file = weights.find(ref)
    weights.read_generator(file)
    from gancli.sampling import generator

    with console.progress() as show:
        found = generator.evaluate(
            file,
            samples=samples,
            seed=seed,
            device=device,
            data_dir=data_dir,
            say=console.say,
            progress=show,
        )
    if json_:
        console.result(json.dumps({"file": str(file), **asdict(found)}, indent=2))
    else:
        console.table(("measure", "value"), found.rows())


@datasets_app.command("list")
def datasets_list() -> None:
    """The data sets by name."""
    rows = [(n, registry.summary("datasets", n)) for n in registry.names("datasets")]
    console.table(("name", "what it is"), rows)


@datasets_app.command("info")
def datasets_info(name: NameArg, json_: JsonOpt = False) -> None:
    """What a data set holds, where it comes from, and its terms."""
    info = asdict(_dataset(name).INFO)
    if json_:
        console.result(json.dumps(info, indent=2))
        return
    shown = {k: ", ".join(v) if isinstance(v, tuple) else str(v) for k, v in info.items() if v}
    console.table(("", name), list(shown.items()))


@datasets_app.command("download")
def datasets_download(
    name: NameArg,
    from_: Annotated[
        Path | None,
        typer.Option("--from", metavar="FILE", help="The archive, where you have it already."),
    ] = None,
    data_dir: DataDirOpt = None,
) -> None:
    """Fetch a data set, from the first source that verifies, into the data folder."""
    module = _dataset(name)
    if not hasattr(module, "download"):
        raise UsageError(f"{name} needs no download.", hint=f"gan datasets preview {name}")
    if from_ and not hasattr(module, "adopt"):
        raise UsageError(f"{name} is no single archive.", hint=f"gan datasets download {name}")
    places = data_folders(data_dir)
    with console.progress() as show:
        if from_:
            folder = module.adopt(from_, places, console.say, show)
        else:
            folder = module.download(places, console.say, show)
    console.result(str(folder))


@datasets_app.command("check")
def datasets_check(
    path: Annotated[str, typer.Argument(metavar="FOLDER", help="A folder of pictures.")],
    json_: JsonOpt = False,
) -> None:
    """Name broken, duplicate, tiny, odd-channelled and unpaired files; exit 1 where one is broken.

    Example: gan datasets check ./pictures
    """
    folder = datasets.check(path)
    if folder is None:
        raise UsageError(f"{path} is a data set, no folder.", hint="gan datasets check ./pictures")
    from gancli.data import check

    with console.progress() as show:
        found = check.check(folder, show)
    if json_:
        console.result(json.dumps({"folder": str(folder), **asdict(found)}, indent=2))
    else:
        console.table(("", str(folder)), found.rows())
    if found.broken:
        raise typer.Exit(1)


@datasets_app.command("stats")
def datasets_stats(
    name: Annotated[
        str, typer.Argument(metavar="NAME|FOLDER", help="A data set, or a folder of pictures.")
    ],
    split: Annotated[
        Literal["train", "test"], typer.Option("--split", help="Which pictures.")
    ] = "train",
    image_size: Annotated[
        int | None, typer.Option(help="At which size in pixels.", show_default="the data set's")
    ] = None,
    data_dir: DataDirOpt = None,
    json_: JsonOpt = False,
) -> None:
    """What a model is to learn: counts, mean, spread and brightness, as training sees the pictures.

    Example: gan datasets stats glyphs
    """
    datasets.check(name)
    if image_size is not None:
        check_size(image_size)
    from gancli.data import stats

    places = data_folders(data_dir)
    with console.progress() as show:
        pictures = datasets.open_pictures(
            name, places, split, size=image_size, say=console.say, progress=show
        )
        found = stats.stats(pictures, show)
    for note in pictures.notes:
        console.say(note)
    if json_:
        console.result(json.dumps(asdict(found), indent=2))
    else:
        console.table(("", pictures.name), found.rows())


@datasets_app.command("preview")
def datasets_preview(
    name: Annotated[
        str, typer.Argument(metavar="NAME|FOLDER", help="A data set, or a folder of pictures.")
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="A .png of 64 training pictures.")
    ] = Path("preview.png"),
    data_dir: DataDirOpt = None,
) -> None:
    """Draw a grid of training pictures."""
    datasets.check(name)
    _png_or_folder(out, folder=False)
    from gancli.sampling import generator

    with console.progress() as show:
        generator.preview(name, out, data_dir, console.say, show)
    console.result(str(out))


def main() -> None:
    """The entry point: runs a command and says what went wrong, in one sentence."""
    try:
        _run()
    except SystemExit as end:
        one_of_several = os.environ.get("WORLD_SIZE", "1") != "1"
        if one_of_several or "torch.distributed.launcher.api" in sys.modules:
            # Threads of torch.distributed may outlive the interpreter, and abort. Another signal,
            # as the launcher sends its own, is none to heed any more.
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)
            atexit._run_exitfuncs()
            os._exit(int(end.code or 0))
        raise


def _run() -> NoReturn:
    try:
        if any(word == "" or EMPTY.fullmatch(word) for word in sys.argv[1:]):
            raise UsageError("A word of the command is empty: is a variable of the shell not set?")
        raise SystemExit(app(prog_name="gan", standalone_mode=False))
    except GanError as error:
        _end(error, error)
    except _Refusal as error:
        if not error.format_message():  # there was no command, and its help has been shown
            raise SystemExit(2) from None
        _end(error, _refused(error))
    except Exception as error:  # the last line of defence: no traceback reaches a user
        hint = "GAN_DEBUG=1 in front of the command shows where"
        _end(error, GanError(_sentence(error), hint))


def _refused(error: Any) -> GanError:
    """What typer says of words that it cannot read, said as all else is."""
    where = error.ctx.command_path if getattr(error, "ctx", None) else "gan"
    message = error.format_message().replace("Value error, ", "")
    stop = "" if message.endswith((".", "?")) else "."
    return UsageError(message + stop, hint=f"{where} --help")


def _end(error: Exception, said: GanError) -> NoReturn:
    if os.environ.get("GAN_DEBUG"):
        raise error
    console.fail(said)
    raise SystemExit(said.exit_code)


def _sentence(error: Exception) -> str:
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        training = "try a smaller --batch-size or --image-size"
        what = training if sys.argv[1:2] == ["train"] else "ask for fewer or smaller pictures"
        return f"There is not enough memory: {what}."
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'A file'}: {error.strerror}."
    return f"This should not have happened: {type(error).__name__}: {error}"


def _dataset(name: str) -> Any:
    registry.check("datasets", name)
    if name == "folder":
        raise UsageError(
            "A folder of pictures is named by its path.", hint="gan datasets preview ./pictures"
        )
    return registry.load("datasets", name)


def _generator(ref: str) -> tuple[Path, dict[str, Any]]:
    """The file that is meant and its header; what it is goes to stderr."""
    file = weights.find(ref)
    header = weights.read_generator(file)
    if header.get("direction"):
        raise UsageError(
            f"{file}, a {header['model']}, makes pictures from pictures.",
            hint=f"gan translate {ref} in.jpg",
        )
    console.say(f"{file}: {_describe(header)}.")
    return file, header


def _refuse(ctx: typer.Context, options: tuple[str, ...], why: str) -> None:
    """Raise UsageError where one of `options`, which would change nothing, was typed."""
    for name in options:
        source = ctx.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise UsageError(
                f"--{name.strip('_').replace('_', '-')} {why}.", hint=f"{ctx.command_path} --help"
            )


def _stem(file: Path) -> str:
    """What results made from a generator file are called."""
    names = {weights.GENERATOR: file.parent.name, weights.BEST: f"{file.parent.name}-best"}
    return names.get(file.name, file.stem)


def _recipe(loaded: Any, command: str, arguments: list[str]) -> dict[str, str]:
    """What a picture carries, so that `gan sample --like` can make it again."""
    return {
        "command": shlex.join(["gan", command, "REF", *arguments]),
        "model": loaded.header["model"],
        "sha256": weights.digest(loaded.path),
        "version": gancli.__version__,
    }


def _shown_as(fps: float, scale: int | None) -> list[str]:
    return ["--fps", f"{fps:g}", *(["--scale", str(scale)] if scale else [])]


def _again(picture: Path, ref: str | None, out: Path | None, device: Device) -> None:
    """Run the command in a picture's recipe with the generator that it was made by."""
    from gancli.images import read_recipe

    if not picture.is_file():
        raise UsageError(f"There is no picture {picture}.", hint="gan sample --help")
    recipe = read_recipe(picture) or {}
    try:
        arguments = shlex.split(recipe.get("command", ""))
    except ValueError:
        arguments = []
    if arguments[1:3] == ["translate", "REF"]:
        raise UsageError(f"{picture} was made of another picture.", hint="gan translate --help")
    whole = "sha256" in recipe and not any(word.startswith("--like") for word in arguments)
    drawn = arguments[1:2] in (["sample"], ["sweep"], ["interpolate"])
    if not (whole and drawn and arguments[2:3] == ["REF"]):
        raise UsageError(f"{picture} carries no recipe of gan.", hint="gan sample --help")
    file = weights.find(ref) if ref else weights.find_digest(recipe["sha256"])
    if weights.digest(file) != recipe["sha256"]:
        console.say(f"{file} is not the generator that made {picture}: the result will differ.")
    target = out or picture.with_stem(f"{picture.stem}-again")
    asked = [*arguments[3:], "--out", str(target), "--device", device]
    app([arguments[1], str(file), *asked], standalone_mode=False)


def _png_or_folder(out: Path, folder: bool = True) -> None:
    if folder and (out.is_dir() or not out.suffix):
        files.check_writable(out / "0.png")
        return
    if out.suffix.lower() != ".png":
        known = "a .png or a folder" if folder else "a .png"
        raise UsageError(f"--out {out} is not {known}.", hint=f"--out {out.with_suffix('.png')}")
    files.check_writable(out)


def _describe(header: dict[str, Any]) -> str:
    shape = header["shape"]
    colour = "gray" if shape["channels"] == 1 else "colour"
    return (
        f"{header['model']}, trained on {header['images_seen']:,} pictures of "
        f"{header['dataset']['name']}, {shape['size']}x{shape['size']} {colour}"
    )
