"""`gan datasets`: list, fetch and look at data sets."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from gancli import datasets, registry
from gancli.cli import console, outputs
from gancli.cli.options import DataDirOpt, JsonOpt, NameArg
from gancli.data.pictures import places
from gancli.errors import UsageError
from gancli.shape import check_size

app = typer.Typer(help="List, fetch and look at data sets.", no_args_is_help=True)
DatasetArg = Annotated[
    str, typer.Argument(metavar="NAME|FOLDER", help="A data set, or a folder of pictures.")
]
SHOWN, SHOWN_PAIRS = 64, 20  # pictures of a preview


@app.command("list")
def list_() -> None:
    """The data sets by name."""
    rows = {name: registry.summary("datasets", name) for name in registry.names("datasets")}
    rows["folder"] = "Any folder of pictures; sub-folders are classes."
    console.table(("name", "what it is"), sorted(rows.items()))


@app.command()
def info(name: NameArg, json_: JsonOpt = False) -> None:
    """What a data set holds, where it comes from, and its terms."""
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
        typer.Option("--from", metavar="FILE", help="The archive, where you have it already."),
    ] = None,
    data_dir: DataDirOpt = None,
) -> None:
    """Fetch a data set, from the first source that verifies, into the data folder."""
    module = _module(name)
    if not hasattr(module, "download"):
        raise UsageError(f"{name} needs no download.", hint=f"gan datasets preview {name}")
    if from_ and not hasattr(module, "adopt"):
        raise UsageError(f"{name} is no single archive.", hint=f"gan datasets download {name}")
    where = places(data_dir)
    with console.progress() as show:
        if from_:
            found = module.adopt(from_, where, console.say, show)
        else:
            found = module.download(where, console.say, show)
    console.result(str(found))


@app.command()
def check(
    path: Annotated[str, typer.Argument(metavar="FOLDER", help="A folder of pictures.")],
    json_: JsonOpt = False,
) -> None:
    """Name broken, duplicate, tiny, odd-channelled and unpaired files; exit 1 where one is broken.

    Example: gan datasets check ./pictures
    """
    root = datasets.check(path)
    if root is None:
        raise UsageError(f"{path} is a data set, no folder.", hint="gan datasets check ./pictures")
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
    from gancli.data.stats import stats as count

    where = places(data_dir)
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
        Path, typer.Option("--out", metavar="FILE", help="A .png of 64 training pictures.")
    ] = Path("preview.png"),
    data_dir: DataDirOpt = None,
) -> None:
    """Draw a grid of training pictures."""
    datasets.check(name)
    outputs.check_picture(out)
    import numpy as np

    from gancli import images

    with console.progress() as show:
        found = datasets.open_pictures(name, places(data_dir), say=console.say, progress=show)
    for note in found.notes:
        console.say(note)
    shown = found.images[:SHOWN]
    if found.partners is not None:  # A beside B
        shown = np.concatenate([shown[:SHOWN_PAIRS], found.partners[:SHOWN_PAIRS]], axis=2)
    images.save_png(out, images.grid(shown))
    console.result(str(out))


def _module(name: str) -> Any:
    """The module of a data set. Raises UsageError where there is none."""
    if name == "folder":
        raise UsageError(
            "A folder of pictures is named by its path.", hint="gan datasets preview ./pictures"
        )
    return registry.load("datasets", name)
