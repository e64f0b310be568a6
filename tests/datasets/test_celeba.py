"""CelebA: faces are cropped and split by number, from a folder or from the archive."""

import hashlib
import os
import shutil
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from conftest import Command
from PIL import Image

from gancli.data import folder, transfer
from gancli.data.decode import decode
from gancli.data.pictures import Places
from gancli.data.sources import Mirror
from gancli.data.verify import File
from gancli.datasets import celeba, open_pictures
from gancli.errors import DataError, FileError, UsageError

DATA = Path(os.environ.get("GAN_DATA_DIR", "none"))
FULL, HALF = (178, 218), (89, 109)
BLUE, RED = (0, 0, 255), (255, 0, 0)
PAGE = b"<!DOCTYPE html><html><head><title>Google Drive - Quota exceeded</title></head></html>"


@pytest.fixture
def places(tmp_path):
    return Places(data=tmp_path / "data", cache=tmp_path / "cache")


@pytest.fixture
def root(places):
    path = places.data / "celeba" / "img_align_celeba"
    path.mkdir(parents=True)
    return path


def draw(path: Path, size=FULL, value=BLUE) -> Path:
    """Save a picture of one colour inside the crop box, and red outside it."""
    image = Image.new("RGB", size, RED)
    image.paste(value, celeba.CROP_BOXES.get(size, (0, 0, *size)))
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, quality=95, subsampling=0)
    return path


def some(root: Path, numbers, size=HALF) -> None:
    """Save pictures whose gray value is their number."""
    for number in numbers:
        draw(root / f"{number:06d}.jpg", size, (number % 250,) * 3)


def values(pictures) -> list[int]:
    side = pictures.images.shape[1] // 2
    return pictures.images[:, side, side, 0].tolist()


def zipped(root: Path, into: Path) -> Path:
    into.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(into, "w") as archive:
        archive.writestr("img_align_celeba/", "")
        for path in sorted(root.iterdir()):
            archive.write(path, f"img_align_celeba/{path.name}")
        archive.writestr("__MACOSX/._000001.jpg", b"nothing")
    return into


@pytest.fixture
def archive(tmp_path, monkeypatch):
    """A small archive in place of the real one, without mirrors."""
    some(tmp_path / "unpacked", range(1, 6), FULL)
    path = zipped(tmp_path / "unpacked", tmp_path / "by hand.zip")
    data = path.read_bytes()
    file = File(name=celeba.ARCHIVE.name, sha256=hashlib.sha256(data).hexdigest(), size=len(data))
    monkeypatch.setattr(celeba, "ARCHIVE", file)
    monkeypatch.setattr(celeba, "MIRRORS", ())
    return path


@pytest.fixture
def site(archive, monkeypatch):
    """A server with two mirrors: `/page` sends a quota page, `/good/NAME` sends the archive."""

    class Site(BaseHTTPRequestHandler):
        def do_GET(self):
            body = PAGE if self.path.startswith("/page") else archive.read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(transfer, "RESPONSE_SECONDS", 30)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("size", [FULL, HALF])
@pytest.mark.parametrize("side", [16, 32, 64, 128])
def test_load_crops_the_square_around_the_face_at_any_size(places, root, size, side):
    draw(root / "000001.jpg", size)
    pictures = celeba.load(places, "train", side)
    assert pictures.images.shape == (1, side, side, 3)
    assert abs(pictures.images.astype(int) - BLUE).max() < 40, "red is outside the crop box"
    assert (pictures.name, pictures.labels, pictures.classes) == ("celeba", None, ())


@pytest.mark.parametrize(("size", "box"), [(FULL, (25, 50, 153, 178)), (HALF, (0, 10, 89, 99))])
def test_pictures_are_resized_once_and_antialiased(places, root, size, box):
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
    Image.fromarray(noise).save(root / "000001.jpg", quality=95)
    exact = decode(root / "000001.jpg").crop(box).resize((32, 32), Image.Resampling.LANCZOS)
    pictures = open_pictures("celeba", places, size=32)
    np.testing.assert_array_equal(pictures.images[0], np.asarray(exact))
    assert open_pictures("celeba", places).images.shape == (1, 64, 64, 3)
    assert open_pictures("celeba", places, size=16, channels=1).images.shape == (1, 16, 16, 1)


def test_a_picture_of_another_size_is_a_data_error(places, root):
    some(root, [1])
    draw(root / "000002.jpg", (64, 80))
    with pytest.raises(DataError, match="64x80") as failure:
        celeba.load(places, "train")
    assert f"--dataset {root}" in failure.value.hint


