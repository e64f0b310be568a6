"""Facades load from both layouts, and an archive is unpacked completely or not at all."""

import hashlib
import os
import re
import shutil
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
    monkeypatch.setattr(facades, "EXPECTED_PAIRS", {"train": 4, "base": 3})
    return Places(data=tmp_path / "data", cache=tmp_path / "cache")


def saved(picture, suffix=".jpg") -> bytes:
    out = BytesIO()
    Image.fromarray(picture).save(out, "png" if suffix == ".png" else "jpeg", quality=90)
    return out.getvalue()


def photo(value):
    return np.full((32, 32, 3), value, np.uint8)


def labels(number):
    """Return a label map: label `number` in the upper half, background in the lower half."""
    colours = pairs.palette_array(PALETTE)
    return colours[np.array([number] * 16 + [0] * 16)][:, None].repeat(32, 1)


def side_by_side(number) -> bytes:
    return saved(np.concatenate([photo(20 * number), labels(number)], 1))


def isola() -> dict[str, bytes]:
    """Return the files of the pix2pix archive, with pairs side by side."""
    files = {f"facades/train/{i}.jpg": side_by_side(i) for i in (1, 2)}
    others = {f"facades/{name}/1.jpg": side_by_side(i) for name, i in (("val", 3), ("test", 4))}
    return {**files, **others, "facades/readme.txt": b"about"}


def cmp_base() -> dict[str, bytes]:
    """Return the files of CMP's own archive."""
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


def deflated(path: Path) -> bytes:
    """Return the zip archive `path` with all its files compressed."""
    packed = BytesIO()
    with (
        zipfile.ZipFile(path) as archive,
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as other,
    ):
        for name in archive.namelist():
            other.writestr(name, archive.read(name))
    return packed.getvalue()


@pytest.fixture
def archive(tmp_path, places):
    return tarred(tmp_path / "facades.tar.gz", isola())


@pytest.fixture
def site(archive, monkeypatch):
    """A server: `/good/NAME` sends the archive, `/page/...` a web page, `/none/...` a 404."""

    class Site(BaseHTTPRequestHandler):
        def do_GET(self):
            requests.append(self.path)
            body = PAGE if self.path.startswith("/page") else archive.read_bytes()
            self.send_response(404 if self.path.startswith("/none") else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    requests = []
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(transfer, "RESPONSE_SECONDS", 30)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    server.requests, server.at = requests, f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def tops(pictures) -> list[int]:
    """Return the label in the upper half of every map; the lower half must be background."""
    numbers = pairs.nearest(pictures.partners, PALETTE)
    np.testing.assert_array_equal(pairs.palette_array(PALETTE)[numbers], pictures.partners)
    half = numbers.shape[1] // 2
    assert not numbers[:, half:].any()
    assert (numbers[:, :half] == numbers[:, :1, :1]).all()
    return numbers[:, 0, 0].tolist()


def nothing_is_left(places) -> bool:
    return not places.data.exists() or not list(places.data.iterdir())


def test_val_is_the_test_split_unless_there_is_a_test_folder(places):
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


def test_the_base_folder_pairs_photos_and_label_maps_by_name(places):
    for i in range(60):
        front = {f"{i}.jpg": saved(photo(20)), f"{i}.png": saved(labels(1), ".png")}
        unpack(places.data / "facades" / "base", front)
    train, test = facades.load(places, "train", 16), facades.load(places, "test", 16)
    assert len(train.images) + len(test.images) == 60
    assert len(test.images) >= 1
    assert set(tops(train)) == set(tops(test)) == {1}
    assert np.allclose(train.images, 20, atol=2)
    assert f"{len(test.images)} of the 60 pictures" in train.notes[0]


@pytest.mark.parametrize(
    ("pack", "files", "labelled"),
    [(tarred, isola, [1, 2]), (zipped, isola, [1, 2]), (zipped, cmp_base, [1, 2, 3])],
)
def test_adopt_unpacks_an_archive_that_load_then_finds(places, tmp_path, pack, files, labelled):
    messages, seen = [], []
    by_hand = pack(tmp_path / "by hand", files())
    where = facades.adopt(by_hand, places, messages.append, lambda *a: seen.append(a))
    assert where == places.data / "facades"
    assert "cite Tylecek and Sara" in messages[0]
    pairs = sum(facades.EXPECTED_PAIRS[k] for k in facades.EXPECTED_PAIRS if (where / k).is_dir())
    assert seen[-1] == ("reading pictures", pairs, pairs)
    assert facades.download(places, messages.append) == where
    assert len(messages) == 1
    assert tops(facades.load(places, "train", 16)) == labelled
    unpacked = {path.suffix for path in where.rglob("*") if path.is_file()}
    assert unpacked <= {".jpg", ".png"}
    assert [path.name for path in places.data.iterdir()] == ["facades"]


def less(files, *names):
    return {name: data for name, data in files.items() if name not in names}


@pytest.mark.parametrize(
    ("files", "pairs", "readable", "expected"),
    [
        (lambda: less(isola(), "facades/val/1.jpg"), 3, 3, 4),
        (lambda: {**isola(), "facades/train/3.jpg": side_by_side(5)}, 5, 5, 4),
        (lambda: {**isola(), "facades/train/1.jpg": side_by_side(1)[:400]}, 4, 3, 4),
        (lambda: less(cmp_base(), "base/2.png"), 2, 2, 3),
        (lambda: {"base/1.jpg": saved(photo(1))}, 0, 0, 3),
        (lambda: {"else/1.jpg": side_by_side(1)}, 0, 0, 4),
    ],
)
def test_adopt_refuses_an_incomplete_archive_and_leaves_nothing(
    places, tmp_path, files, pairs, readable, expected
):
    with pytest.raises(DataError) as failure:
        facades.adopt(tarred(tmp_path / "some.tar.gz", files()), places)
    assert failure.value.message.startswith("some.tar.gz ")
    numbers = re.findall(r"\d+", failure.value.message)
    assert numbers == [str(pairs), str(readable), str(expected)]
    assert failure.value.hint == facades.MANUAL_HINT
    assert nothing_is_left(places)


def encrypted(data: bytes) -> bytes:
    """Return a zip archive whose first file is marked as encrypted."""
    spoilt, entry = bytearray(data), data.find(b"PK\1\2")
    spoilt[6] |= 1
    spoilt[entry + 8] |= 1
    return bytes(spoilt)


def spoilt_entry(data: bytes, offset: int, value: int) -> bytes:
    """Return a zip archive with another byte in the directory entry of its first file."""
    spoilt = bytearray(data)
    spoilt[data.find(b"PK\1\2") + offset] = value
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
        (zipped, lambda data: spoilt_entry(data, 6, 99)),  # needs a future version to unpack
        (zipped, lambda data: spoilt_entry(spoilt_entry(data, 9, 8), 46, 0xFF)),  # name: not UTF-8
        (zipped, lambda data: spoilt_entry(data, 10, 99)),  # unknown method of compression
    ],
)
def test_adopt_refuses_a_damaged_archive_and_leaves_nothing(places, tmp_path, pack, spoil):
    by_hand = pack(tmp_path / "by hand", isola())
    by_hand.write_bytes(spoil(by_hand.read_bytes()))
    with pytest.raises(DataError, match=r"^by hand ") as failure:
        facades.adopt(by_hand, places)
    assert "toy-facades" in failure.value.hint
    assert nothing_is_left(places)


