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


def test_read_generator_of_a_discriminator_names_the_generator(tmp_path: Path) -> None:
    path = write_weights(tmp_path / "run" / "discriminator.safetensors", network="discriminator")
    with pytest.raises(FileError, match=r"the discriminator .*run/generator\.safetensors"):
        weights.read_generator(path)


def test_missing_and_damaged_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"none\.safetensors"):
        weights.read_header(tmp_path / "none.safetensors")
    path = write_weights(tmp_path / "g.safetensors")
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(FileError, match=r"g\.safetensors"):
        weights.load(path)