def test_the_official_split_goes_by_number(places, root):
    train, between, test = range(162_751, 162_771), [162_771, 182_637], range(182_638, 182_658)
    some(root, [*train, *between, *test])
    pictures = celeba.load(places, "train", 16), celeba.load(places, "test", 16)
    assert np.allclose(values(pictures[0]), [n % 250 for n in train], atol=2)
    assert np.allclose(values(pictures[1]), [n % 250 for n in test], atol=2)
    assert pictures[0].notes == ()


def test_a_tenth_is_held_out_without_the_official_test_pictures(places, root):
    some(root, range(1, 61))
    train, test = celeba.load(places, "train", 16), celeba.load(places, "test", 16)
    held = [n for n in range(1, 61) if folder.is_held_out(f"{n:06d}.jpg")]
    assert np.allclose(values(test), held, atol=2)
    assert len(train.images) == 60 - len(held)
    assert f"{len(held)} of the 60 pictures" in train.notes[0]
    assert "182638.jpg" in train.notes[1]


def test_few_pictures_all_go_to_the_train_split(places, root):
    some(root, range(1, 6))
    assert len(celeba.load(places, "train", 16).images) == 5
    with pytest.raises(DataError, match="test"):
        celeba.load(places, "test", 16)


def test_files_without_a_number_as_name_are_ignored(places, root):
    draw(root / "deep" / "000001.jpg")
    draw(root / "me.jpg", (300, 300))
    assert len(celeba.load(places, "train", 16).images) == 1
    (root / "deep" / "000001.jpg").unlink()
    with pytest.raises(DataError, match="img_align_celeba") as failure:
        celeba.load(places, "train", 16)
    assert failure.value.hint == "gan datasets download celeba"


def test_the_second_load_decodes_only_after_a_change(places, root):
    some(root, [1, 2])
    messages = []
    first, again = (celeba.load(places, "train", 16, messages.append) for _ in range(2))
    assert len(messages) == 1 and str(root) in messages[0] and "2 pictures" in messages[0]
    np.testing.assert_array_equal(first.images, again.images)
    assert first.digest == again.digest
    some(root, [3])
    assert len(celeba.load(places, "train", 16, messages.append).images) == 3
    assert celeba.load(places, "train", 32).images.shape[1] == 32


def test_broken_pictures_are_skipped_and_named(places, root):
    some(root, [1, 2])
    (root / "000002.jpg").write_bytes((root / "000002.jpg").read_bytes()[:500])
    pictures = celeba.load(places, "train", 16)
    assert len(pictures.images) == 1
    assert "000002.jpg (" in pictures.notes[-1]


def test_the_archive_and_its_unpacked_folder_load_equal_pictures(places, root, archive):
    shutil.copytree(archive.parent / "unpacked", root, dirs_exist_ok=True)
    from_folder = celeba.load(places, "train", 32)
    shutil.rmtree(root)
    shutil.copy(archive, root.with_suffix(".zip"))
    seen, messages = [], []
    from_archive = celeba.load(places, "train", 32, messages.append, lambda *a: seen.append(a))
    np.testing.assert_array_equal(from_folder.images, from_archive.images)
    assert len(from_archive.images) == 5
    assert seen[-1] == ("reading pictures", 5, 5)
    celeba.load(places, "train", 32, messages.append)
    assert len(messages) == 1 and str(root.with_suffix(".zip")) in messages[0]


def test_the_archive_is_preferred_to_a_partial_folder(places, root, archive):
    some(root, [1])
    shutil.copy(archive, root.with_suffix(".zip"))
    assert len(celeba.load(places, "train", 16).images) == 5


def spoilt(archive: Path, *changes: tuple[int, int]) -> bytes:
    """Return the archive with other bytes at offsets in the directory entry of its second file."""
    data = bytearray(archive.read_bytes())
    entry = data.find(b"PK\1\2", data.find(b"PK\1\2") + 1)
    for offset, value in changes:
        data[entry + offset] = value
    return bytes(data)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda archive: PAGE,
        lambda archive: archive.read_bytes()[:-30],
        lambda archive: spoilt(archive, (6, 99)),  # needs a future version to unpack
        lambda archive: spoilt(archive, (9, 8), (46, 0xFF)),  # a name that is not UTF-8
    ],
)
def test_a_damaged_archive_is_a_data_error(places, root, archive, spoil):
    root.with_suffix(".zip").write_bytes(spoil(archive))
    with pytest.raises(DataError, match=r"img_align_celeba\.zip") as failure:
        celeba.load(places, "train", 16)
    assert failure.value.hint == "gan datasets download celeba"


@pytest.mark.parametrize(
    "change",
    [(8, 1), (10, 99), (10, 14), (16, 77), (27, 9)],
    ids=["encrypted", "unknown method", "LZMA", "checksum", "huge"],
)
def test_pictures_that_cannot_be_unpacked_are_skipped(places, root, archive, change):
    root.with_suffix(".zip").write_bytes(spoilt(archive, change))
    pictures = celeba.load(places, "train", 16)
    assert len(pictures.images) == 4
    (note,) = [n for n in pictures.notes if "000001.jpg (" in n]
    assert "unreadable" in note