@pytest.mark.parametrize("pack", [tarred, zipped])
def test_adopt_refuses_an_archive_with_a_huge_picture(places, tmp_path, monkeypatch, pack):
    monkeypatch.setattr(facades, "MAX_PICTURE_BYTES", 20_000)
    facades.adopt(pack(tmp_path / "good", {"notes.txt": bytes(30_000), **isola()}), places)
    by_hand = pack(tmp_path / "by hand", {"train/0.jpg": bytes(30_000), **isola()})
    with pytest.raises(DataError, match=r"^by hand .*train/0\.jpg.*\(0 MB\)"):
        facades.adopt(by_hand, places)


@pytest.mark.parametrize("pack", [tarred, zipped])
def test_adopt_writes_nothing_outside_the_folder(places, tmp_path, pack):
    evil = side_by_side(5)
    ways = ("../../evil.jpg", "../train/../../evil.jpg", f"{tmp_path}/evil.jpg")
    if pack is tarred:  # on Windows these would be outside, on a drive and in a stream
        ways += ("train/..\\..\\evil.jpg", "train/C:evil.jpg", "train/a:evil.jpg", "train/\033.jpg")
    files = less({**dict.fromkeys(ways, evil), **isola()}, "facades/val/1.jpg")
    inward = {"../../train/4.jpg": evil}  # ends up in train/
    by_hand = pack(tmp_path / "by hand", {**files, **inward})
    facades.adopt(by_hand, places)
    assert sorted(tmp_path.iterdir()) == [by_hand, places.data]
    assert (places.data / "facades" / "train" / "4.jpg").is_file()
    assert not list(tmp_path.rglob("*evil.jpg")) + list(tmp_path.rglob("\033*"))


