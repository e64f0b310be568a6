"""Train the classic GANs and play with what they learned.

The folders, from top to bottom; each imports only from those below it:

- `cli`: the command `gan`; `api`: the same from Python, whose names this module offers
- `training`: runs, the training step, checkpoints
- `report`: charts
- `evaluation`: metrics of a generator
- `sampling`: a trained generator in use
- `datasets`: one file per dataset, on top of `data`, which they share
- `formats`: output files; `models`: one file per GAN
- `nn`: layers and losses

Models implement `gan.GAN`. The other files here are the base that all folders use.

The names in `__all__` are imported when they are first used, because torch takes seconds.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gancli.api.data import open_pictures
    from gancli.api.generator import Generator, load
    from gancli.api.train import Run, train
    from gancli.data.pictures import Pictures
    from gancli.errors import DataError, FileError, GanError, UsageError
    from gancli.evaluation.evaluate import Evaluation
    from gancli.gan import GAN, Batch, Direction, Fake, Feeds, Inputs, Metric, Metrics, Shape, Share
    from gancli.reporting import silent
    from gancli.sampling.films import Film
    from gancli.sampling.grid import Grid
    from gancli.training.reports import Report
    from gancli.training.run import Stopped

__version__ = "0.1.0"

# A test checks that this list, the imports above and the modules below agree.
__all__ = [
    "GAN",
    "Batch",
    "DataError",
    "Direction",
    "Evaluation",
    "Fake",
    "Feeds",
    "FileError",
    "Film",
    "GanError",
    "Generator",
    "Grid",
    "Inputs",
    "Metric",
    "Metrics",
    "Pictures",
    "Report",
    "Run",
    "Shape",
    "Share",
    "Stopped",
    "UsageError",
    "load",
    "open_pictures",
    "silent",
    "train",
]
_HOMES = {
    "open_pictures": "gancli.api.data",
    "Generator": "gancli.api.generator",
    "load": "gancli.api.generator",
    "Run": "gancli.api.train",
    "train": "gancli.api.train",
    "Pictures": "gancli.data.pictures",
    "DataError": "gancli.errors",
    "FileError": "gancli.errors",
    "GanError": "gancli.errors",
    "UsageError": "gancli.errors",
    "Evaluation": "gancli.evaluation.evaluate",
    "GAN": "gancli.gan",
    "Batch": "gancli.gan",
    "Direction": "gancli.gan",
    "Fake": "gancli.gan",
    "Feeds": "gancli.gan",
    "Inputs": "gancli.gan",
    "Metric": "gancli.gan",
    "Metrics": "gancli.gan",
    "Shape": "gancli.gan",
    "Share": "gancli.gan",
    "silent": "gancli.reporting",
    "Film": "gancli.sampling.films",
    "Grid": "gancli.sampling.grid",
    "Stopped": "gancli.training.run",
    "Report": "gancli.training.reports",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'gancli' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value  # from now on it is found without this function
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
