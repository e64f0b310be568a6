"""The folder of a run and the lines in it."""

import json
from pathlib import Path

import pytest

from gancli.errors import FileError
from gancli.training.folder import RunFolder


def test_lines_survive_a_torn_end(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    assert folder.records() == []
    for epoch in (1, 2):
        folder.append({"epoch": epoch, "images_seen": 10 * epoch})
    with folder.metrics.open("a") as file:
        file.write(json.dumps({"epoch": 3})[:-3])
    assert [record["epoch"] for record in folder.records()] == [1, 2]
    folder.trim(10)
    assert [record["epoch"] for record in folder.records()] == [1]
    folder.metrics.unlink()
    folder.metrics.mkdir()
    with pytest.raises(FileError, match="cannot be written"):
        folder.append({})
