"""`gan datasets`: list, download, check and preview datasets."""

import json
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from gancli import datasets, points, registry
from gancli.cli import console, outputs
from gancli.cli.options import DataDirOpt, JsonOpt, NameArg, name_of
from gancli.data.pictures import Pictures, places
from gancli.errors import UsageError
from gancli.shape import check_size

app = typer.Typer(
    help="List, describe, download, check and preview datasets.", no_args_is_help=True
)
DatasetArg = Annotated[
    str,
    typer.Argument(
        metavar="NAME|FOLDER",
        help="A dataset, or a folder of pictures.",
        **name_of("datasets"),
    ),
]
SHOWN, SHOWN_PAIRS = 64, 20  # pictures, or pairs, in a preview
POINTS = 2000  # in a preview
ROWS, PER_CLASS = 20, 10  # of a preview of a dataset with classes: each has a row


@app.command("list")
def list_(json_: JsonOpt = False) -> None:
    """List the datasets that gan knows."""
    rows = {name: registry.summary("datasets", name) for name in registry.names("datasets")}
    if json_:
        console.result(json.dumps(rows, indent=2))
        return
    rows["folder"] = "Any folder of pictures; its sub-folders are the classes."
    console.table(("name", "description"), sorted(rows.items()))


@app.command()
def info(name: NameArg, json_: JsonOpt = False) -> None:
    """Show what a dataset contains, where it comes from and its terms of use."""
    if registry.is_outside("datasets", name):
        raise UsageError(
            f"{name} is not one of gan's own datasets, so its pictures are all that is known.",
            hint=f"gan datasets stats {name}",
        )
    if Path(name).is_dir() and name not in registry.names("datasets"):
        raise UsageError(
            f"{name} is a folder of pictures, so gan has no description of it.",
            hint=f"gan datasets stats {shlex.quote(name)}",
        )
    found = asdict(_module(name).INFO)
    if json_:
        console.result(json.dumps(found, indent=2))
        return
    shown = {k: ", ".join(v) if isinstance(v, tuple) else str(v) for k, v in found.items() if v}
    console.table(("", name), list(shown.items()))


@app.command()
def download(
    name: NameArg,
    from_: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="FILE",
            help="Archive of the dataset that you already have; nothing is downloaded.",
        ),
    ] = None,
    data_dir: DataDirOpt = None,
    json_: JsonOpt = False,
) -> None:
    """Download a dataset into the data folder and verify it."""
    module = _module(name)
    if not hasattr(module, "download"):
        raise UsageError(f"{name} does not need a download.", hint=f"gan datasets preview {name}")
    if from_ and not hasattr(module, "adopt"):
        raise UsageError(
            f"--from does not apply to {name}: it is not a single archive.",
            hint=f"gan datasets download {name}",
        )
    where = places(data_dir, console.say)
    with console.progress() as show:
        if from_:
            found = module.adopt(from_, where, console.say, show)
        else:
            found = module.download(where, console.say, show)
    console.result(json.dumps({"folder": str(found)}) if json_ else str(found))


@app.command()
def check(
    path: Annotated[str, typer.Argument(metavar="FOLDER", help="The folder of pictures to check.")],
    json_: JsonOpt = False,
) -> None:
    """Check a folder for broken, duplicate, tiny and unpaired files, and for unusual colour modes.

    A colour mode is unusual if most pictures have another, such as gray among colour pictures. If a
    file is broken, the exit code is 1.

    Example: gan datasets check ./pictures
    """
    if path not in registry.names("datasets") and not Path(path).expanduser().exists():
        raise UsageError(f"The folder {path} does not exist.", hint="gan datasets check ./pictures")
    root = datasets.find_folder(path)
    if root is None:
        what = "a file with points" if points.is_file(path) else "the name of a dataset"
        raise UsageError(
            f"{path} is {what}, not a folder.",
            hint="gan datasets check ./pictures",
        )
    from gancli.data.check import check as examine

    with console.progress() as show:
        found = examine(root, show)
    if json_:
        console.result(json.dumps({"folder": str(root), **asdict(found)}, indent=2))
    else:
        console.table(("", str(root)), found.rows())
    if found.broken:
        raise typer.Exit(1)


