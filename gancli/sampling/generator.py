"""A trained generator: what sampling, translating, measuring and exporting are given."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor, nn

import gancli
from gancli import hardware, registry, weights
from gancli.errors import FileError
from gancli.gan import GAN, Feeds, Shape
from gancli.weights import Header


@dataclass(frozen=True, kw_only=True)
class Generator:
    """A generator `network`, the `model` by whose formulas it is called, and its `header`.

    From a file (`path`) or, while a run goes on, the averaged network of the run.
    """

    model: GAN
    network: nn.Module
    header: Header
    path: Path | None = None

    def __call__(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """(n, C, H, W) in [-1, 1] on the device, for noise (n, Z) and labels (n, K)."""
        label = None if y is None else y.to(self.device)
        with torch.inference_mode():
            return self.model.generate(self.network, z.to(self.device), label).float()

    def translate(self, image: Tensor) -> Tensor:
        """(n, C, H, W) in [-1, 1] on the CPU, from pictures (n, source, H, W) in [-1, 1]."""
        given = image.to(self.device, memory_format=torch.channels_last)
        with torch.inference_mode():
            return self.model.translate(self.network, given).float().cpu()

    @property
    def shape(self) -> Shape:
        """The pictures it makes."""
        return self.model.shape

    @property
    def labelled(self) -> bool:
        """Whether it is asked for pictures by class."""
        return Feeds.LABEL in self.model.feeds

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return next(self.network.parameters()).device

    @cached_property
    def digest(self) -> str:
        """By what a recipe names its file; read once."""
        return weights.digest(self.path) if self.path else ""


def load(path: Path, device: str = "auto") -> Generator:
    """The generator in `path`, ready to be called. Raises FileError when it is not what it says."""
    header = weights.read_generator(path)
    module = registry.load("models", header.model)
    hardware.prepare()
    try:
        with torch.device("meta"):  # the discriminator is never made real
            model: GAN = module.build(module.Settings(**header.settings), header.shape)
        model.generator.load_state_dict(weights.load(path), assign=True)
    except (KeyError, TypeError, RuntimeError):
        raise FileError(
            f"{path} does not fit the model {header.model} of this gan, {gancli.__version__}: "
            f"it was made by version {header.version}.",
            hint=f"gan train {header.model} --help",
        ) from None
    network = model.generator
    network.to(hardware.device(device)).to(memory_format=torch.channels_last).eval()
    return Generator(model=model, network=network, header=header, path=path)
