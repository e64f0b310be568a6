"""Facades come as folders or as archives, and an archive is whole or leaves nothing."""

import os
import tarfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gancli.data import pairs, transfer
from gancli.data.cmp import PALETTE
from gancli.data.pictures import Places
from gancli.datasets import facades, open_pictures
from gancli.errors import DataError, FileError, UsageError

DATA = Path(os.environ.get("GAN_DATA_DIR", "none"))
PAGE = b"<!DOCTYPE html><html><head><title>Moved</title></head></html>"


@pytest.fixture
def places(tmp_path, monkeypatch):
    monkeypatch.setattr(facades, "ALL", {"train": 4, "base": 3})
    return Places(data=tmp_path / "data", cache=tmp_path / "cache")


def saved(picture, suffix=".jpg") -> bytes:
    out = BytesIO()
    Image.fromarray(picture).save(out, "png" if suffix == ".png" else "jpeg", quality=90)
    return out.getvalue()


def photo(value):
    return np.full((32, 32, 3), value, np.uint8)


def labels(number):
    """A map of two labels: below the background, above number `number`."""
    colours = pairs.colours(PALETTE)
    return colours[np.array([number] * 16 + [0] * 16)][:, None].repeat(32, 1)


def side_by_side(number) -> bytes:
    return saved(np.concatenate([photo(20 * number), labels(number)], 1))


def isola() -> dict[str, bytes]:
    """The files of an archive of pairs side by side."""
    files = {f"facades/train/{i}.jpg": side_by_side(i) for i in (1, 2)}
    others = {f"facades/{name}/1.jpg": side_by_side(i) for name, i in (("val", 3), ("test", 4))}
    return {**files, **others, "facades/readme.txt": b"about"}


def cmp_base() -> dict[str, bytes]:
    """The files of CMP's own archive."""
    files = {"base/.DS_Store": b"", "readme.txt": b"about"}
    for i in (1, 2, 3):
        files[f"base/{i}.jpg"] = saved(photo(20 * i))
        files[f"base/{i}.png"] = saved(labels(i), ".png")
        files[f"base/{i}.xml"] = b"<object/>"
    return files


def unpack(root: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)


def tarred(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, BytesIO(data))
    return path


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


@pytest.fixture
def archive(tmp_path, places):
    return tarred(tmp_path / "facades.tar.gz", isola())


