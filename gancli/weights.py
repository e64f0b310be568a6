"""Read and write weights as safetensors files, each with a header that describes the model.

No other module uses the safetensors library. Headers are read with the standard library alone, so
finding out what a file holds does not wait for torch.
"""

import hashlib
import json
import struct
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gancli.errors import FileError
from gancli.files import write_file
from gancli.schema import parse
from gancli.shape import Direction, Shape

if TYPE_CHECKING:
    from torch import Tensor

GENERATOR, BEST = "generator.safetensors", "best.safetensors"  # file names in a run folder
FORMAT = 1  # version of the header; newer ones are refused
LONGEST_HEADER = 100_000_000  # bytes; the limit of the safetensors format
DIGITS = 16  # hex digits of a file's SHA-256 that identify it


@dataclass(frozen=True, kw_only=True)
class TrainedOn:
    """The dataset of a run.

    `source` is what the user typed after --dataset, `pictures` their number, and `digest` their
    SHA-256.
    """

    name: str
    source: str = ""
    pictures: int = 0
    digest: str = ""


@dataclass(frozen=True, kw_only=True)
class Best:
    """The best epoch of a run: after it the metric `measure` had its lowest value, `value`."""

    epoch: int
    measure: str
    value: float


@dataclass(frozen=True, kw_only=True)
class Header:
    """The header of a weights file, parsed and checked.

    `settings` are the keyword arguments of the model's `Settings`. `images_seen` counts training
    images. Generated pixel values lie in `range`. `network` is None for a generator; otherwise it
    names what the file holds, such as "discriminator".
    """

    model: str
    settings: Mapping[str, Any]
    shape: Shape
    dataset: TrainedOn
    images_seen: int
    classes: tuple[str, ...]
    labelled: bool = False
    direction: Direction | None = None
    preset: str = "default"
    precision: str = "fp32"
    range: tuple[int, int] = (-1, 1)
    seed: int = 0
    version: str = "unknown"  # of gan
    torch: str = "unknown"
    network: str | None = None
    best: Best | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the header as it is written, without fields that are None (except `direction`)."""
        found = asdict(self)
        return {k: v for k, v in found.items() if v is not None or k == "direction"}


def read_generator(path: Path) -> Header:
    """Read the header of a generator. Raises FileError if `path` holds anything else."""
    found = read_header(path)
    if other := found.get("network"):
        ours = path.with_name(GENERATOR)
        raise FileError(f"{path} holds the {other} of a run. The generator is in {ours}.")
    try:
        return parse(Header, found)
    except ValueError:
        raise FileError(
            f"{path} was written by gan, but it is not a generator.", hint="gan sample --help"
        ) from None


def read_header(path: Path) -> dict[str, Any]:
    """Read a header as a dictionary. Only its format version is checked.

    Raises FileError if the file is missing, is not a safetensors file, was not written by gan, or
    was written by a newer version.
    """
    try:
        text = _metadata(path).get("gan")
        header = json.loads(text) if text else None
    except OSError as e:
        raise FileError(f"Cannot read {path}: {e.strerror}.") from None
    except (ValueError, TypeError, struct.error, AttributeError, RecursionError):
        raise FileError(
            f"{path} is not a model: it is not a safetensors file.", hint="gan sample --help"
        ) from None
    if not isinstance(header, dict) or not isinstance(header.get("format"), int):
        raise FileError(
            f"{path} is a safetensors file, but gan did not write it.", hint="gan train --help"
        )
    if header["format"] > FORMAT:
        raise FileError(
            f"{path} was made by a newer gan ({header.get('version', 'unknown')}).",
            hint="pip install --upgrade gancli",
        )
    return header


def _metadata(path: Path) -> dict[str, str]:
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        if length > LONGEST_HEADER:
            raise ValueError("no safetensors header")
        found = json.loads(file.read(length))
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
        return load_file(path)
    except (SafetensorError, OSError) as e:
        raise FileError(f"{path} is damaged: {e}.", hint="gan train --help") from None


def unpack(data: bytes, path: Path) -> "dict[str, Tensor]":
    """Load tensors from `data`, the content of `path`. Raises FileError if it is damaged."""
    from safetensors import SafetensorError
    from safetensors.torch import load as unpacked

    try:
        return unpacked(data)
    except SafetensorError as e:
        raise FileError(f"{path} is damaged: {e}.", hint="gan train --help") from None


def digest(path: Path) -> str:
    """Return the first hex digits of a file's SHA-256. Recipes use it to identify a generator."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:DIGITS]
