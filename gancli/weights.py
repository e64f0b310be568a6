"""Read and write weights as safetensors files, each with a header that describes the model.

No other module uses the safetensors library. Headers are read with the standard library alone, so
finding out what a file holds does not wait for torch.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from gancli import compact
from gancli.errors import DataError, FileError
from gancli.files import write_file
from gancli.points import Frame
from gancli.schema import MAX_JSON, from_json, parse
from gancli.shape import MAX_CLASSES, Direction, Shape

if TYPE_CHECKING:
    from torch import Tensor

GENERATOR, BEST = "generator.safetensors", "best.safetensors"  # file names in a run folder
FORMAT = 1  # version of the header; newer ones are refused
LONGEST_HEADER = 10_000_000  # bytes, enough for 90,000 tensors; reading takes 30 times as many
DIGITS = 16  # hex digits of a file's SHA-256 that identify it

Count = Annotated[int, (0, 2**53)]
MAX_NAME = 255  # characters: as long as the name of a file can be
Name = Annotated[str, (1, MAX_NAME)]  # of a model, a dataset or a class


@dataclass(frozen=True, kw_only=True)
class TrainedOn:
    """The dataset of a run.

    `source` is what the user typed after --dataset, `pictures` their number, and `digest` their
    SHA-256.
    """

    name: Name
    source: str = ""
    pictures: Count = 0
    digest: Annotated[str, (0, 64)] = ""


@dataclass(frozen=True, kw_only=True)
class ModelFile:
    """The file of a model from outside the package: its name and the start of its SHA-256."""

    name: str
    digest: str


@dataclass(frozen=True, kw_only=True)
class Best:
    """The best epoch of a run: after it the metric `measure` had its best value, `value`."""

    epoch: Count
    measure: Name
    value: float


@dataclass(frozen=True, kw_only=True)
class Card:
    """What to know about weights that are shared: where they come from, and how good they are.

    `weights` says how many bits they are stored in, and what that costs.
    """

    data: str  # with its terms
    citation: str
    command: str
    date: Name
    measures: str  # with the version of the protocol
    limits: str
    weights: str


@dataclass(frozen=True, kw_only=True)
class Header:
    """The header of a weights file, parsed and checked.

    `settings` are the keyword arguments of the model's `Settings`. `images_seen` counts training
    images. Generated pixel values lie in `range`. `network` is None for a generator; otherwise it
    names what the file holds, such as "discriminator". `model_file` is None unless the model comes
    from a file of the user's. It says which file to ask for, and never which one to run. `card` is
    None for the files of a run. `frame` tells the units of points that the user's own file had.
    """

    model: Name
    settings: Annotated[Mapping[str, Any], (0, 1000)]
    shape: Shape
    dataset: TrainedOn
    images_seen: Count
    classes: Annotated[tuple[Name, ...], (0, MAX_CLASSES)]
    labelled: bool = False
    direction: Direction | None = None
    preset: Name = "default"
    precision: Name = "fp32"
    range: tuple[Literal[-1], Literal[1]] = (-1, 1)
    seed: Annotated[int, (0, 2**32 - 1)] = 0
    version: Name = "unknown"  # of gan
    torch: Name = "unknown"
    network: Name | None = None
    best: Best | None = None
    model_file: ModelFile | None = None
    card: Card | None = None
    frame: Frame | None = None

    def __post_init__(self) -> None:
        if self.labelled and len(self.classes) != self.shape.classes:
            raise ValueError("the number of classes is not that of shape.classes")
        if (self.direction is None) != (self.shape.source == 0):
            raise ValueError("direction and shape.source do not belong together")

    def as_dict(self) -> dict[str, Any]:
        """Return the header as it is written, without fields that are None (except `direction`)."""
        found = asdict(self)
        return {k: v for k, v in found.items() if v is not None or k == "direction"}


def check_readable(header: Header) -> None:
    """Raise DataError if `read_generator` would refuse this header, before a run is spent on it."""
    text = json.dumps(header.as_dict())
    try:
        from_json(json.dumps(text))  # as it is written: text inside of JSON, which makes it longer
        parse(Header, from_json(text))
    except ValueError as wrong:
        raise DataError(
            f"A generator trained on this could not be read: in its header, {wrong}. Names of "
            f"datasets and classes have at most {MAX_NAME} characters and no control characters."
        ) from None


def read_generator(path: Path) -> Header:
    """Read the header of a generator. Raises FileError if `path` holds anything else."""
    found = read_header(path)
    if "model" not in found:
        raise FileError(
            f"{path} was written by gan, but it is not a generator.", hint="gan sample --help"
        )
    try:
        header = parse(Header, found)
    except ValueError as wrong:
        raise FileError(
            f"{path} cannot be used: in its header, {wrong}.", hint="gan sample --help"
        ) from None
    if header.network:
        ours = path.with_name(GENERATOR)
        raise FileError(f"{path} holds the {header.network} of a run. The generator is in {ours}.")
    return header


def read_header(path: Path) -> dict[str, Any]:
    """Read a header as a dictionary. Only its format version is checked.

    Raises FileError if the file is missing, is not a safetensors file, was not written by gan, or
    was written by a newer version.
    """
    try:
        text = _metadata(path).get("gan")
        header = from_json(text) if text else None
    except OSError as e:
        raise FileError(f"Cannot read {path}: {e.strerror}.") from None
    except (ValueError, TypeError, AttributeError):
        raise FileError(
            f"{path} is not a model: it is not a safetensors file.", hint="gan sample --help"
        ) from None
    if not isinstance(header, dict) or type(header.get("format")) is not int:
        raise FileError(
            f"{path} is a safetensors file, but gan did not write it.", hint="gan train --help"
        )
    if header["format"] > FORMAT:
        raise FileError(
            f"{path} was made by a newer version of gan.", hint="install a newer version of gan"
        )
    return header


def _metadata(path: Path) -> dict[str, str]:
    with path.open("rb") as file:
        found = from_json(file.read(_check_length(file.read(8), MAX_JSON)))
    return found.get("__metadata__", {})  # type: ignore[no-any-return]


def save(path: Path, tensors: "dict[str, Tensor]", header: Mapping[str, Any]) -> None:
    """Write tensors and their header atomically. Raises FileError if they cannot be written."""
    from safetensors.torch import save as pack

    metadata = {"gan": json.dumps({"format": FORMAT, **header})}
    data = pack({k: v.contiguous() for k, v in tensors.items()}, metadata)
    write_file(path, data, durable=True)


def load(path: Path) -> "dict[str, Tensor]":
    """Load the tensors of a file to the CPU. Raises FileError if it is missing or damaged."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        with path.open("rb") as file:
            _check_length(file.read(8))
        return load_file(path)
    except OSError as e:
        raise FileError(f"Cannot read {path}: {e.strerror or e}.") from None
    except (SafetensorError, ValueError):
        raise _damaged(path) from None


