"""The idx format, and datasets of four idx files, tested with small generated files."""

import gzip
import hashlib
import os
from dataclasses import replace

import numpy as np
import pytest

from gancli.data.idx import IdxSet, parse
from gancli.data.pictures import Places
from gancli.data.sources import Folder
from gancli.data.verify import File
from gancli.errors import DataError

IMAGES = np.arange(7 * 4 * 5, dtype=np.uint8).reshape(7, 4, 5)
LABELS = np.array([0, 1, 2, 0, 1, 2, 0], np.uint8)


def idx(array: np.ndarray) -> bytes:
    head = bytes([0, 0, 8, array.ndim])
    return head + b"".join(n.to_bytes(4, "big") for n in array.shape) + array.tobytes()


def file(name: str, data: bytes) -> File:
    return File(name=name, sha256=hashlib.sha256(data).hexdigest(), size=len(data))


PAIR = (file("images.gz", idx(IMAGES)), file("labels.gz", idx(LABELS)))
TEST = (file("t-images.gz", idx(IMAGES[:2])), file("t-labels.gz", idx(LABELS[:2])))
SMALL = IdxSet(
    name="small", classes=("a", "b", "c"), files={"train": PAIR, "test": TEST}, sources=()
)


@pytest.fixture
def places(tmp_path):
    return Places(data=tmp_path / "data", cache=tmp_path / "cache")


def put(folder, split="train", packed=True):
    folder.mkdir(parents=True, exist_ok=True)
    count = len(IMAGES) if split == "train" else 2
    for of, array in zip(SMALL.files[split], (IMAGES[:count], LABELS[:count]), strict=True):
        if packed:
            (folder / of.name).write_bytes(gzip.compress(idx(array)))
        else:
            (folder / of.name.removesuffix(".gz")).write_bytes(idx(array))


def test_parse_reads_shape_and_values():
    array = parse(idx(IMAGES))
    assert array.dtype == np.uint8
    assert array.flags.writeable
    np.testing.assert_array_equal(array, IMAGES)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("where", ["data", "cache"])
def test_load_finds_files_in_either_folder_compressed_or_not(places, where, packed):
    put(getattr(places, where) / "small", packed=packed)
    pictures = SMALL.load(places, "train")
    np.testing.assert_array_equal(pictures.images[..., 0], IMAGES)
    np.testing.assert_array_equal(pictures.labels, LABELS)
    assert pictures.images.shape == (7, 4, 5, 1)
    assert (pictures.images.dtype, pictures.labels.dtype) == (np.uint8, np.int64)
    assert pictures.images.flags.writeable and pictures.labels.flags.writeable
    assert (pictures.name, pictures.split, pictures.classes) == ("small", "train", ("a", "b", "c"))


def test_load_needs_only_the_files_of_its_split(places):
    put(places.data / "small", "train")
    assert len(SMALL.load(places, "train").images) == 7
    with pytest.raises(DataError, match="small"):
        SMALL.load(places, "test")


def test_the_digest_depends_on_contents_not_compression(places):
    put(places.data / "small", "train", packed=True)
    put(places.cache / "small", "train", packed=False)
    put(places.cache / "small", "test")
    packed = SMALL.load(places, "train").digest
    plain = SMALL.load(replace(places, data=places.cache), "train").digest
    assert packed == plain != SMALL.load(places, "test").digest
    assert len(packed) == 64


def test_missing_files_come_from_the_sources(places, tmp_path):
    put(tmp_path / "system", "train")
    put(tmp_path / "system", "test")
    some = replace(SMALL, sources=(Folder(tmp_path / "system"),))
    messages = []
    assert some.download(places, messages.append) == tmp_path / "system"
    assert len(messages) == 1 and str(tmp_path / "system") in messages[0]
    assert len(some.load(places, "test").images) == 2
    assert not places.data.exists(), "the system's copy is used in place"


def test_load_skips_a_damaged_file_if_the_cache_has_a_good_one(places):
    put(places.data / "small")
    put(places.cache / "small")
    (places.data / "small" / "images.gz").write_bytes(gzip.compress(idx(IMAGES))[:-20])
    assert len(SMALL.load(places, "train").images) == 7
    (places.cache / "small" / "images.gz").unlink()
    with pytest.raises(DataError, match=r"images\.gz"):
        SMALL.load(places, "train")


@pytest.mark.skipif(os.name != "posix", reason="read-only folders are POSIX here")
def test_a_read_only_data_folder_is_read_but_not_written(places):
    put(places.data / "small")
    (places.data / "small").chmod(0o555)
    places.data.chmod(0o555)
    try:
        assert len(SMALL.load(places, "train").images) == 7
        with pytest.raises(DataError) as failure:
            SMALL.load(places, "test")
        assert str(places.cache / "small") in failure.value.hint
        assert sorted(p.name for p in (places.data / "small").iterdir()) == [
            "images.gz",
            "labels.gz",
        ]
    finally:
        places.data.chmod(0o755)
        (places.data / "small").chmod(0o755)
