"""Which generator a word means."""

import os
from pathlib import Path

import pytest
import torch

from gancli import weights
from gancli.errors import UsageError
from gancli.sampling.find import find, find_digest
from gancli.weights import GENERATOR, digest

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


def test_a_name_means_the_newest_run_of_that_name_model_or_data(tmp_path: Path) -> None:
    old = put(tmp_path / "dcgan-mnist" / GENERATOR)
    os.utime(old, (0, 0))
    new = put(tmp_path / "mine" / GENERATOR)
    assert find("dcgan-mnist", tmp_path) == old
    assert find("dcgan", tmp_path) == new
    assert find("mnist", tmp_path) == new
    assert find(str(old), tmp_path) == old
    assert find(str(old.parent), tmp_path) == old
    with pytest.raises(UsageError, match="Trained here: dcgan-mnist, mine"):
        find("acgan", tmp_path)
    with pytest.raises(UsageError, match="is a folder without"):
        find(str(tmp_path))
    with pytest.raises(UsageError, match="Nothing is trained"):
        find("acgan", tmp_path / "nowhere")


def test_a_stranger_s_file_among_the_runs_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / GENERATOR).write_text("nothing")
    put(tmp_path / "half" / GENERATOR, shape={"size": 16})
    mine = put(tmp_path / "mine" / GENERATOR)
    assert find("dcgan", tmp_path) == mine


def test_a_digest_finds_its_file(tmp_path: Path) -> None:
    file = put(tmp_path / "mine" / GENERATOR)
    assert find_digest(digest(file), tmp_path) == file
    with pytest.raises(UsageError, match="made this picture"):
        find_digest("0" * 16, tmp_path)