def unpack(data: bytes, path: Path) -> "dict[str, Tensor]":
    """Load tensors from `data`, the content of `path`. Raises FileError if it is damaged."""
    from safetensors import SafetensorError
    from safetensors.torch import load as unpacked

    try:
        _check_length(data[:8])
        return unpacked(data)
    except (SafetensorError, ValueError):
        raise _damaged(path) from None


def _check_length(start: bytes, longest: int = LONGEST_HEADER) -> int:
    """Return the length of the header, which a file starts with. Raises ValueError if too long."""
    if len(start) < 8 or (length := int.from_bytes(start, "little")) > longest:
        raise ValueError("no safetensors header")
    return length


def _damaged(path: Path) -> FileError:
    return FileError(f"{path} is damaged: its tensors cannot be read.", hint="gan train --help")


def fit(tensors: "Mapping[str, Tensor]", like: "Mapping[str, Tensor]") -> "dict[str, Tensor]":
    """Return `tensors` in the dtypes of `like`: 8 bits, float16 and bfloat16 become float32.

    For tensors in 32 or 16 bits, nothing is allocated before names and shapes have been compared.
    Raises KeyError if they are not those of `like`, and ValueError, with the reason, if a tensor
    has another dtype.
    """
    tensors = compact.expand(tensors)
    if {k: v.shape for k, v in tensors.items()} != {k: v.shape for k, v in like.items()}:
        raise KeyError("other tensors")
    return {name: _in_dtype(tensor, like[name]) for name, tensor in tensors.items()}


def _in_dtype(tensor: "Tensor", like: "Tensor") -> "Tensor":
    import torch

    if tensor.dtype in (torch.float16, torch.bfloat16) and like.dtype == torch.float32:
        tensor = tensor.float()
    if tensor.dtype != like.dtype:
        raise ValueError(
            f"a tensor is in {tensor.dtype}, not in {like.dtype}".replace("torch.", "")
        )
    return tensor


def digest(path: Path) -> str:
    """Return the first hex digits of a file's SHA-256. Recipes use it to identify a generator."""
    total = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(2**20):
            total.update(block)
    return total.hexdigest()[:DIGITS]
