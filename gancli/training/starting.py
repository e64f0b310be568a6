"""Starts a run from the weights of another one, or of a pretrained generator: `gan train --from`.

The networks are those of the other run, so its settings and the shape of its pictures are taken
over. Its discriminator, if there is one, is taken over too: a new one would first mislead the
generator (Wang et al. 2018, arXiv:1805.01677).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gancli import compact, pretrained, registry, weights
from gancli.config import Job
from gancli.errors import FileError, UsageError
from gancli.gan import GAN, Shape
from gancli.plans import StartedFrom
from gancli.plugins import is_file
from gancli.reporting import Say
from gancli.sampling.find import find, model_of
from gancli.schema import parse
from gancli.training.folder import RunFolder
from gancli.weights import read_generator


@dataclass(frozen=True, kw_only=True)
class Start:
    """What a run starts from, and its networks.

    `file` is None for a run that is resumed, whose checkpoint has the weights.
    """

    origin: StartedFrom
    settings: Mapping[str, Any]
    shape: Shape
    file: Path | None = None

    @property
    def name(self) -> str:
        """What the user typed."""
        return self.origin.name


def start_of(job: Job, plan: dict[str, Any] | None) -> Start | None:
    """Return what the run of `job` starts from; `plan` is that of the run to resume.

    Raises UsageError if that run started from something else, or if the generator is that of
    another model.
    """
    if plan is not None:
        saved = plan.get("start_from")
        origin = StartedFrom(**saved) if saved else None
        if job.start_from not in (None, origin and origin.name):
            before = f"from {origin.name}" if origin else "from new weights"
            raise UsageError(
                f"{job.folder} holds a run that started {before}, not from {job.start_from}.",
                hint=f"--out {job.folder}-2, or --fresh to start over",
            )
        shape = parse(Shape, plan["shape"])
        return Start(origin=origin, settings=plan["settings"], shape=shape) if origin else None
    if job.start_from is None:
        return None
    model = registry.name_of("models", job.model)
    data = registry.example_data(job.pairs, job.direction or "A2B")
    file = find(
        job.start_from,
        fits=lambda f: _is_of(f, job),
        wanted=f"is a {model}",
        train_command=f"gan train {model} {data}",
    )
    header = read_generator(file)
    if header.model != model or header.direction != job.direction:
        what = f" that translates {header.direction}" if header.direction else ""
        raise UsageError(
            f"--from {job.start_from} is a {header.model}{what}, so this run cannot start from it.",
            hint=f"gan train {header.model}",
        )
    model_of(file, header, job.model if is_file(job.model) else None)
    return Start(
        origin=StartedFrom(name=job.start_from, digest=weights.digest(file)),
        settings=header.settings,
        shape=header.shape,
        file=file,
    )


def _is_of(file: Path, job: Job) -> bool:
    try:
        header = read_generator(file)
    except FileError:
        return False
    same = header.model == registry.name_of("models", job.model)
    return same and header.direction == job.direction


def typed_with(start: Start | None, typed: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that were typed, with those of the networks to start from."""
    return {**(start.settings if start else {}), **typed}


def check(start: Start | None, settings: Mapping[str, Any], shape: Shape) -> None:
    """Raise UsageError unless networks with `settings` for `shape` can take the weights."""
    if start is None:
        return
    for key, value in start.settings.items():
        if settings.get(key) != value:
            raise UsageError(
                f"The networks of {start.name} have {key}={value}, so it cannot be set with "
                f"--from {start.name}.",
                hint=f"leave out {key}, or --from",
            )
    for name in ("size", "channels", "source", "palette"):
        wanted, found = getattr(start.shape, name), getattr(shape, name)
        if wanted != found:
            raise UsageError(
                f"{start.name} was trained on pictures of another shape: their {name} is {wanted}, "
                f"not {found}.",
                hint=f"--image-size {wanted}" if name == "size" else "leave out --from",
            )


def load(model: GAN, start: Start, say: Say) -> None:
    """Load the weights of `start` into the networks of `model`.

    Raises FileError if they do not fit.
    """
    file = start.file
    if file is None:
        return
    generator, discriminator = compact.split(weights.load(file))
    beside = RunFolder(file.parent).discriminator
    if not discriminator and beside.is_file():
        discriminator = weights.load(beside)
    found = [(model.generator, generator), (model.discriminator, discriminator)]
    try:
        for network, tensors in found if discriminator else found[:1]:
            network.load_state_dict(weights.fit(tensors, network.state_dict()))
    except (KeyError, RuntimeError, ValueError):
        classes = " It may have other classes." if model.shape.classes else ""
        raise FileError(
            f"The weights in {file} do not fit the networks of this run.{classes}",
            hint="leave out --from",
        ) from None
    name = pretrained.name_of(file)
    say(
        f"Starting from the weights in {file if name is None else f'the pretrained {name}'}"
        f"{'' if discriminator else ', and from a new discriminator, as there is none with them'}."
    )