@app.command()
def stats(
    name: DatasetArg,
    split: Annotated[
        Literal["train", "test"],
        typer.Option("--split", metavar="train|test", help="The pictures to describe."),
    ] = "train",
    image_size: Annotated[
        int | None,
        typer.Option(
            help="Resize the pictures to this height and width in pixels first.",
            show_default="the dataset's",
        ),
    ] = None,
    data_dir: DataDirOpt = None,
    json_: JsonOpt = False,
) -> None:
    """Describe the pictures as training sees them: counts, mean, deviation and brightness.

    Example: gan datasets stats glyphs
    """
    datasets.find_folder(name)
    if points.has_points(name):
        raise UsageError(
            f"{name} has points in the plane, and these statistics are of pictures.",
            hint=f"gan datasets preview {shlex.quote(name)}",
        )
    if image_size is not None:
        check_size(image_size)
    from gancli.data.stats import stats as count

    where = places(data_dir, console.say)
    with console.progress() as show:
        pictures = datasets.open_pictures(
            name, where, split, size=image_size, say=console.say, progress=show
        )
        found = count(pictures, show)
    for note in pictures.notes:
        console.say(note)
    if json_:
        console.result(json.dumps(asdict(found), indent=2))
    else:
        console.table(("", pictures.name), found.rows())


@app.command()
def preview(
    name: DatasetArg,
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="The .png file to write.")
    ] = Path("preview.png"),
    data_dir: DataDirOpt = None,
    json_: JsonOpt = False,
) -> None:
    """Draw training pictures as a .png file: 64, or 20 pairs, or a row of 10 for each class.

    Points in the plane are drawn together.
    """
    datasets.find_folder(name)
    outputs.check_picture(out)
    from gancli import images

    with console.progress() as show:
        found = datasets.open_pictures(
            name, places(data_dir, console.say), say=console.say, progress=show
        )
    for note in found.notes:
        console.say(note)
    cells, rows = _preview(found)
    if rows:
        console.say(f"Rows: {', '.join(found.classes[:rows])}")
    images.save_png(out, images.grid(cells, rows=rows), follow_links=True)
    console.result(json.dumps({"files": [str(out)]}) if json_ else str(out))


def _preview(found: Pictures) -> tuple[Any, int | None]:
    """Return the pictures of a preview, uint8 (N, H, W, C), and the number of rows, if any."""
    import numpy as np

    if found.points:
        from gancli.sampling import plane

        real = found.images[:, 0, 0]
        return plane.draw(plane.Scene(half=plane.half_side(real), real=real[:POINTS]))[None], None
    if found.partners is not None:  # draw B to the right of A
        pairs = [found.images[:SHOWN_PAIRS], found.partners[:SHOWN_PAIRS]]
        return np.concatenate(pairs, axis=2), None
    if found.labels is None:
        return found.images[:SHOWN], None
    rows = min(ROWS, len(found.classes))
    cells = np.zeros((rows, PER_CLASS, *found.images.shape[1:]), np.uint8)
    for row in range(rows):
        chosen = np.flatnonzero(found.labels == row)[:PER_CLASS]
        cells[row, : len(chosen)] = found.images[chosen]
    return cells.reshape(-1, *cells.shape[2:]), rows


def _module(name: str) -> Any:
    """Load the module of the dataset `name`. Raises UsageError if there is none."""
    if name == "folder":
        raise UsageError(
            "'folder' is not a dataset but a placeholder: type the path of a folder of pictures.",
            hint="gan datasets preview ./pictures",
        )
    return registry.load("datasets", name)
