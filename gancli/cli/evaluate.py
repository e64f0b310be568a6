"""`gan evaluate`: metrics of a generator, and how they were measured."""

import json
from typing import Annotated

import typer

from gancli.cli import console
from gancli.cli.generators import announce
from gancli.cli.options import DataDirOpt, DeviceOpt, JsonOpt, ModelFileOpt, OptionalRefArg, SeedOpt
from gancli.datasets import find_folder
from gancli.points import check_pictures
from gancli.sampling.find import dataset_of, find, newest
from gancli.weights import read_generator


def evaluate(
    ref: OptionalRefArg = None,
    samples: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=200,
            help="How many samples to measure. A model trained on pairs ignores this: it is "
            "measured on all test pairs.",
            show_default="10000, or 2000 with --quick",
        ),
    ] = None,
    quick: Annotated[
        bool,
        typer.Option(
            "--quick",
            metavar="",
            help="Take seconds instead of minutes: fewer samples, features that were learned in "
            "seconds, no GAN-train. Compare the result only with others of --quick.",
        ),
    ] = False,
    seed: SeedOpt = 0,
    model_file: ModelFileOpt = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FOLDER|FILE",
            help="The pictures to compare with.",
            show_default="those that the generator was trained on",
        ),
    ] = None,
    device: DeviceOpt = "auto",
    data_dir: DataDirOpt = None,
    json_: JsonOpt = False,
) -> None:
    """Measure a generator: Fréchet distance of its samples to real test pictures, and more.

    Example: gan evaluate dcgan --json
    """
    file = find(ref) if ref is not None else newest(translators=True)
    # These fail early if something is missing: importing torch takes seconds.
    header = read_generator(file)
    check_pictures(header.shape, str(file), ref or str(file))
    announce(file, header, model_file)
    find_folder(dataset_of(header, dataset), pairs=header.direction is not None)
    from gancli.evaluation.evaluate import evaluate as measure
    from gancli.sampling import generator

    loaded = generator.load(file, device, model_file)
    with console.progress() as show:
        found = measure(
            loaded,
            dataset=dataset,
            samples=samples,
            seed=seed,
            quick=quick,
            data_dir=data_dir,
            say=console.say,
            progress=show,
        )
    if json_:
        console.result(json.dumps({"file": str(file), **found.as_dict()}, indent=2))
    else:
        console.table(("metric", "value"), found.rows())