@pytest.fixture
def site(archive, monkeypatch):
    """A server: `/good/NAME` serves the archive, `/page/...` a page, `/none/...` nothing."""

    class Site(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            body = PAGE if self.path.startswith("/page") else archive.read_bytes()
            self.send_response(404 if self.path.startswith("/none") else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    asked = []
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(transfer, "ANSWER_SECONDS", 30)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    server.asked, server.at = asked, f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def tops(pictures) -> list[int]:
    """The label in the upper half of every map; what lies below is background."""
    numbers = pairs.nearest(pictures.partners, PALETTE)
    np.testing.assert_array_equal(pairs.colours(PALETTE)[numbers], pictures.partners)
    half = numbers.shape[1] // 2
    assert not numbers[:, half:].any()
    assert (numbers[:, :half] == numbers[:, :1, :1]).all()
    return numbers[:, 0, 0].tolist()


def nothing_is_left(places) -> bool:
    return not places.data.exists() or not list(places.data.iterdir())


def test_train_and_val_are_the_splits_and_test_goes_before_val(places):
    files = isola()
    last = files.pop("facades/test/1.jpg")
    unpack(places.data, files)
    train, test = (open_pictures("facades", places, split, size=16) for split in ("train", "test"))
    assert (tops(train), tops(test)) == ([1, 2], [3])
    assert np.allclose(train.images.mean((1, 2, 3)), [20, 40], atol=2)
    assert train.images.shape == train.partners.shape == (2, 16, 16, 3)
    assert (train.name, train.palette, train.notes) == ("facades", PALETTE, ())
    unpack(places.data, {"facades/test/1.jpg": last})
    assert tops(facades.load(places, "test", 16)) == [4]
    assert facades.load(places, "test").images.shape == (1, 256, 256, 3)


def test_the_base_folder_holds_photos_and_maps_beside_each_other(places):
    for i in range(60):
        front = {f"{i}.jpg": saved(photo(20)), f"{i}.png": saved(labels(1), ".png")}
        unpack(places.data / "facades" / "base", front)
    train, test = facades.load(places, "train", 16), facades.load(places, "test", 16)
    assert len(train.images) + len(test.images) == 60
    assert len(test.images) >= 1
    assert set(tops(train)) == set(tops(test)) == {1}
    assert np.allclose(train.images, 20, atol=2)
    assert "are held out as the test split" in train.notes[0]


@pytest.mark.parametrize(
    ("pack", "files", "labelled"),
    [(tarred, isola, [1, 2]), (zipped, isola, [1, 2]), (zipped, cmp_base, [1, 2, 3])],
)
def test_an_archive_by_hand_is_unpacked_and_found(places, tmp_path, pack, files, labelled):
    said, seen = [], []
    by_hand = pack(tmp_path / "by hand", files())
    where = facades.adopt(by_hand, places, said.append, lambda *a: seen.append(a))
    assert where == places.data / "facades"
    assert "cite Tylecek and Sara" in said[0]
    pairs = sum(facades.ALL[k] for k in facades.ALL if (where / k).is_dir())
    assert seen[-1] == ("reading pictures", pairs, pairs)
    assert facades.download(places, said.append) == where
    assert len(said) == 1
    assert tops(facades.load(places, "train", 16)) == labelled
    unpacked = {path.suffix for path in where.rglob("*") if path.is_file()}
    assert unpacked <= {".jpg", ".png"}
    assert [path.name for path in places.data.iterdir()] == ["facades"]


def less(files, *names):
    return {name: data for name, data in files.items() if name not in names}


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        (lambda: less(isola(), "facades/val/1.jpg"), "holds 3 of 4 pairs."),
        (lambda: {**isola(), "facades/train/3.jpg": side_by_side(5)}, "holds 5 of 4 pairs."),
        (lambda: {**isola(), "facades/train/1.jpg": side_by_side(1)[:400]}, "holds 3 of 4 pairs."),
        (lambda: less(cmp_base(), "base/2.png"), "holds 2 of 3 pairs."),
        (lambda: {"base/1.jpg": saved(photo(1))}, "holds 0 of 3 pairs."),
        (lambda: {"else/1.jpg": side_by_side(1)}, "holds 0 of 4 pairs."),
    ],
)
def test_pairs_that_are_missing_or_broken_leave_nothing(places, tmp_path, files, reason):
    with pytest.raises(DataError) as failure:
        facades.adopt(tarred(tmp_path / "some.tar.gz", files()), places)
    assert failure.value.message == f"some.tar.gz {reason}"
    assert failure.value.hint == facades.BY_HAND
    assert nothing_is_left(places)


def encrypted(data: bytes) -> bytes:
    """A zip archive whose first file asks for a password."""
    spoilt, entry = bytearray(data), data.find(b"PK\1\2")
    spoilt[6] |= 1
    spoilt[entry + 8] |= 1
    return bytes(spoilt)