def test_a_name_that_is_a_huge_number_is_not_a_face(places, root, archive):
    with zipfile.ZipFile(archive, "a") as packed:
        packed.writestr(f"{'9' * 5000}.jpg", b"nothing")
    shutil.copy(archive, root.with_suffix(".zip"))
    assert len(celeba.load(places, "train", 16).images) == 5


def test_the_terms_are_shown_first_and_a_quota_page_is_skipped(places, site, monkeypatch):
    drive = Mirror(f"{site}/page?id=1", single_file=True)
    monkeypatch.setattr(celeba, "MIRRORS", (drive, Mirror(f"{site}/good")))
    messages = []
    assert len(celeba.load(places, "train", 16, messages.append).images) == 5
    assert "non-commercial research only" in messages[0] and "ICCV 2015" in messages[0]
    assert "'Google Drive - Quota exceeded'" in messages[1]
    assert (places.data / "celeba" / "img_align_celeba.zip").is_file()


def test_without_a_working_mirror_the_hint_shows_the_manual_download(places, site, monkeypatch):
    monkeypatch.setattr(celeba, "MIRRORS", (Mirror(f"{site}/page"),))
    with pytest.raises(DataError, match="celeba") as failure:
        celeba.download(places)
    assert "--from img_align_celeba.zip" in failure.value.hint


def test_download_accepts_a_folder_only_if_it_is_complete(places, root, archive, monkeypatch):
    some(root, [1, 2])
    messages = []
    with pytest.raises(DataError):
        celeba.download(places)
    monkeypatch.setattr(celeba, "TOTAL", 2)
    assert celeba.download(places, messages.append) == root.parent
    assert not messages


def test_adopt_verifies_and_copies_the_archive(places, archive):
    seen, messages = [], []
    where = celeba.adopt(archive, places, messages.append, lambda *a: seen.append(a))
    assert where == places.data / "celeba"
    assert (where / "img_align_celeba.zip").read_bytes() == archive.read_bytes()
    assert seen[-1] == ("by hand.zip", celeba.ARCHIVE.size, celeba.ARCHIVE.size)
    assert "no redistribution" in messages[0]
    assert celeba.download(places) == where
    assert len(celeba.load(places, "train", 16).images) == 5


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda data: PAGE, "'Google Drive - Quota exceeded'"),
        (lambda data: data[:-9], " bytes"),
        (lambda data: b"x" + data[1:], "SHA-256"),
    ],
)
def test_adopt_refuses_another_file_and_keeps_nothing(places, archive, spoil, reason):
    archive.write_bytes(spoil(archive.read_bytes()))
    with pytest.raises(DataError) as failure:
        celeba.adopt(archive, places)
    assert reason in failure.value.message
    assert "img_align_celeba" in failure.value.hint
    assert not list((places.data / "celeba").iterdir())


def test_adopt_reports_a_missing_file_and_an_unwritable_folder(places, archive, tmp_path):
    with pytest.raises(UsageError, match=r"none\.zip"):
        celeba.adopt(tmp_path / "none.zip", places)
    (tmp_path / "data").write_text("in the way")
    with pytest.raises(FileError, match=r"img_align_celeba\.zip") as failure:
        celeba.adopt(archive, places)
    assert "--data-dir" in failure.value.hint


def test_the_command_takes_an_archive_only_for_datasets_that_are_one(gan: Command, tmp_path):
    (tmp_path / "page.zip").write_bytes(PAGE)
    done = gan("datasets", "download", "celeba", "--from", "page.zip", code=1)
    assert "Quota exceeded" in done.stderr and "non-commercial" in done.stderr
    done = gan("datasets", "download", "mnist", "--from", "page.zip", code=2)
    assert "gan datasets download mnist" in done.stderr


@pytest.mark.skipif(not (DATA / "celeba").is_dir(), reason="GAN_DATA_DIR has no celeba")
def test_a_few_of_the_real_faces(places, root):
    real = sorted((DATA / "celeba" / "img_align_celeba").glob("*.jpg"))[:20]
    for path in real:
        (root / path.name).symlink_to(path)
    pictures = celeba.load(places, "train")
    assert pictures.images.shape[1:] == (64, 64, 3)
    skin = pictures.images[:, 24:40, 24:40].mean((0, 1, 2))
    assert skin[0] > skin[1] > skin[2], "the centre of a face is more red than blue"
    assert skin[0] > 1.1 * pictures.images[:, :8].mean(), "and brighter than the area above it"
