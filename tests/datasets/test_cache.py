"""What was remembered comes back, or counts as absent."""

import numpy as np
import pytest

from gancli.datasets import Pictures, _cache, digest


def pictures(labels=True) -> Pictures:
    images = np.arange(2 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 4, 4, 3)
    numbers = np.array([1, 0]) if labels else None
    return Pictures(
        name="n",
        split="test",
        images=images,
        labels=numbers,
        classes=("a", "b"),
        digest=digest(images, numbers),
        notes=("One.", "Zwei ü."),
    )


@pytest.mark.parametrize("labels", [True, False])
def test_everything_comes_back(tmp_path, labels):
    before = pictures(labels)
    assert _cache.remember(tmp_path / "a" / "x.safetensors", "k", before)
    after = _cache.recall(tmp_path / "a" / "x.safetensors", "k")
    np.testing.assert_array_equal(before.images, after.images)
    np.testing.assert_array_equal(before.labels, after.labels)
    for field in ("name", "split", "classes", "digest", "notes"):
        assert getattr(before, field) == getattr(after, field)
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["x.safetensors"]


def test_another_key_or_no_file_is_nothing(tmp_path):
    _cache.remember(tmp_path / "x.safetensors", "k", pictures())
    assert _cache.recall(tmp_path / "x.safetensors", "other") is None
    assert _cache.recall(tmp_path / "y.safetensors", "k") is None
    assert _cache.recall(tmp_path, "k") is None


@pytest.mark.parametrize("at", [0, 8, 40, -1, -40, -100])
def test_a_flipped_byte_anywhere_is_noticed(tmp_path, at):
    path = tmp_path / "x.safetensors"
    _cache.remember(path, "k", pictures())
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
    assert _cache.recall(path, "k") is None


def test_others_may_read_what_is_kept_where_they_may_read_the_folder(tmp_path):
    tmp_path.chmod(0o755)
    _cache.remember(tmp_path / "x.safetensors", "k", pictures())
    assert (tmp_path / "x.safetensors").stat().st_mode & 0o777 == 0o644


def test_a_place_that_cannot_be_written_is_no_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    assert not _cache.remember(tmp_path / "file" / "x.safetensors", "k", pictures())
