"""`Generator`: a trained generator with its header, as sampling and evaluation receive it."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor, nn

import gancli
from gancli import compact, hardware, models, registry, weights
from gancli.errors import FileError, UsageError
from gancli.gan import GAN, Feeds, Shape
from gancli.sampling import latents
from gancli.sampling.find import model_of
from gancli.schema import parse
from gancli.weights import Header


@dataclass(frozen=True, kw_only=True)
class Generator:
    """A generator `network`, the `model` that knows how to call it, and its `header`.

    It comes from a file (`path`), or during training it is the averaged network of the run.
    """

    model: GAN
    network: nn.Module
    header: Header
    path: Path | None = None

    def __call__(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Generate (n, C, H, W) in [-1, 1], on the device, from noise (n, Z) and labels (n, K)."""
        label = None if y is None else y.to(self.device)
        with torch.inference_mode():
            return self.model.generate(self.network, z.to(self.device), label).float()

    def translate_batch(self, image: Tensor) -> Tensor:
        """Translate (n, source, H, W) to (n, C, H, W), both in [-1, 1]; the result is on the CPU.

        `source` is the number of channels of the input.
        """
        source = image.to(self.device, memory_format=torch.channels_last)
        with torch.inference_mode():
            return self.model.translate(self.network, source).float().cpu()

    def noise(self, seeds: Sequence[int]) -> Tensor:
        """The noise of `seeds`, (len(seeds), Z), on the CPU."""
        return latents.noise(seeds, self.model.z_dim, self.model.noise)

    def one_hot(self, labels: Sequence[int]) -> Tensor:
        """The class indices `labels` as one-hot rows, (len(labels), K), on the CPU."""
        return latents.one_hot(labels, self.shape.classes)

    @property
    def shape(self) -> Shape:
        """The shape of the generated pictures."""
        return self.model.shape

    @property
    def labelled(self) -> bool:
        """Whether the generator takes class labels."""
        return Feeds.LABEL in self.model.feeds

    @property
    def device(self) -> torch.device:
        """The device of the network."""
        return next(self.network.parameters()).device

    @cached_property
    def digest(self) -> str:
        """The digest of the file, which recipes record; computed once. Empty without a file."""
        return weights.digest(self.path) if self.path else ""


def load(path: Path, device: str = "auto", model_file: str | None = None) -> Generator:
    """Load the generator in `path`; `model_file` is the .py file of its model, if it needs one.

    Raises FileError if its weights do not fit its header, UsageError if its model is not known.
    """
    header = weights.read_generator(path)
    name = model_of(path, header, model_file)
    hardware.prepare()
    try:
        model = _build(name, header)
        stored, _ = compact.split(weights.load(path))
        tensors = weights.fit(stored, model.generator.state_dict())
        if not all(tensor.isfinite().all() for tensor in tensors.values()):
            raise ValueError("it has weights that are infinite or not a number")
        model.generator.load_state_dict(tensors, assign=True)
    except ValueError as wrong:
        raise FileError(f"{path} cannot be used: {wrong}.", hint="gan sample --help") from None
    except (KeyError, TypeError, RuntimeError, UsageError):
        raise FileError(
            f"{path} was saved by gan {header.version} and does not fit the model {name} of gan "
            f"{gancli.__version__}.",
            hint=f"gan train {name} --help",
        ) from None
    network = model.generator
    network.to(hardware.device(device)).to(memory_format=torch.channels_last).eval()
    return Generator(model=model, network=network, header=header, path=path)


def _build(name: str, header: Header) -> GAN:
    """Build the model `name` as a header describes it, without memory for its weights.

    Models from outside the package get memory: while they are built they may compute with the
    values of tensors, which meta tensors do not have. Raises ValueError if a setting is wrong, and
    KeyError if the header is that of another model.
    """
    module = models.load(name)
    settings = parse(module.Settings, dict(header.settings), "settings")
    known = {field.name for field in fields(settings)}
    if header.settings.keys() - known or getattr(module, "PAIRS", False) != bool(header.direction):
        raise KeyError("a header of another model")
    with nullcontext() if registry.is_outside("models", name) else torch.device("meta"):
        model = models.build(name, settings, header.shape)
    if header.labelled != (Feeds.LABEL in model.feeds):
        raise KeyError("a header of another model")
    return model