@pytest.mark.parametrize("pack", [tarred, zipped])
def test_adopt_refuses_an_archive_that_is_or_becomes_too_large(places, tmp_path, monkeypatch, pack):
    by_hand = pack(tmp_path / "by hand", isola())
    monkeypatch.setattr(facades, "MAX_ARCHIVE_BYTES", by_hand.stat().st_size - 1)
    with pytest.raises(DataError, match=r"^by hand is not usable: it is larger than 0 MB\."):
        facades.adopt(by_hand, places)
    # a zip archive may count only its pictures
    by_hand = pack(tmp_path / "by hand", {"train/7.jpg": bytes(90_000), **isola()})
    by_hand.write_bytes(deflated(by_hand) if pack is zipped else by_hand.read_bytes())
    monkeypatch.setattr(facades, "MAX_ARCHIVE_BYTES", 50_000)
    with pytest.raises(DataError, match=r"^by hand is not usable: it unpacks to more than 0 MB\."):
        facades.adopt(by_hand, places)
    assert nothing_is_left(places)


def test_adopt_reports_a_missing_file_and_an_existing_folder(places, tmp_path, archive):
    with pytest.raises(UsageError, match=r"none\.zip"):
        facades.adopt(tmp_path / "none.zip", places)
    unpack(places.data, {"facades/notes.txt": b"mine"})
    with pytest.raises(FileError, match="facades") as failure:
        facades.adopt(archive, places)
    assert "--data-dir" in failure.value.hint
    assert [path.name for path in places.data.rglob("*")] == ["facades", "notes.txt"]


def test_mirrors_are_tried_in_order_until_one_serves(places, site, monkeypatch):
    names = ("none/facades.tar.gz", "page/facades.tar.gz", "good/facades.tar.gz", "never/asked.zip")
    monkeypatch.setattr(facades, "MIRRORS", tuple(f"{site.at}/{name}" for name in names))
    messages = []
    assert tops(facades.load(places, "train", 16, messages.append)) == [1, 2]
    host = site.at.removeprefix("http://")
    assert site.requests == [f"/{name}" for name in names[:3]]
    assert "cite Tylecek and Sara" in messages[0]
    assert all(host in message for message in messages[1:4])
    assert "404" in messages[1] and "'Moved'" in messages[2]
    assert [path.name for path in places.data.iterdir()] == ["facades"]


def test_a_download_that_differs_from_the_first_is_refused(places, site, archive, monkeypatch):
    monkeypatch.setattr(facades, "MIRRORS", (f"{site.at}/good/facades.tar.gz",))
    messages = []
    for _ in range(2):
        shutil.rmtree(facades.download(places, messages.append))
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    record = places.cache / "facades.tar.gz.sha256"
    assert record.read_text() == f"{digest}  facades.tar.gz\n"
    assert digest in messages[-1]

    tarred(archive, {**isola(), "facades/train/1.jpg": side_by_side(9)})
    with pytest.raises(DataError):
        facades.download(places, messages.append)
    assert f"to accept it, delete {record}" in messages[-1]
    assert nothing_is_left(places)
    record.unlink()
    assert facades.download(places).is_dir()


def test_the_archive_of_a_failed_download_is_not_the_first(places, site, archive, monkeypatch):
    monkeypatch.setattr(facades, "MIRRORS", (f"{site.at}/good/facades.tar.gz",))
    good = archive.read_bytes()
    tarred(archive, less(isola(), "facades/val/1.jpg"))
    with pytest.raises(DataError):
        facades.download(places)
    archive.write_bytes(good)
    places.cache.write_text("in the way")
    assert facades.download(places).is_dir()


def test_without_a_working_mirror_the_hint_shows_the_manual_download(
    places, site, archive, monkeypatch
):
    tarred(archive, less(isola(), "facades/val/1.jpg"))
    mirrors = (f"{site.at}/page/facades.tar.gz", f"{site.at}/good/facades.tar.gz")
    monkeypatch.setattr(facades, "MIRRORS", mirrors)
    messages = []
    with pytest.raises(DataError, match="facades") as failure:
        facades.load(places, "train", 16, messages.append)
    assert "facades.tar.gz has 3 pairs" in messages[-1]
    assert "--from CMP_facade_DB_base.zip" in failure.value.hint
    assert "toy-facades" in failure.value.hint
    assert nothing_is_left(places)


@pytest.mark.skipif(not (DATA / "facades").is_dir(), reason="GAN_DATA_DIR has no facades")
def test_the_real_facades_load_with_pure_label_colours(tmp_path):
    here = Places(data=DATA, cache=tmp_path)
    for split, count in (("train", 278), ("test", 50)):
        pictures = facades.load(here, split, 64)
        assert pictures.images.shape == pictures.partners.shape == (count, 64, 64, 3)
        assert pictures.notes == ()
        numbers = pairs.nearest(pictures.partners, PALETTE)
        np.testing.assert_array_equal(pairs.palette_array(PALETTE)[numbers], pictures.partners)
        assert set(np.unique(numbers)) == set(range(12))