@pytest.mark.parametrize(
    ("pack", "spoil"),
    [
        (tarred, lambda data: PAGE),
        (tarred, lambda data: b""),
        (tarred, lambda data: data[: len(data) // 2]),
        (zipped, lambda data: data[: len(data) // 2]),
        (zipped, lambda data: data[:300] + bytes(300) + data[600:]),
        (zipped, encrypted),
    ],
)
def test_what_is_no_whole_archive_leaves_nothing(places, tmp_path, pack, spoil):
    by_hand = pack(tmp_path / "by hand", isola())
    by_hand.write_bytes(spoil(by_hand.read_bytes()))
    with pytest.raises(DataError, match=r"^by hand is no whole archive\.$") as failure:
        facades.adopt(by_hand, places)
    assert "toy-facades" in failure.value.hint
    assert nothing_is_left(places)


@pytest.mark.parametrize("pack", [tarred, zipped])
def test_a_member_that_would_fill_the_memory_is_not_read(places, tmp_path, monkeypatch, pack):
    monkeypatch.setattr(facades, "LARGEST", 20_000)
    facades.adopt(pack(tmp_path / "good", {"notes.txt": bytes(30_000), **isola()}), places)
    by_hand = pack(tmp_path / "by hand", {"train/0.jpg": bytes(30_000), **isola()})
    with pytest.raises(DataError, match=r"^by hand holds train/0.jpg of 0 MB\.$"):
        facades.adopt(by_hand, places)


@pytest.mark.parametrize("pack", [tarred, zipped])
def test_no_file_is_written_outside_the_folder(places, tmp_path, pack):
    evil = side_by_side(5)
    ways = ("../../evil.jpg", "../train/../../evil.jpg", f"{tmp_path}/evil.jpg")
    files = less({**dict.fromkeys(ways, evil), **isola()}, "facades/val/1.jpg")
    inward = {"../../train/4.jpg": evil}  # a train/ like any other
    by_hand = pack(tmp_path / "by hand", {**files, **inward})
    facades.adopt(by_hand, places)
    assert sorted(tmp_path.iterdir()) == [by_hand, places.data]
    assert (places.data / "facades" / "train" / "4.jpg").is_file()
    assert not list(tmp_path.rglob("evil.jpg"))


def test_no_file_by_hand_and_a_folder_in_the_way_are_said(places, tmp_path, archive):
    with pytest.raises(UsageError, match="There is no file"):
        facades.adopt(tmp_path / "none.zip", places)
    unpack(places.data, {"facades/notes.txt": b"mine"})
    with pytest.raises(FileError, match="Cannot write") as failure:
        facades.adopt(archive, places)
    assert "--data-dir" in failure.value.hint
    assert [path.name for path in places.data.rglob("*")] == ["facades", "notes.txt"]


def test_mirrors_are_tried_in_order_until_one_serves(places, site, monkeypatch):
    names = ("none/facades.tar.gz", "page/facades.tar.gz", "good/facades.tar.gz", "never/asked.zip")
    monkeypatch.setattr(facades, "MIRRORS", tuple(f"{site.at}/{name}" for name in names))
    said = []
    assert tops(facades.load(places, "train", 16, said.append)) == [1, 2]
    host = site.at.removeprefix("http://")
    assert site.asked == [f"/{name}" for name in names[:3]]
    assert "cite Tylecek and Sara" in said[0]
    assert said[1] == f"facades: {host}: the server answers 404 Not Found."
    assert said[2] == f"facades: {host}: a web page came ('Moved') instead of the file."
    assert said[3] == f"facades: from {host}."
    assert [path.name for path in places.data.iterdir()] == ["facades"]


def test_where_no_mirror_serves_the_way_by_hand_is_said(places, site, archive, monkeypatch):
    tarred(archive, less(isola(), "facades/val/1.jpg"))
    mirrors = (f"{site.at}/page/facades.tar.gz", f"{site.at}/good/facades.tar.gz")
    monkeypatch.setattr(facades, "MIRRORS", mirrors)
    said = []
    with pytest.raises(DataError, match="from no source") as failure:
        facades.load(places, "train", 16, said.append)
    assert said[-1].endswith(": facades.tar.gz holds 3 of 4 pairs.")
    assert "--from CMP_facade_DB_base.zip" in failure.value.hint
    assert "toy-facades" in failure.value.hint
    assert nothing_is_left(places)


@pytest.mark.skipif(not (DATA / "facades").is_dir(), reason="GAN_DATA_DIR has no facades")
def test_the_real_facades(tmp_path):
    here = Places(data=DATA, cache=tmp_path)
    for split, count in (("train", 278), ("test", 50)):
        pictures = facades.load(here, split, 64)
        assert pictures.images.shape == pictures.partners.shape == (count, 64, 64, 3)
        assert pictures.notes == ()
        numbers = pairs.nearest(pictures.partners, PALETTE)
        np.testing.assert_array_equal(pairs.colours(PALETTE)[numbers], pictures.partners)
        assert set(np.unique(numbers)) == set(range(12))
