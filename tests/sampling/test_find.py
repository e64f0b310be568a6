"""Finding the generator that a word names."""

import os
from pathlib import Path

import pytest
from conftest import write_weights

from gancli.errors import UsageError
from gancli.sampling.find import find, find_digest
from gancli.weights import GENERATOR, digest


def test_a_name_finds_the_newest_run_of_that_name_model_or_data_set(tmp_path: Path) -> None:
    old = write_weights(tmp_path / "dcgan-mnist" / GENERATOR)
    os.utime(old, (0, 0))
    new = write_weights(tmp_path / "mine" / GENERATOR)
    assert find("dcgan-mnist", tmp_path) == old
    assert find("dcgan", tmp_path) == new
    assert find("mnist", tmp_path) == new
    assert find(str(old), tmp_path) == old
    assert find(str(old.parent), tmp_path) == old


def test_an_unknown_name_is_refused_with_the_known_runs(tmp_path: Path) -> None:
    for name in ("dcgan-mnist", "mine"):
        write_weights(tmp_path / name / GENERATOR)
    with pytest.raises(UsageError, match=r"acgan.*dcgan-mnist, mine") as caught:
        find("acgan", tmp_path)
    assert caught.value.hint == "gan train dcgan --dataset glyphs"
    with pytest.raises(UsageError, match="nowhere") as caught:
        find("acgan", tmp_path / "nowhere")
    assert caught.value.hint == "gan train dcgan --dataset glyphs"
    with pytest.raises(UsageError, match=GENERATOR) as caught:  # a folder, but not of a run
        find(str(tmp_path))
    assert caught.value.hint == "gan train --help"


def test_find_skips_files_that_are_not_generators(tmp_path: Path) -> None:
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / GENERATOR).write_text("nothing")
    write_weights(tmp_path / "half" / GENERATOR, shape={"size": 16})
    mine = write_weights(tmp_path / "mine" / GENERATOR)
    assert find("dcgan", tmp_path) == mine


def test_a_generator_is_found_by_its_digest(tmp_path: Path) -> None:
    file = write_weights(tmp_path / "mine" / GENERATOR)
    assert find_digest(digest(file), tmp_path) == file
    with pytest.raises(UsageError, match="0" * 16) as caught:
        find_digest("0" * 16, tmp_path)
    assert "gan sample REF --like PICTURE" in str(caught.value.hint)
