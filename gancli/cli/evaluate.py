"""`gan evaluate`: measures of a generator, with their protocol."""

import json
from typing import Annotated

import typer

from gancli.cli import console
from gancli.cli.options import DataDirOpt, DeviceOpt, JsonOpt, RefArg, SeedOpt
from gancli.sampling.find import find
from gancli.weights import read_generator


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
    file = find(ref)
    read_generator(file)  # what is not one is refused before torch is imported
    from gancli.evaluation.evaluate import evaluate as measured
    from gancli.sampling import generator

    loaded = generator.load(file, device)
    with console.progress() as show:
        found = measured(
            loaded, samples=samples, seed=seed, data_dir=data_dir, say=console.say, progress=show
        )
    if json_:
        console.result(json.dumps({"file": str(file), **found.as_dict()}, indent=2))
    else:
        console.table(("measure", "value"), found.rows())
