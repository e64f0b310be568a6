"""The commands. Each checks what was typed, calls one function and prints one result.

Nothing imported at the top imports torch: `gan --help` answers at once.
"""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

import typer

import gancli
from gancli import checkpoint, console, datasets, files, registry
from gancli.config import Job, numbers
from gancli.errors import GanError, UsageError

app = typer.Typer(
    help="Train the classic GANs and play with what they learned.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
datasets_app = typer.Typer(help="List, fetch and look at data sets.", no_args_is_help=True)
app.add_typer(datasets_app, name="datasets")


Device = Literal["auto", "cuda", "mps", "cpu"]
Precision = Literal["auto", "fp32", "bf16"]
Preset = Literal["default", "paper"]
Broken = Literal["skip", "refuse"]


def _listed(kind: str) -> str:
    return ", ".join(name for name in registry.names(kind) if name != "folder")


RefArg = Annotated[
    str,
    typer.Argument(
        metavar="REF",
        help="A generator file, a run folder, or the name of a run, model or data set.",
    ),
]
NameArg = Annotated[str, typer.Argument(metavar="NAME", help=f"One of: {_listed('datasets')}.")]
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
SeedOpt = Annotated[int, typer.Option("--seed", min=0, help="Same seed, same result.")]
JsonOpt = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        console.result(f"gan {gancli.__version__}")
        raise typer.Exit()


@app.command()
def train(
    model: Annotated[str, typer.Argument(metavar="MODEL", help=f"One of: {_listed('models')}.")],
    dataset: Annotated[
        str,
        typer.Option(
            "--dataset",
            metavar="NAME|FOLDER",
            help=f"{_listed('datasets')}, or a folder of pictures.",
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
    seed: SeedOpt = 0,
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
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Start the run over instead of going on with it.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the resolved configuration and stop.")
    ] = False,
    preview: Annotated[
        bool, typer.Option("--preview", help="Draw samples in the terminal after each epoch.")
    ] = False,
) -> None:
    """Train MODEL, or go on with a run that was stopped.

    Example: gan train dcgan --dataset fashion-mnist --epochs 25
    """
    typed = {"epochs": epochs, "batch_size": batch_size, "lr": lr, "z_dim": z_dim, "seed": seed}
    job = Job(
        model=model,
        dataset=dataset,
        typed={**_pairs(set_ or []), **{k: v for k, v in typed.items() if v is not None}},
        preset=preset,
        image_size=image_size,
        device=device,
        precision=precision,
        out=out,
        data_dir=data_dir,
        broken=broken,
        fresh=fresh,
        evaluate_every=evaluate_every,
    )
    datasets.check(dataset)
    _train(job, dry_run, preview)


def _train(job: Job, dry_run: bool, preview: bool) -> None:
    from gancli.run import Run

    with console.progress() as show:
        run = Run(job, console.say, show)
    if dry_run:
        console.result(json.dumps(run.plan(), indent=2))
        return
    try:
        run.begin()
        with console.training(run.trainer) as show:
            for report in run.train():
                show(report)
                if preview and report.epoch_ended:
                    console.show_picture(run.grid)
    except KeyboardInterrupt:
        console.say(f"Stopped and saved in {run.folder}; the same command goes on.")
        raise typer.Exit(130) from None
    console.result(str(run.folder))


@app.command()
def sample(
    ref: RefArg,
    count: Annotated[
        int | None,
        typer.Option(
            "-n", "--count", min=1, help="How many pictures: seeds 0 to N-1.", show_default="64"
        ),
    ] = None,
    seeds: Annotated[
        str | None, typer.Option(metavar="LIST", help="Which pictures: 0-63 or 3,7,12.")
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
    chosen = _seeds(count, seeds)
    file = checkpoint.find(ref)
    header = checkpoint.read_header(file)
    target = out or Path(
        f"{file.parent.name if file.name == checkpoint.GENERATOR else file.stem}-samples.png"
    )
    _png_or_folder(target)
    console.say(f"{file}: {_describe(header)}.")
    from gancli import play

    play.save_samples(play.load(file, device), chosen, target)
    console.result(str(target))


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
    file = checkpoint.find(ref)
    checkpoint.read_header(file)
    from gancli import play

    found = play.evaluate(
        file, samples=samples, seed=seed, device=device, data_dir=data_dir, say=console.say
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
def datasets_download(name: NameArg, data_dir: DataDirOpt = None) -> None:
    """Fetch a data set, from the first source that verifies, into the data folder."""
    module = _dataset(name)
    if not hasattr(module, "download"):
        raise UsageError(f"{name} needs no download.", hint=f"gan datasets preview {name}")
    with console.progress() as show:
        folder = module.download(datasets.places(data_dir), console.say, show)
    console.result(str(folder))


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
    from gancli import play

    with console.progress() as show:
        play.preview(name, out, data_dir, console.say, show)
    console.result(str(out))


def main() -> None:
    """The entry point: runs a command and says what went wrong, in one sentence."""
    try:
        app()
    except GanError as error:
        _end(error, error)
    except Exception as error:  # the last line of defence: no traceback reaches a user
        hint = "GAN_DEBUG=1 in front of the command shows where"
        _end(error, GanError(_sentence(error), hint))


def _end(error: Exception, said: GanError) -> NoReturn:
    if os.environ.get("GAN_DEBUG"):
        raise error
    console.fail(said)
    raise SystemExit(said.exit_code)


def _sentence(error: Exception) -> str:
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return "There is not enough memory: try a smaller --batch-size or --image-size."
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


def _pairs(items: list[str]) -> dict[str, str]:
    """`["width=32"]` as {"width": "32"}."""
    for item in items:
        if "=" not in item or item.startswith("="):
            raise UsageError(f"--set takes KEY=VALUE, not {item!r}.", hint="--set width=32")
    return dict(item.split("=", 1) for item in items)


def _seeds(count: int | None, seeds: str | None) -> list[int]:
    if seeds is None:
        return list(range(count or 64))
    chosen = numbers(seeds, "--seeds")
    if count is not None and count != len(chosen):
        raise UsageError(
            f"-n {count} and --seeds {seeds} ({len(chosen)} seeds) do not agree.",
            hint=f"--seeds {seeds}",
        )
    return chosen


def _png_or_folder(out: Path, folder: bool = True) -> None:
    if out.suffix.lower() != ".png" and (out.suffix or not folder):
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
