"""Run folders and the files in them; the only module that knows safetensors.

    runs/dcgan-fashion-mnist/
      generator.safetensors      averaged weights, and a header that tells what they are
      best.safetensors           those of the best epoch, where a measure tells which that is
      discriminator.safetensors
      training.safetensors       everything else that going on needs
      epoch.safetensors          the same as the epoch began, beside a stop in its middle
      run.json                   what was asked for
      metrics.jsonl              a line an epoch
      samples/epoch-0001.png ... a grid an epoch, of the same seeds
      progress.gif, losses.png
      .claim                     empty; held by the process that trains there

A header is read with the standard library alone: asking what a file is never waits for torch.
"""

import hashlib
import json
import os
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gancli import registry
from gancli.errors import FileError, UsageError
from gancli.files import write_file

if TYPE_CHECKING:
    from torch import Tensor

FORMAT = 1  # the newest header this version reads
GENERATOR, BEST, DISCRIMINATOR, TRAINING, EPOCH = (
    f"{part}.safetensors" for part in ("generator", "best", "discriminator", "training", "epoch")
)
RUNS = Path("runs")
LONGEST_HEADER = 100_000_000  # bytes; the safetensors format's own bound


def read_header(path: Path) -> dict[str, Any]:
    """What a generator file says of itself: model, settings, shape, data set, images seen, ...

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


def read_generator(path: Path) -> dict[str, Any]:
    """The header of a generator. FileError for anything else, our own classifiers included."""
    header = read_header(path)
    if other := header.get("network"):
        ours = path.with_name(GENERATOR)
        raise FileError(f"{path} holds the {other} of a run; its generator is {ours}.")
    if not _tells_all(header):
        raise FileError(f"{path} is a file of gan's, but no generator.", hint="gan sample --help")
    return header


def _tells_all(header: dict[str, Any]) -> bool:
    """Whether the header says what is asked of a generator; anyone may have written it."""
    try:
        words = header["model"], header["dataset"]["name"]
        numbers = header["images_seen"], header["shape"]["size"], header["shape"]["channels"]
        others = isinstance(header["settings"], dict) and isinstance(header["classes"], list)
    except (KeyError, TypeError):
        return False
    texts = all(isinstance(word, str) for word in words)
    return others and texts and all(isinstance(number, int) for number in numbers)


def _metadata(path: Path) -> dict[str, str]:
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        if length > LONGEST_HEADER:
            raise ValueError("no safetensors header")
        found = json.loads(file.read(length))
    return found.get("__metadata__", {})  # type: ignore[no-any-return]


def save(path: Path, tensors: "dict[str, Tensor]", header: dict[str, Any]) -> None:
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


def find(
    ref: str,
    runs: Path = RUNS,
    fits: Callable[[Path], bool] = lambda _: True,
    does: str = "",
    train: str = "gan train dcgan --dataset glyphs",
) -> Path:
    """The generator file meant by `ref`: a file, a run folder, or a name.

    A name is that of a run (`dcgan-mnist`), a model or a data set; of several runs that `fits`
    allows, the newest counts. Raises UsageError, with the runs there are and the command `train`
    that makes one, when nothing is meant, or nothing `does` what it should.
    """
    path = Path(ref)
    if path.is_file():
        return path
    if (path / GENERATOR).is_file():
        return path / GENERATOR
    meant = [f for f in _newest_first(runs) if ref == f.parent.name or ref in _names(f)]
    if found := next(filter(fits, meant), None):
        return found
    if meant:
        raise UsageError(f"No run of {ref} in {runs}/ {does}.", hint=train)
    if path.is_dir():  # a data set of that name may lie here, too
        raise UsageError(f"{ref} is a folder without a {GENERATOR}.", hint="gan train --help")
    known = sorted({f.parent.name for f in _newest_first(runs)})
    there = f"Trained here: {', '.join(known)}." if known else f"Nothing is trained in {runs}/ yet."
    raise UsageError(
        f"{ref} is neither a file, nor a run folder, nor the model or data set of a run. {there}",
        hint=train,
    )


def find_translator(ref: str, direction: str | None, runs: Path = RUNS) -> Path:
    """The generator meant by `ref` that translates pictures, in `direction` if that is given.

    Raises UsageError, naming the command that trains one, where there is none.
    """

    def fits(file: Path) -> bool:
        there = _direction(file)
        return there is not None and direction in (None, there)

    known = ref in registry.names("datasets") and registry.declared("datasets", ref, "PAIRS")
    data = ref if known else "toy-facades"
    train = f"gan train pix2pix --dataset {data} --direction {direction or 'A2B'}"
    file = find(ref, runs, fits, f"translates {direction or 'pictures'}", train)
    header = read_generator(file)
    if fits(file):
        return file
    there = header.get("direction")
    trained = f"translates {there}, not {direction}" if there else "translates no pictures"
    data = header["dataset"].get("source", data) if there else data
    train = f"gan train pix2pix --dataset {data} --direction {direction or 'A2B'}"
    raise UsageError(f"{file}, a {header['model']}, {trained}.", hint=train)


def _direction(file: Path) -> str | None:
    try:
        return read_generator(file).get("direction")
    except FileError:
        return None


def digest(path: Path) -> str:
    """The first 16 hex digits of a file's SHA-256: enough to find it again."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def find_digest(wanted: str, runs: Path = RUNS) -> Path:
    """The generator file with this digest. Raises UsageError where no run has it."""
    for file in (*_newest_first(runs), *runs.glob(f"*/{BEST}")):
        if digest(file) == wanted:
            return file
    raise UsageError(
        f"No generator in {runs}/ made this picture (its file begins with SHA-256 {wanted}).",
        hint="gan sample REF --like PICTURE, with the generator's file for REF",
    )


def _newest_first(runs: Path) -> list[Path]:
    files = runs.glob(f"*/{GENERATOR}")
    return sorted(files, key=lambda f: f.stat().st_mtime, reverse=True)


def _names(file: Path) -> set[str]:
    try:
        header = read_generator(file)
    except FileError:
        return set()
    return {header["model"], header["dataset"]["name"]}


def append_line(path: Path, record: dict[str, Any]) -> None:
    """Add `record` to a JSON lines file."""
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
            file.flush()
            os.fsync(file.fileno())  # before the checkpoint that it belongs to
    except OSError as e:
        raise FileError(f"{path} cannot be written: {e.strerror}.", hint="--out") from None


def write_lines(path: Path, records: list[dict[str, Any]]) -> None:
    """Write a JSON lines file anew."""
    write_file(path, "".join(json.dumps(r) + "\n" for r in records).encode())


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The records of a JSON lines file, but for torn lines; none where there is no file."""
    if not path.exists():
        return []
    records = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        with suppress(ValueError, RecursionError):
            records.append(json.loads(line))
    return [record for record in records if isinstance(record, dict)]
