"""Points in the plane as data: drawn at random, or read from a .csv file."""

from pathlib import Path

import numpy as np
import pytest

from gancli.data import planar
from gancli.data.pictures import Places
from gancli.datasets import open_pictures
from gancli.errors import DataError, FileError, UsageError


def file(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "points.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize("first", ["", "x,y\n", "\ufeffx,y\n"])
def test_a_csv_file_becomes_points_in_a_square_with_its_frame(tmp_path: Path, first: str) -> None:
    found = planar.read(file(tmp_path, f"{first}10,1\n20, 2\n\n14,5e0\r\n"), "train")
    assert found.name == "points"
    assert found.images.dtype == np.float32
    expected = [(-1.0, -0.4), (1.0, -0.2), (-0.2, 0.4)]  # (x - 15) / 5 and (y - 3) / 5
    np.testing.assert_allclose(found.images.reshape(3, 2), expected, atol=1e-6)
    assert found.frame is not None
    assert (found.frame.x, found.frame.y, found.frame.scale) == (15, 3, 5)
    assert found.points


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x,y\n1,2\ncat,3\n", r"Line 3 of .*points.csv is 'cat,3', not two numbers"),
        ("1\n2\n3\n", r"Line 2 of .* is '2', not two numbers"),
        ("1,2,3\n1,2,3\n", r"Line 2 of .* is '1,2,3', not two numbers"),
        ("1,2\n", "has 1 point, which is too few"),
        ("", "has 0 points, which is too few"),
        ("x,y\n", "has 0 points"),
        ("1,2\n1,2\n", "All points in .* are the same"),
        ("1,2\nnan,3\n", r"Line 2 of .* is 'nan,3', which is not a point"),
        ("1,2\n3,inf\n", r"Line 2 of .* is '3,inf', which is not a point"),
        ("1,2\n3,1e300\n", r"Line 2 of .* is '3,1e300', which is not a point"),
        (b"\xff\xfe\x00\x80", "is not a text file"),
        ("1,2\n" + "y" * 500, r"y{60}\.\.\.', not two numbers"),
    ],
)
def test_a_file_that_holds_no_points_is_refused(
    tmp_path: Path, text: str | bytes, expected: str
) -> None:
    with pytest.raises(DataError, match=expected) as refused:
        planar.read(file(tmp_path, text), "train")
    assert refused.value.hint


def test_a_million_points_are_read_and_no_more(tmp_path: Path) -> None:
    many = "".join(f"{i % 1000},{i // 1000}\n" for i in range(planar.MOST))
    assert len(planar.read(file(tmp_path, many), "train").images) == 1_000_000
    with pytest.raises(DataError, match="more than 1,000,000 points"):
        planar.read(file(tmp_path, many + "1,2\n"), "train")


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    here = Places(data=tmp_path, cache=tmp_path)
    with pytest.raises(UsageError, match=r"There is no file .*missing.csv"):
        open_pictures(str(tmp_path / "missing.csv"), here)
    with pytest.raises(FileError, match="Cannot read"):
        planar.read(tmp_path / "missing.csv", "train")


@pytest.mark.parametrize("name", ["ring", "grid", "moons", "spiral", "checkerboard"])
def test_points_have_no_size_to_change_and_pictures_do_not_become_points(
    tmp_path: Path, name: str
) -> None:
    here = Places(data=tmp_path, cache=tmp_path)
    assert open_pictures(name, here, size=1, channels=2).images.shape == (20_000, 1, 1, 2)
    with pytest.raises(UsageError, match=f"{name} has points in the plane, not pictures"):
        open_pictures(name, here, size=28)
    with pytest.raises(UsageError, match=f"{name} has points in the plane, not pictures"):
        open_pictures(name, here, channels=1)


def test_a_dataset_of_pictures_does_not_become_points(tmp_path: Path) -> None:
    here = Places(data=tmp_path, cache=tmp_path)
    with pytest.raises(UsageError, match="glyphs has pictures, not points"):
        open_pictures("glyphs", here, "test", size=1, channels=2)
