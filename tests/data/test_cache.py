"""What was remembered comes back, or counts as absent."""

from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import load_file

from gancli.data import cache
from gancli.data.pictures import Pictures, digest
from gancli.data.rows import BLOCK
from gancli.errors import DataError


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
    assert cache.remember(tmp_path / "a" / "x.safetensors", "k", before)
    after = cache.recall(tmp_path / "a" / "x.safetensors", "k")
    np.testing.assert_array_equal(before.images, after.images)
    np.testing.assert_array_equal(before.labels, after.labels)
    for field in ("name", "split", "classes", "digest", "notes"):
        assert getattr(before, field) == getattr(after, field)
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["x.safetensors"]


def test_another_key_or_no_file_is_nothing(tmp_path):
    cache.remember(tmp_path / "x.safetensors", "k", pictures())
    assert cache.recall(tmp_path / "x.safetensors", "other") is None
    assert cache.recall(tmp_path / "y.safetensors", "k") is None
    assert cache.recall(tmp_path, "k") is None


@pytest.mark.parametrize("at", [0, 8, 40, -1, -40, -100])
def test_a_flipped_byte_anywhere_is_noticed(tmp_path, at):
    path = tmp_path / "x.safetensors"
    cache.remember(path, "k", pictures())
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
    assert cache.recall(path, "k") is None


def test_others_may_read_what_is_kept_where_they_may_read_the_folder(tmp_path):
    tmp_path.chmod(0o755)
    cache.remember(tmp_path / "x.safetensors", "k", pictures())
    assert (tmp_path / "x.safetensors").stat().st_mode & 0o777 == 0o644


def test_a_place_that_cannot_be_written_is_no_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    assert not cache.remember(tmp_path / "file" / "x.safetensors", "k", pictures())


def rows(count: int, parts: int = 1) -> np.ndarray:
    noise = np.random.default_rng(0)
    return noise.integers(0, 256, (count, parts, 4, 4, 3), np.uint8)


def filling(some: np.ndarray, gray: bool = False):
    """What decodes `some`, in pieces."""

    def fill(into) -> Pictures:
        for start in range(0, len(some), 100):
            into.append(some[start : start + 100])
        if gray:
            into.to_gray()
        labels = np.arange(len(some))
        return Pictures(name="n", split="train", images=None, labels=labels, classes=("a",))

    return fill


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("gray", [False, True])
def test_what_is_written_as_it_comes_is_what_would_be_held_in_memory(tmp_path, parts, gray):
    some, said = rows(2 * BLOCK + 9, parts), []
    path = tmp_path / "x.safetensors"
    kept = cache.made(path, "k", filling(some, gray), said.append)
    (tmp_path / "file").write_text("in the way")
    assert not said
    held = cache.made(tmp_path / "file" / "x", "k", filling(some, gray), said.append)
    assert "held in memory" in said[0]
    wanted = some[..., :1] if gray else some
    for found in (kept, held):
        np.testing.assert_array_equal(found.images, wanted[:, 0])
        assert (found.partners is None) == (parts == 1)
        if parts == 2:
            np.testing.assert_array_equal(found.partners, wanted[:, 1])
        assert found.digest == digest(found.images, found.labels, found.partners)
    assert (kept.digest, held.stored) == (held.digest, None)
    assert kept.stored is not None
    np.testing.assert_array_equal(kept.stored.read([7, 500, 7]), wanted[[7, 500, 7]])
    stored = load_file(path)
    np.testing.assert_array_equal(stored["images"], wanted)
    np.testing.assert_array_equal(stored["labels"], np.arange(len(some)))


def test_what_fails_half_way_leaves_nothing_and_harms_nothing(tmp_path):
    path = tmp_path / "x.safetensors"
    before = cache.made(path, "k", filling(rows(3)), print)

    def fail(into):
        into.append(rows(200))
        raise DataError("a bad crop")

    with pytest.raises(DataError, match="a bad crop"):
        cache.made(path, "other", fail, print)
    assert [p.name for p in tmp_path.iterdir()] == ["x.safetensors"]
    after = cache.recall(path, "k")
    assert after is not None
    np.testing.assert_array_equal(before.images, after.images)


@pytest.mark.parametrize("lost", [1, 500])
def test_a_file_cut_short_is_none_whatever_its_size(tmp_path, monkeypatch, lost):
    monkeypatch.setattr(cache, "CHECKED", 0)
    path = tmp_path / "x.safetensors"
    cache.made(path, "k", filling(rows(300)), print)
    assert cache.recall(path, "k") is not None
    path.write_bytes(path.read_bytes()[:-lost])
    assert cache.recall(path, "k") is None


def test_many_pictures_are_not_read_at_the_start_and_all_else_is_checked(tmp_path, monkeypatch):
    path = tmp_path / "x.safetensors"
    made = cache.made(path, "k", filling(rows(300)), print)
    monkeypatch.setattr(cache, "CHECKED", 0)
    data = bytearray(path.read_bytes())
    data[cache.START + 5] ^= 1  # in a picture
    path.write_bytes(data)
    found = cache.recall(path, "k")
    assert found is not None
    assert found.digest == made.digest
    data[-200] ^= 1  # in a label
    path.write_bytes(data)
    assert cache.recall(path, "k") is None


def test_a_file_that_is_replaced_is_not_read_on_from(tmp_path):
    path = tmp_path / "x.safetensors"
    found = cache.made(path, "k", filling(rows(5)), print)
    cache.remember(path, "k", replace(found, images=found.images[:4].copy(), labels=None))
    with pytest.raises(DataError, match="was replaced"):
        found.stored.read([0])


def test_pictures_in_the_cache_can_be_written_over_without_harm(tmp_path):
    path = tmp_path / "x.safetensors"
    found = cache.made(path, "k", filling(rows(5)), print)
    found.images[:] = 0
    assert cache.recall(path, "k").images.any()
