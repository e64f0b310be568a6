"""`gan evaluate`: metrics of a generator, and how they were measured."""

import json
from typing import Annotated

import typer

from gancli.cli import console
from gancli.cli.options import DataDirOpt, DeviceOpt, JsonOpt, RefArg, SeedOpt
from gancli.sampling.find import find
from gancli.weights import read_generator


def evaluate(
    ref: RefArg,
    samples: Annotated[
        int,
        typer.Option(
            min=200,
            help="How many samples to measure. A model trained on pairs ignores this: it is "
            "measured on all test pairs.",
        ),
    ] = 10_000,
    seed: SeedOpt = 0,
    device: DeviceOpt = "auto",
    data_dir: DataDirOpt = None,
    json_: JsonOpt = False,
) -> None:
    """Measure a generator: Fréchet distance of its samples to real test pictures, and more.

    Example: gan evaluate dcgan --json
    """
    file = find(ref)
    read_generator(file)  # fails early on other files: importing torch takes seconds
    from gancli.evaluation.evaluate import evaluate as measure
    from gancli.sampling import generator

    loaded = generator.load(file, device)
    with console.progress() as show:
        found = measure(
            loaded, samples=samples, seed=seed, data_dir=data_dir, say=console.say, progress=show
        )
    if json_:
        console.result(json.dumps({"file": str(file), **found.as_dict()}, indent=2))
    else:
        console.table(("metric", "value"), found.rows())
