"""Weights in safetensors files, and the header in which each file says what it holds.

The only module that knows safetensors. A header is read with the standard library alone: asking
what a file is never waits for torch.
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

GENERATOR, BEST = "generator.safetensors", "best.safetensors"  # in the folder of a run
FORMAT = 1  # the newest header this version reads
LONGEST_HEADER = 100_000_000  # bytes; the safetensors format's own bound
DIGITS = 16  # of a file's SHA-256: enough to find it again


@dataclass(frozen=True, kw_only=True)
class TrainedOn:
    """The data set of a run: its `name`, what was typed for it, and the SHA-256 of its pictures."""

    name: str
    source: str = ""
    pictures: int = 0
    digest: str = ""


@dataclass(frozen=True, kw_only=True)
class Best:
    """Why an epoch's weights were kept: `measure` was `value` after it, the lowest of the run."""

    epoch: int
    measure: str
    value: float


@dataclass(frozen=True, kw_only=True)
class Header:
    """What a file of a run says of itself, parsed and checked once.

    `network` is None in a generator's file, else what the file holds instead. Pictures are in
    `range`. `settings` are those of the model, as its `Settings` takes them.
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
        """As it is written, without what does not apply."""
        found = asdict(self)
        return {k: v for k, v in found.items() if v is not None or k == "direction"}


def read_generator(path: Path) -> Header:
    """The header of a generator's file. Raises FileError as `read_header` does, and for others."""
    found = read_header(path)
    if other := found.get("network"):
        ours = path.with_name(GENERATOR)
        raise FileError(f"{path} holds the {other} of a run; its generator is {ours}.")
    try:
        return parse(Header, found)
    except ValueError:
        raise FileError(
            f"{path} is a file of gan's, but no generator.", hint="gan sample --help"
        ) from None


def read_header(path: Path) -> dict[str, Any]:
    """What a file of ours says of itself, unchecked but for its format.

    Raises FileError for a file that is missing, is no safetensors file, was not written by gan,
    or comes from a newer version of it.
    """
    try:
        text = _metadata(path).get("gan")
        header = json.loads(text) if text else None
    except OSError as e:
        raise FileError(f"{path} cannot be read: {e.strerror}.") from None
    except (ValueError, TypeError, struct.error, AttributeError, RecursionError):
        raise FileError(
            f"{path} is not a model: it is no safetensors file.", hint="gan sample --help"
        ) from None
    if not isinstance(header, dict) or not isinstance(header.get("format"), int):
        raise FileError(
            f"{path} holds weights, but not of a model made by gan.", hint="gan train --help"
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
    """Write tensors with a header, whole or not at all. Raises FileError where it cannot be."""
    from safetensors.torch import save as pack

    metadata = {"gan": json.dumps({"format": FORMAT, **header})}
    data = pack({k: v.contiguous() for k, v in tensors.items()}, metadata)
    write_file(path, data, durable=True)


def load(path: Path) -> "dict[str, Tensor]":
    """The tensors of a file, on the CPU. Raises FileError when it is damaged."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError) as e:
        raise FileError(f"{path} is damaged: {e}.", hint="gan train --help") from None


def unpack(data: bytes, path: Path) -> "dict[str, Tensor]":
    """The tensors in the bytes of the file at `path`. Raises FileError when they are damaged."""
    from safetensors import SafetensorError
    from safetensors.torch import load as unpacked

    try:
        return unpacked(data)
    except SafetensorError as e:
        raise FileError(f"{path} is damaged: {e}.", hint="gan train --help") from None


def digest(path: Path) -> str:
    """The first hex digits of a file's SHA-256, by which a recipe names its generator."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:DIGITS]
