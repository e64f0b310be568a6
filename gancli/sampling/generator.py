"""`Generator`: a trained generator with its header, as sampling and evaluation receive it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor, nn

import gancli
from gancli import hardware, registry, weights
from gancli.errors import FileError
from gancli.gan import GAN, Feeds, Shape
from gancli.sampling import latents
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

    def translate(self, image: Tensor) -> Tensor:
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


def load(path: Path, device: str = "auto") -> Generator:
    """Load the generator in `path`. Raises FileError if its weights do not fit its header."""
    header = weights.read_generator(path)
    module = registry.load("models", header.model)
    hardware.prepare()
    try:
        with torch.device("meta"):  # allocates no memory: only the generator gets real weights
            model: GAN = module.build(module.Settings(**header.settings), header.shape)
        model.generator.load_state_dict(weights.load(path), assign=True)
    except (KeyError, TypeError, RuntimeError):
        raise FileError(
            f"{path} was saved by gan {header.version} and does not fit the model {header.model} "
            f"of gan {gancli.__version__}.",
            hint=f"gan train {header.model} --help",
        ) from None
    network = model.generator
    network.to(hardware.device(device)).to(memory_format=torch.channels_last).eval()
    return Generator(model=model, network=network, header=header, path=path)
