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


@pytest.mark.parametrize(
    ("ref", "message", "hint"),
    [
        ("acgan", "acgan", "gan train acgan --dataset glyphs"),
        ("pix2pix", "pix2pix", "gan train pix2pix --dataset toy-facades --direction A2B"),
        ("Fashion_MNIST", "fashion-mnist", "gan train dcgan --dataset fashion-mnist"),
        ("mime", "mime.*'mine'", "gan runs"),
        ("dcgan-m", "'dcgan-mnist'", "gan runs"),
        ("else", "else", "gan runs"),
    ],
)
def test_an_unknown_name_is_refused_with_what_to_type(
    ref: str, message: str, hint: str, tmp_path: Path, nothing_pretrained: None
) -> None:
    for name in ("dcgan-mnist", "mine"):
        write_weights(tmp_path / name / GENERATOR)
    with pytest.raises(UsageError, match=message) as caught:
        find(ref, tmp_path)
    assert caught.value.hint == hint


def test_names_are_found_in_any_case(tmp_path: Path) -> None:
    file = write_weights(tmp_path / "dcgan-mnist" / GENERATOR)
    for ref in ("dcgan-mnist", "DCGAN_MNIST", "DCGAN", "Mnist"):
        assert find(ref, tmp_path) == file


def test_without_any_run_a_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="mine") as caught:
        find("mine", tmp_path / "nowhere")
    assert caught.value.hint == "gan runs"


def test_a_folder_without_a_generator_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="empty") as caught:  # a folder, but not of a run
        find(str(tmp_path))
    assert caught.value.hint == "gan train dcgan --dataset glyphs"
    (tmp_path / "1.png").touch()
    with pytest.raises(UsageError, match="generator") as caught:
        find(str(tmp_path))
    assert caught.value.hint == f"gan train dcgan --dataset {tmp_path}"


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
