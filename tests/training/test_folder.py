"""The files of a run folder: metrics.jsonl and its damaged lines."""

import json
from pathlib import Path

import pytest

from gancli.errors import FileError
from gancli.training.folder import RunFolder


def test_records_skip_a_damaged_line_and_a_failed_write_names_the_file(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    assert folder.records() == []
    for epoch in (1, 2):
        folder.append({"epoch": epoch, "images_seen": 10 * epoch})
    with folder.metrics.open("a") as file:
        file.write(json.dumps({"epoch": 3})[:-3])
    assert [record["epoch"] for record in folder.records()] == [1, 2]
    folder.trim(1.9)
    assert [record["epoch"] for record in folder.records()] == [1]
    folder.metrics.unlink()
    folder.metrics.mkdir()
    with pytest.raises(FileError, match=r"metrics\.jsonl"):
        folder.append({})


def test_metrics_are_not_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("old")
    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()
    folder.metrics.symlink_to(tmp_path / "precious")
    with pytest.raises(FileError, match=r"metrics\.jsonl: It is a symbolic link"):
        folder.append({"epoch": 1})
    assert (tmp_path / "precious").read_text() == "old"
