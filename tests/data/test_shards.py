"""Shards in WebDataset's layout load like folders, without being unpacked."""

import io
import tarfile

import numpy as np
import pytest
from PIL import Image

from gancli.data import check, folder, shards
from gancli.data.pictures import Places
from gancli.errors import DataError


def png(value, size=(20, 20)) -> bytes:
    file = io.BytesIO()
    Image.new("L", size, value).save(file, "PNG")
    return file.getvalue()


def pack(path, *files, kind="w"):
    """Write a shard of files, given as (name, bytes)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, kind) as archive:
        for name, data in files:
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return path


@pytest.fixture
def places(tmp_path):
    return Places(data=tmp_path / "data", cache=tmp_path / "cache")


def test_a_folder_of_shards_loads_pictures_and_classes(places, tmp_path):
    root = tmp_path / "set"
    pack(
        root / "000.tar",
        ("a/1.png", png(1)),
        ("a/1.cls", b"10"),
        ("a/1.json", b"{}"),
        ("a/2.cls", b"9\n"),  # before its picture
        ("a/2.png", png(2)),
    )
    pack(root / "001.tar", ("b/1.png", png(3)), ("b/1.cls", b"9"))
    pictures = folder.load(places, "train", root)
    assert pictures.images[:, 0, 0, 0].tolist() == [1, 2, 3]
    assert pictures.classes == ("9", "10")
    assert pictures.labels.tolist() == [1, 0, 0]


def test_a_class_is_not_carried_into_the_next_sample(tmp_path):
    shard = pack(tmp_path / "0.tar", ("1.png", b""), ("1.cls", b"7"), ("2.png", b""))
    assert [(m.name, label) for m, label in shards.members(shard)] == [
        ("1.png", "7"),
        ("2.png", ""),
    ]


def test_members_yields_every_picture_of_a_sample(tmp_path):
    shard = pack(tmp_path / "0.tar", ("1.left.png", b""), ("1.right.png", b""), ("1.cls", b"7"))
    assert [label for _, label in shards.members(shard)] == ["7", "7"]


def test_samples_without_classes_have_no_labels(places, tmp_path):
    pack(tmp_path / "set" / "0.tar", ("1.png", png(1)), ("2.png", png(2)))
    assert folder.load(places, "train", tmp_path / "set").labels is None


def test_folders_of_shards_are_splits(places, tmp_path):
    pack(tmp_path / "set" / "train" / "0.tar", ("1.png", png(1)), ("2.png", png(2)))
    pack(tmp_path / "set" / "val" / "0.tar", ("1.png", png(3)))
    test = folder.load(places, "test", tmp_path / "set")
    assert test.images[:, 0, 0, 0].tolist() == [3]


def test_a_rewritten_shard_is_read_again(places, tmp_path):
    pack(tmp_path / "set" / "0.tar", ("1.png", png(1)))
    assert folder.load(places, "train", tmp_path / "set").images.max() == 1
    pack(tmp_path / "set" / "0.tar", ("1.png", png(2)), ("2.png", png(2)))
    assert len(folder.load(places, "train", tmp_path / "set").images) == 2


def test_open_reads_a_member_at_its_offset(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (20, 20), np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "PNG")
    shard = pack(tmp_path / "0.tar", ("0.txt", b"x" * 700), ("1.png", file.getvalue()))
    ((member, _),) = shards.members(shard)
    with Image.open(member.open()) as image:
        assert (np.asarray(image) == noise).all()


def test_broken_pictures_are_named_with_their_shard(places, tmp_path):
    pack(tmp_path / "set" / "0.tar", ("1.png", png(1)), ("2.png", png(2)[:50]))
    (note,) = folder.load(places, "train", tmp_path / "set").notes
    assert "0.tar/2.png (" in note
    assert list(check.check(tmp_path / "set").broken) == ["0.tar/2.png"]


def test_a_message_shows_strange_names_on_one_short_line(places, tmp_path):
    names = [f"{'a/' * 2000}1.png", "\033[31m\n2.png"]
    pack(tmp_path / "set" / "0.tar", ("3.png", png(1)), *((name, b"x") for name in names))
    (note,) = folder.load(places, "train", tmp_path / "set").notes
    assert note.isprintable() and len(note) < 400
    assert "..." in note and "1.png (not a picture)" in note and "2.png (" in note


@pytest.mark.parametrize("damage", [300, 1024, 1200, "compressed", "other"])
def test_a_damaged_or_compressed_shard_is_a_data_error(places, tmp_path, damage):
    root = tmp_path / "set"
    files = ("1.png", png(1)), ("2.png", png(2))  # each a header and a block of 512 bytes
    shard = pack(root / "0.tar", *files, kind="w:gz" if damage == "compressed" else "w")
    if isinstance(damage, int):
        shard.write_bytes(shard.read_bytes()[:damage])
    if damage == "other":
        shard.write_bytes(b"not a tar")
    with pytest.raises(DataError, match=r"0\.tar") as failure:
        folder.load(places, "train", root)
    assert failure.value.hint == f"tar --list --file {shard}"
