"""What is kept comes back as it was, or counts as absent and is made anew."""

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


def making(some: np.ndarray, gray: bool = False, labels: bool = True):
    """What decodes `some`, in pieces."""

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


def keep(path, some=None, key="k", **options) -> Pictures:
    return cache.once([path], key, making(rows() if some is None else some, **options), print)


def assert_same(a: Pictures, b: Pictures) -> None:
    for field in ("name", "split", "classes", "palette", "digest", "notes"):
        assert getattr(a, field) == getattr(b, field)
    for field in ("images", "labels", "partners"):
        np.testing.assert_array_equal(getattr(a, field), getattr(b, field))


@pytest.mark.parametrize("labels", [True, False])
def test_everything_comes_back(path, labels):
    made = keep(path, labels=labels)
    assert_same(made, cache.recall(path, "k"))
    np.testing.assert_array_equal(made.images, rows()[:, 0])
    assert (made.palette, made.notes) == (PALETTE, ("One.", "Zwei ü."))
    assert (made.labels is None) == (not labels)
    assert [p.name for p in path.parent.iterdir()] == ["x.rows"]


def test_another_key_or_no_file_is_nothing(path):
    keep(path)
    assert cache.recall(path, "other") is None
    assert cache.recall(path.with_name("y.rows"), "k") is None
    assert cache.recall(path.parent, "k") is None


def test_what_is_kept_is_not_made_again(path):
    made = keep(path)
    assert_same(made, keep(path, rows(seed=1)))
    np.testing.assert_array_equal(keep(path, rows(seed=1), key="other").images, rows(seed=1)[:, 0])


def test_any_of_the_paths_will_do_if_it_fits(path):
    other = path.with_name("other.rows")
    made = keep(other)
    assert_same(made, cache.once([path, other], "k", making(rows(seed=1)), print))
    assert not path.exists()
    anew = cache.once([path, other], "k", making(rows(seed=1)), print, lambda _: False)
    assert anew.stored.path == path


def test_a_flipped_bit_anywhere_is_noticed_or_does_not_matter(path):
    made = keep(path)
    whole = path.read_bytes()
    noticed = 0
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        if found := cache.recall(path, "k"):
            assert_same(found, made)  # a date in the archive, say
        else:
            noticed += 1
    assert noticed > len(rows().data.tobytes()) + len(repr(PALETTE))


@pytest.mark.parametrize("checked", [2**30, 0])
def test_a_file_cut_short_anywhere_is_none_whatever_its_size(path, monkeypatch, checked):
    monkeypatch.setattr(cache, "CHECKED", checked)
    keep(path)
    whole = path.read_bytes()
    for damaged in (*(whole[:end] for end in range(len(whole))), whole[1:], whole[:9] + whole[10:]):
        path.write_bytes(damaged)
        assert cache.recall(path, "k") is None


def test_a_damaged_file_is_made_anew(path):
    made = keep(path)
    path.write_bytes(path.read_bytes()[:-1])
    assert_same(made, keep(path))
    assert cache.recall(path, "k") is not None


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("gray", [False, True])
def test_what_is_written_as_it_comes_is_what_would_be_held_in_memory(tmp_path, path, parts, gray):
    some, said = rows(2 * BLOCK + 9, parts), []
    (tmp_path / "file").write_text("in the way")
    held = cache.once([tmp_path / "file" / "x"], "k", making(some, gray), said.append)
    assert len(said) == 1 and "held in memory" in said[0]
    kept = cache.once([path], "k", making(some, gray), said.append)
    assert len(said) == 1
    wanted = some[..., :1] if gray else some
    for found in (kept, held):
        np.testing.assert_array_equal(found.images, wanted[:, 0])
        assert (found.partners is None) == (parts == 1)
        if parts == 2:
            np.testing.assert_array_equal(found.partners, wanted[:, 1])
        assert found.digest == digest(found.images, found.labels, found.partners)
        assert found.images.flags.writeable
    assert_same(kept, held)
    assert held.stored is None
    np.testing.assert_array_equal(kept.stored.read([7, 500, 7]), wanted[[7, 500, 7]])


def test_what_fails_half_way_leaves_nothing_and_harms_nothing(path):
    made = keep(path)

    def fail(into):
        into.append(rows(200))
        raise DataError("a bad crop")

    with pytest.raises(DataError, match="a bad crop"):
        cache.once([path], "other", fail, print)
    assert [p.name for p in path.parent.iterdir()] == ["x.rows"]
    assert_same(made, cache.recall(path, "k"))


def test_where_the_disk_fills_up_the_pictures_are_held_in_memory(path):
    said = []

    def fill(into):
        if not said:
            into.append(rows(2))
            raise OSError(errno.ENOSPC, "No space left on device")
        return making(rows())(into)

    held = cache.once([path], "k", fill, said.append)
    assert "no space left" in said[0]
    np.testing.assert_array_equal(held.images, rows()[:, 0])
    assert not list(path.parent.iterdir())


def test_many_pictures_are_not_read_at_the_start_and_all_else_is_checked(path, monkeypatch):
    made = keep(path)
    monkeypatch.setattr(cache, "CHECKED", 0)
    data = bytearray(path.read_bytes())
    data[5] ^= 1  # in a picture
    path.write_bytes(data)
    assert cache.recall(path, "k").digest == made.digest
    data[data.index(b'"labels"') + 12] ^= 1
    path.write_bytes(data)
    assert cache.recall(path, "k") is None


def test_a_file_that_is_replaced_is_not_read_on_from(path):
    found = keep(path)
    keep(path, rows(4), key="other")
    with pytest.raises(DataError, match="was replaced"):
        found.stored.read([0])


def test_pictures_in_the_cache_can_be_written_over_without_harm(path):
    found = keep(path)
    found.images[:] = 0
    assert cache.recall(path, "k").images.any()
