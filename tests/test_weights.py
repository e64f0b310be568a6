"""Run folders and their files: what is asked of a file is answered by the standard library."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from gancli import weights
from gancli.errors import FileError, UsageError

HEADER = {
    "model": "dcgan",
    "settings": {},
    "shape": {"size": 16, "channels": 1},
    "dataset": {"name": "mnist"},
    "classes": [],
    "images_seen": 5,
}


def put(path: Path, **changes: object) -> Path:
    weights.save(path, {"w": torch.arange(3.0)}, {**HEADER, **changes})
    return path


def test_tensors_and_header_come_back(tmp_path: Path) -> None:
    path = put(tmp_path / "run" / "generator.safetensors", images_seen=7)
    assert torch.equal(weights.load(path)["w"], torch.arange(3.0))
    header = weights.read_header(path)
    assert header == {"format": weights.FORMAT, **HEADER, "images_seen": 7}
    assert [f.name for f in path.parent.iterdir()] == [path.name]


def test_a_header_is_read_without_torch(tmp_path: Path) -> None:
    path = put(tmp_path / "g.safetensors")
    code = (
        "import sys, pathlib\nfrom gancli.weights import read_header\n"
        f"print(read_header(pathlib.Path({str(path)!r}))['model'])\n"
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
def test_what_is_no_model_is_said_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(FileError, match="is not a model"):
        weights.read_header(path)


def test_a_file_of_ours_that_is_no_generator(tmp_path: Path) -> None:
    weights.save(tmp_path / "c.safetensors", {"w": torch.zeros(1)}, {"accuracy": 0.9})
    assert weights.read_header(tmp_path / "c.safetensors")["accuracy"] == 0.9
    with pytest.raises(FileError, match="but no generator"):
        weights.read_generator(tmp_path / "c.safetensors")


@pytest.mark.parametrize(
    "changes",
    [
        {"dataset": "mnist"},
        {"dataset": {}},
        {"shape": None},
        {"shape": {"size": 16}},
        {"images_seen": "many"},
        {"model": 5},
    ],
)
def test_a_header_that_tells_half_is_no_generator_s(tmp_path: Path, changes: Any) -> None:
    path = put(tmp_path / "runs" / "a" / weights.GENERATOR, **changes)
    with pytest.raises(FileError, match="but no generator"):
        weights.read_generator(path)
    put(tmp_path / "runs" / "b" / weights.GENERATOR)
    found = weights.find("dcgan", tmp_path / "runs")  # nobody meant the other
    assert found.parent.name == "b"


def test_another_network_of_a_run_names_the_generator(tmp_path: Path) -> None:
    path = put(tmp_path / "run" / weights.DISCRIMINATOR, network="discriminator")
    with pytest.raises(FileError, match=r"holds the discriminator .*run/generator\.safetensors"):
        weights.read_generator(path)


def test_a_missing_file_and_a_damaged_one(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot be read"):
        weights.read_header(tmp_path / "none.safetensors")
    path = put(tmp_path / "g.safetensors")
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(FileError, match="is damaged"):
        weights.load(path)


def test_a_name_means_the_newest_run_of_that_name_model_or_data(tmp_path: Path) -> None:
    new = put(tmp_path / "mine" / weights.GENERATOR)
    old = put(tmp_path / "dcgan-mnist" / weights.GENERATOR)
    os.utime(old, (1, 1))
    assert weights.find("dcgan-mnist", tmp_path) == old
    assert weights.find("dcgan", tmp_path) == new
    assert weights.find("mnist", tmp_path) == new
    assert weights.find(str(old), tmp_path) == old
    assert weights.find(str(old.parent), tmp_path) == old
    with pytest.raises(UsageError, match="Trained here: dcgan-mnist, mine"):
        weights.find("acgan", tmp_path)
    with pytest.raises(UsageError, match="is a folder without"):
        weights.find(str(tmp_path))
    with pytest.raises(UsageError, match="Nothing is trained"):
        weights.find("acgan", tmp_path / "nowhere")


def test_a_stranger_s_file_among_the_runs_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / weights.GENERATOR).write_text("nothing")
    mine = put(tmp_path / "mine" / weights.GENERATOR)
    assert weights.find("dcgan", tmp_path) == mine


def test_a_digest_finds_its_file(tmp_path: Path) -> None:
    file = put(tmp_path / "mine" / weights.GENERATOR)
    assert weights.find_digest(weights.digest(file), tmp_path) == file
    with pytest.raises(UsageError, match="made this picture"):
        weights.find_digest("0" * 16, tmp_path)


def test_lines_survive_a_torn_end(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    assert weights.read_lines(path) == []
    for epoch in (1, 2):
        weights.append_line(path, {"epoch": epoch})
    with path.open("a") as file:
        file.write(json.dumps({"epoch": 3})[:-3])
    assert weights.read_lines(path) == [{"epoch": 1}, {"epoch": 2}]
    weights.write_lines(path, [{"epoch": 9}])
    assert weights.read_lines(path) == [{"epoch": 9}]
    with pytest.raises(FileError, match="cannot be written"):
        weights.append_line(tmp_path, {})
