"""The cache returns what was stored, and treats damaged or outdated files as missing."""

import errno

import numpy as np
import pytest

from gancli.data import cache
from gancli.data.pictures import Pictures, digest
from gancli.data.rows import BLOCK
from gancli.errors import DataError

PALETTE = (("wall", (1, 2, 3)), ("door", (4, 5, 6)))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "kept" / "x.rows"


def rows(count: int = 5, parts: int = 1, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, parts, 4, 4, 3), np.uint8)


def filling(some: np.ndarray, gray: bool = False, labels: bool = True):
    """Return a `fill` that appends `some` in pieces."""

    def fill(into) -> Pictures:
        for start in range(0, len(some), 100):
            into.append(some[start : start + 100])
        if gray:
            into.to_gray()
        return Pictures(
            name="n",
            split="test",
            images=None,
            labels=np.arange(len(some)) if labels else None,
            classes=("a", "b"),
            palette=PALETTE,
            notes=("One.", "Zwei ü."),
        )

    return fill


def store(path, some=None, key="k", **options) -> Pictures:
    return cache.load_or_create(
        [path], key, filling(rows() if some is None else some, **options), print
    )


def assert_same(a: Pictures, b: Pictures) -> None:
    for field in ("name", "split", "classes", "palette", "digest", "notes"):
        assert getattr(a, field) == getattr(b, field)
    for field in ("images", "labels", "partners"):
        np.testing.assert_array_equal(getattr(a, field), getattr(b, field))


@pytest.mark.parametrize("labels", [True, False])
def test_load_returns_every_field_that_was_stored(path, labels):
    created = store(path, labels=labels)
    assert_same(created, cache.load(path, "k"))
    np.testing.assert_array_equal(created.images, rows()[:, 0])
    assert (created.palette, created.notes) == (PALETTE, ("One.", "Zwei ü."))
    assert (created.labels is None) == (not labels)
    assert [p.name for p in path.parent.iterdir()] == ["x.rows"]


def test_load_returns_none_for_another_key_or_a_missing_file(path):
    store(path)
    assert cache.load(path, "other") is None
    assert cache.load(path.with_name("y.rows"), "k") is None
    assert cache.load(path.parent, "k") is None


def test_load_or_create_calls_fill_only_for_a_new_key(path):
    created = store(path)
    assert_same(created, store(path, rows(seed=1)))
    np.testing.assert_array_equal(store(path, rows(seed=1), key="other").images, rows(seed=1)[:, 0])


def test_load_or_create_takes_the_first_path_that_fits_and_creates_the_first(path):
    other = path.with_name("other.rows")
    created = store(other)
    assert_same(created, cache.load_or_create([path, other], "k", filling(rows(seed=1)), print))
    assert not path.exists()
    recreated = cache.load_or_create(
        [path, other], "k", filling(rows(seed=1)), print, lambda _: False
    )
    assert recreated.stored.path == path


def test_a_flipped_bit_is_detected_or_harmless(path):
    created = store(path)
    complete = path.read_bytes()
    noticed = 0
    for at in range(len(complete)):
        path.write_bytes(complete[:at] + bytes([complete[at] ^ 1]) + complete[at + 1 :])
        if found := cache.load(path, "k"):
            assert_same(found, created)  # for example in a date of the zip archive
        else:
            noticed += 1
    assert noticed > len(rows().data.tobytes()) + len(repr(PALETTE))


@pytest.mark.parametrize("checked", [2**30, 0])
def test_load_returns_none_for_a_file_truncated_anywhere(path, monkeypatch, checked):
    monkeypatch.setattr(cache, "MAX_HASHED_BYTES", checked)
    store(path)
    complete = path.read_bytes()
    for damaged in (
        *(complete[:end] for end in range(len(complete))),
        complete[1:],
        complete[:9] + complete[10:],
    ):
        path.write_bytes(damaged)
        assert cache.load(path, "k") is None


def test_a_damaged_file_is_created_again(path):
    created = store(path)
    path.write_bytes(path.read_bytes()[:-1])
    assert_same(created, store(path))
    assert cache.load(path, "k") is not None


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("gray", [False, True])
def test_pictures_on_disk_and_in_memory_are_equal(tmp_path, path, parts, gray):
    some, messages = rows(2 * BLOCK + 9, parts), []
    (tmp_path / "file").write_text("in the way")
    in_memory = cache.load_or_create(
        [tmp_path / "file" / "x"], "k", filling(some, gray), messages.append
    )
    assert len(messages) == 1 and str(tmp_path / "file") in messages[0]
    on_disk = cache.load_or_create([path], "k", filling(some, gray), messages.append)
    assert len(messages) == 1
    wanted = some[..., :1] if gray else some
    for found in (on_disk, in_memory):
        np.testing.assert_array_equal(found.images, wanted[:, 0])
        assert (found.partners is None) == (parts == 1)
        if parts == 2:
            np.testing.assert_array_equal(found.partners, wanted[:, 1])
        assert found.digest == digest(found.images, found.labels, found.partners)
        assert found.images.flags.writeable
    assert_same(on_disk, in_memory)
    assert in_memory.stored is None
    np.testing.assert_array_equal(on_disk.stored.read([7, 500, 7]), wanted[[7, 500, 7]])


def test_an_error_in_fill_leaves_the_old_file_and_no_new_one(path):
    created = store(path)

    def fail(into):
        into.append(rows(200))
        raise DataError("a bad crop")

    with pytest.raises(DataError, match="a bad crop"):
        cache.load_or_create([path], "other", fail, print)
    assert [p.name for p in path.parent.iterdir()] == ["x.rows"]
    assert_same(created, cache.load(path, "k"))


def test_a_full_disk_keeps_the_pictures_in_memory(path):
    messages = []

    def fill(into):
        if not messages:
            into.append(rows(2))
            raise OSError(errno.ENOSPC, "No space left on device")
        return filling(rows())(into)

    in_memory = cache.load_or_create([path], "k", fill, messages.append)
    assert len(messages) == 1 and str(path) in messages[0]
    np.testing.assert_array_equal(in_memory.images, rows()[:, 0])
    assert not list(path.parent.iterdir())


def test_large_files_are_checked_except_for_their_pixels(path, monkeypatch):
    created = store(path)
    monkeypatch.setattr(cache, "MAX_HASHED_BYTES", 0)
    data = bytearray(path.read_bytes())
    data[5] ^= 1  # in a picture
    path.write_bytes(data)
    assert cache.load(path, "k").digest == created.digest
    data[data.index(b'"labels"') + 12] ^= 1
    path.write_bytes(data)
    assert cache.load(path, "k") is None


def test_reading_rows_of_a_replaced_file_raises_data_error(path):
    found = store(path)
    store(path, rows(4), key="other")
    with pytest.raises(DataError, match="replaced"):
        found.stored.read([0])


def test_writing_to_mapped_pictures_does_not_change_the_file(path):
    found = store(path)
    found.images[:] = 0
    assert cache.load(path, "k").images.any()
