"""`check` counts the pictures of a folder and names the files that have problems."""

import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from conftest import Command
from PIL import Image

from gancli.data.check import MAX_LISTED, check
from gancli.errors import DataError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "faces"


def put(path: Path, seed: int, size=(20, 16), mode="RGB") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 4), np.uint8)
    Image.fromarray(noise).convert(mode).save(path)
    return path


def test_check_finds_no_problems_in_a_good_folder(root):
    for i in range(4):
        put(root / ("b" if i else "a") / f"{i}.png", i, (30, 30 + 10 * (i == 2)))
    found = check(root)
    assert (found.pictures, found.splits) == (4, {"train": 4})
    assert found.classes == {"a": 1, "b": 3}
    assert found.sizes == {"smallest": (30, 30), "commonest": (30, 30), "largest": (30, 40)}
    assert found.channels == {"colour": 4}
    assert not (found.broken or found.duplicates or found.tiny or found.odd or found.unpaired)
    assert found.pairs is None


def test_check_makes_no_copy_of_a_large_picture(root):
    put(root / "a.bmp", 1, (500, 4000))  # 6 MB
    put(root / "b.png", 1, (500, 4000))
    check(root)  # Pillow loads its formats
    tracemalloc.start()
    assert check(root).duplicates == [["a.bmp", "b.png"]]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4_000_000


def test_check_names_pictures_outside_the_classes(root):
    for i in range(3):
        put(root / "ab"[i % 2] / f"{i}.png", i)
    put(root / "stray.png", 7)
    found = check(root)
    assert (found.classes, found.classless) == ({"a": 2, "b": 1}, ["stray.png"])
    assert ("outside the classes", "stray.png") in found.rows()


def test_check_names_the_files_of_every_problem(root):
    for i in range(5):
        put(root / f"{i}.png", i)
    put(root / "same.bmp", 3)  # the picture of 3.png in another format
    put(root / "tiny.png", 6, (40, 15))
    put(root / "gray.png", 7, mode="L")
    put(root / "clear.png", 8, mode="RGBA")
    (root / "none.jpg").write_bytes(b"nothing")
    complete = put(root / "cut.jpg", 9, (64, 64)).read_bytes()
    (root / "cut.jpg").write_bytes(complete[: len(complete) // 2])
    found = check(root)
    assert set(found.broken) == {"none.jpg", "cut.jpg"}
    assert all(found.broken.values()), "each has a reason"
    assert found.duplicates == [["3.png", "same.bmp"]]
    assert found.tiny == {"tiny.png": "40x15"}
    assert found.odd == {"gray.png": "gray", "clear.png": "colour with alpha"}
    assert found.pictures == 9
    assert ("broken", f"cut.jpg ({found.broken['cut.jpg']})") in found.rows()
    assert ("duplicate", "3.png = same.bmp") in found.rows()


def test_check_counts_splits_and_finds_duplicates_across_them(root):
    put(root / "train" / "1.png", 1)
    put(root / "train" / "2.png", 2)
    put(root / "val" / "1.png", 1)
    found = check(root)
    assert found.splits == {"train": 2, "test": 1}
    assert found.duplicates == [["train/1.png", "val/1.png"]]
    assert found.classes == {}


def test_check_reports_a_folder_of_only_broken_files(root):
    root.mkdir()
    (root / "1.png").write_bytes(b"")
    found = check(root)
    assert (found.pictures, found.sizes, list(found.broken)) == (0, {}, ["1.png"])


def test_check_raises_data_error_for_an_empty_folder(root):
    root.mkdir()
    with pytest.raises(DataError, match="faces"):
        check(root)


def test_rows_list_the_first_files_and_count_the_rest(root):
    for i in range(MAX_LISTED + 3):
        put(root / f"{i:02d}.png", i, (8, 8))
    found = check(root)
    rows = [line for kind, line in found.rows() if kind == "tiny"]
    assert len(found.tiny) == MAX_LISTED + 3
    assert "3 more" in rows[-1] and "--json" in rows[-1]
    assert len(rows) == MAX_LISTED + 1


@pytest.mark.parametrize("names", [("A", "B"), ("trainA", "trainB"), ("train/A", "train/B")])
def test_check_names_files_without_a_usable_partner(root, names):
    a, b = (root / name for name in names)
    for i in range(4):
        put(a / f"{i}.png", i)
        put(b / f"{i}.bmp", 10 + i, mode="L")  # all of B is gray, so gray is not odd there
    put(a / "lone.png", 20)
    put(b / "left.png", 21, mode="L")
    put(a / "large.png", 22, (40, 40))
    put(b / "large.png", 23, mode="L")
    put(a / "cut.png", 24)
    (b / "cut.png").write_bytes(b"nothing")
    put(b / "0.bmp", 10)
    found = check(root)
    lone, large, cut = (f"{names[0]}/{file}.png" for file in ("lone", "large", "cut"))
    assert set(found.unpaired) == {lone, f"{names[1]}/left.png", large, cut}
    for value in ("40x40", f"{names[1]}/large.png", "20x16"):
        assert value in found.unpaired[large]
    assert "broken" in found.unpaired[cut]
    assert (found.pairs, found.pictures, found.classes) == (4, 13, {})
    assert found.odd == {f"{names[1]}/0.bmp": "colour"}
    assert list(found.broken) == [f"{names[1]}/cut.png"]
    assert ("pairs", "4") in found.rows()
    assert ("unpaired", f"{lone} ({found.unpaired[lone]})") in found.rows()


def test_check_reports_a_folder_without_a_single_pair(root):
    put(root / "A" / "1.png", 1)
    put(root / "B" / "2.png", 2)
    found = check(root)
    assert (found.pairs, list(found.unpaired)) == (0, ["A/1.png", "B/2.png"])


def test_the_command_prints_a_table_or_json_and_exits_1_for_broken_files(
    gan: Command, pictures: Path
) -> None:
    table = gan("datasets", "check", "./pictures").stdout
    assert "pictures\t60\n" in table and "class dark\t30\n" in table
    (pictures / "dark" / "bad.png").write_bytes(b"nothing")
    done = gan("datasets", "check", "./pictures", "--json", code=1)
    found = json.loads(done.stdout)
    assert list(found["broken"]) == ["dark/bad.png"]
    assert (found["pictures"], found["sizes"]["commonest"]) == (60, [16, 16])
    assert "gan:" not in done.stderr
    assert "gan datasets check ./pictures" in gan("datasets", "check", "glyphs", code=2).stderr
    missing = gan("datasets", "check", "nofolder", code=2).stderr
    assert "The folder nofolder does not exist." in missing
