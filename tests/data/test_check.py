"""A folder's faults are named and its pictures counted."""

import json
from pathlib import Path

import numpy as np
import pytest
from conftest import Command
from PIL import Image

from gancli.data.check import SHOWN, check
from gancli.errors import DataError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "faces"


def put(path: Path, seed: int, size=(20, 16), mode="RGB") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 4), np.uint8)
    Image.fromarray(noise).convert(mode).save(path)
    return path


def test_a_good_folder_has_no_faults(root):
    for i in range(4):
        put(root / ("b" if i else "a") / f"{i}.png", i, (30, 30 + 10 * (i == 2)))
    found = check(root)
    assert (found.pictures, found.splits) == (4, {"train": 4})
    assert found.classes == {"a": 1, "b": 3}
    assert found.sizes == {"smallest": (30, 30), "commonest": (30, 30), "largest": (30, 40)}
    assert found.channels == {"colour": 4}
    assert not (found.broken or found.duplicates or found.tiny or found.odd or found.unpaired)
    assert found.pairs is None


def test_every_fault_is_named(root):
    for i in range(5):
        put(root / f"{i}.png", i)
    put(root / "same.bmp", 3)  # the picture of 3.png in another format
    put(root / "tiny.png", 6, (40, 15))
    put(root / "gray.png", 7, mode="L")
    put(root / "clear.png", 8, mode="RGBA")
    (root / "none.jpg").write_bytes(b"nothing")
    whole = put(root / "cut.jpg", 9, (64, 64)).read_bytes()
    (root / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    found = check(root)
    assert found.broken == {"none.jpg": "no picture", "cut.jpg": "cut short"}
    assert found.duplicates == [["3.png", "same.bmp"]]
    assert found.tiny == {"tiny.png": "40x15"}
    assert found.odd == {"gray.png": "gray", "clear.png": "colour with alpha"}
    assert found.pictures == 9
    assert ("broken", "cut.jpg (cut short)") in found.rows()
    assert ("duplicate", "3.png = same.bmp") in found.rows()


def test_splits_are_counted_and_checked_against_each_other(root):
    put(root / "train" / "1.png", 1)
    put(root / "train" / "2.png", 2)
    put(root / "val" / "1.png", 1)
    found = check(root)
    assert found.splits == {"train": 2, "test": 1}
    assert found.duplicates == [["train/1.png", "val/1.png"]]
    assert found.classes == {}


def test_nothing_but_broken_files_is_told_all_the_same(root):
    root.mkdir()
    (root / "1.png").write_bytes(b"")
    found = check(root)
    assert (found.pictures, found.sizes, found.broken) == (0, {}, {"1.png": "no picture"})


def test_an_empty_folder_is_an_error(root):
    root.mkdir()
    with pytest.raises(DataError, match="There are no pictures"):
        check(root)


def test_many_faults_are_counted_in_the_table(root):
    for i in range(SHOWN + 3):
        put(root / f"{i:02d}.png", i, (8, 8))
    found = check(root)
    rows = [line for kind, line in found.rows() if kind == "tiny"]
    assert len(found.tiny) == SHOWN + 3
    assert rows[-1] == "and 3 more; --json names all"
    assert len(rows) == SHOWN + 1


@pytest.mark.parametrize("names", [("A", "B"), ("trainA", "trainB"), ("train/A", "train/B")])
def test_files_that_make_no_pair_are_named(root, names):
    a, b = (root / name for name in names)
    for i in range(4):
        put(a / f"{i}.png", i)
        put(b / f"{i}.bmp", 10 + i, mode="L")  # labels are gray, and not odd for it
    put(a / "lone.png", 20)
    put(b / "left.png", 21, mode="L")
    put(a / "large.png", 22, (40, 40))
    put(b / "large.png", 23, mode="L")
    put(a / "cut.png", 24)
    (b / "cut.png").write_bytes(b"nothing")
    put(b / "0.bmp", 10)
    found = check(root)
    assert found.unpaired == {
        f"{names[0]}/lone.png": "no partner",
        f"{names[1]}/left.png": "no partner",
        f"{names[0]}/large.png": f"40x40, and {names[1]}/large.png 20x16",
        f"{names[0]}/cut.png": "its partner is broken",
    }
    assert (found.pairs, found.pictures, found.classes) == (4, 13, {})
    assert found.odd == {f"{names[1]}/0.bmp": "colour"}
    assert list(found.broken) == [f"{names[1]}/cut.png"]
    assert ("pairs", "4") in found.rows()
    assert ("unpaired", f"{names[0]}/lone.png (no partner)") in found.rows()


def test_pairs_of_which_none_fit_are_told_all_the_same(root):
    put(root / "A" / "1.png", 1)
    put(root / "B" / "2.png", 2)
    found = check(root)
    assert (found.pairs, list(found.unpaired)) == (0, ["A/1.png", "B/2.png"])


def test_the_command_prints_a_table_and_json_and_fails_over_broken_files(
    gan: Command, pictures: Path
) -> None:
    table = gan("datasets", "check", "./pictures").stdout
    assert "pictures\t60\n" in table and "class dark\t30\n" in table
    (pictures / "dark" / "bad.png").write_bytes(b"nothing")
    done = gan("datasets", "check", "./pictures", "--json", code=1)
    found = json.loads(done.stdout)
    assert found["broken"] == {"dark/bad.png": "no picture"}
    assert (found["pictures"], found["sizes"]["commonest"]) == (60, [16, 16])
    assert "gan:" not in done.stderr
    assert "is a data set" in gan("datasets", "check", "glyphs", code=2).stderr
