"""Weights files: tensors and headers round-trip, and files of any other kind are refused."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import HEADER, write_weights

from gancli import weights
from gancli.errors import FileError


def test_tensors_and_header_round_trip(tmp_path: Path) -> None:
    path = write_weights(tmp_path / "run" / "generator.safetensors", images_seen=7)
    assert torch.equal(weights.load(path)["w"], torch.arange(3.0))
    header = weights.read_header(path)
    assert header == {"format": weights.FORMAT, **HEADER, "images_seen": 7}
    assert [f.name for f in path.parent.iterdir()] == [path.name]


def test_reading_a_header_does_not_import_torch(tmp_path: Path) -> None:
    path = write_weights(tmp_path / "g.safetensors")
    code = (
        "import sys, pathlib\nfrom gancli.weights import read_generator\n"
        f"print(read_generator(pathlib.Path({str(path)!r})).model)\n"
        "assert not {'torch', 'numpy', 'safetensors'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "dcgan\n"), done.stderr


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x01",
        b"<html>quota exceeded</html>",
        (2**40).to_bytes(8, "little") + b"{}",
        (2**21).to_bytes(8, "little") + b'{"a":[' + b"{}," * 699_048 + b"{}]}",
        (200_000).to_bytes(8, "little") + b"[" * 200_000,
        (4).to_bytes(8, "little") + b"[[[[",
        (2).to_bytes(8, "little") + b"[]",
        (26).to_bytes(8, "little") + b'{"__metadata__":{"gan": 5}}'[:26],
        (27).to_bytes(8, "little") + b'{"__metadata__":{"gan": 5}}',
        b"\x80\x04\x95pickle",
    ],
)
def test_read_header_refuses_files_that_are_not_safetensors(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(FileError, match=r"x\.safetensors") as raised:
        weights.read_header(path)
    assert raised.value.hint == "gan sample --help"


def test_read_generator_refuses_other_files_of_gan(tmp_path: Path) -> None:
    weights.save(tmp_path / "c.safetensors", {"w": torch.zeros(1)}, {"accuracy": 0.9})
    assert weights.read_header(tmp_path / "c.safetensors")["accuracy"] == 0.9
    with pytest.raises(FileError, match=r"c\.safetensors") as raised:
        weights.read_generator(tmp_path / "c.safetensors")
    assert raised.value.hint == "gan sample --help"


@pytest.mark.parametrize(
    "changes",
    [
        {"dataset": "mnist"},
        {"dataset": {}},
        {"shape": None},
        {"shape": {"size": 16}},
        {"shape": {"size": 0, "channels": 1}},
        {"shape": {"size": -5, "channels": 1}},
        {"shape": {"size": 18, "channels": 1}},
        {"shape": {"size": 16, "channels": 2}},
        {"shape": {"size": 16, "channels": 1, "classes": -1}},
        {"shape": {"size": 16, "channels": 1, "palette": [[0, 0, 256]]}},
        {"dataset": {"name": "mnist", "source": None}},
        {"dataset": {"name": "mnist", "pictures": -1}},
        {"dataset": {"name": "m" * 256}},
        {"dataset": {"name": "\x1b[31m"}},
        {"classes": ["a", "b\n"]},
        {"classes": ["a", "b"], "labelled": True},
        {"direction": "A2B"},
        {"images_seen": -1},
        {"images_seen": 2**60},
        {"seed": -1},
        {"range": [0, 1]},
        {"version": 1},
        {"network": ["discriminator"]},
        {"best": {"epoch": 1, "measure": "m", "value": float("nan")}},
        {"images_seen": "many"},
        {"model": 5},
        {"classes": [0, 1]},
        {"labelled": "yes"},
        {"direction": "/../../x"},
        {"settings": []},
    ],
)
def test_read_generator_refuses_a_header_with_missing_or_wrong_fields(
    tmp_path: Path, changes: Any
) -> None:
    path = write_weights(tmp_path / "runs" / "a" / weights.GENERATOR, **changes)
    with pytest.raises(FileError, match=weights.GENERATOR) as raised:
        weights.read_generator(path)
    assert raised.value.hint == "gan sample --help"


def test_a_wrong_field_is_named_without_its_value(tmp_path: Path) -> None:
    path = write_weights(tmp_path / "g.safetensors", shape={"size": 98765, "channels": 1})
    with pytest.raises(FileError, match=r"shape\.size") as raised:
        weights.read_generator(path)
    assert "98765" not in raised.value.message


def test_fit_converts_half_precision_and_refuses_other_tensors() -> None:
    like = {"w": torch.zeros(3), "count": torch.tensor(0)}
    for dtype in (torch.float16, torch.bfloat16):
        half = {"w": torch.arange(3, dtype=dtype), "count": torch.tensor(7)}
        fitted = weights.fit(half, like)
        assert fitted["w"].dtype == torch.float32 and fitted["w"].tolist() == [0, 1, 2]
    for dtype in (torch.float64, torch.complex64, torch.bool, torch.int32):
        with pytest.raises(ValueError, match=r"not in float32"):
            weights.fit({**like, "w": torch.zeros(3, dtype=dtype)}, like)
    for other in ({"w": torch.zeros(3)}, {**like, "w": torch.zeros(4)}, {**like, "x": like["w"]}):
        with pytest.raises(KeyError):
            weights.fit(other, like)


def test_read_generator_of_a_discriminator_names_the_generator(tmp_path: Path) -> None:
    path = write_weights(tmp_path / "run" / "discriminator.safetensors", network="discriminator")
    with pytest.raises(FileError, match=r"the discriminator .*run/generator\.safetensors"):
        weights.read_generator(path)


def test_load_refuses_a_header_that_would_take_gigabytes(tmp_path: Path) -> None:
    entries = (f'"{i}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}' for i in range(200_000))
    header = f"{{{','.join(entries)}}}".encode()
    data = len(header).to_bytes(8, "little") + header
    path = tmp_path / "bomb.safetensors"
    path.write_bytes(data)
    for load in (lambda: weights.load(path), lambda: weights.unpack(data, path)):
        with pytest.raises(FileError, match=r"bomb\.safetensors is damaged"):
            load()


def test_missing_and_damaged_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"none\.safetensors"):
        weights.read_header(tmp_path / "none.safetensors")
    path = write_weights(tmp_path / "g.safetensors")
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(FileError, match=r"g\.safetensors"):
        weights.load(path)
