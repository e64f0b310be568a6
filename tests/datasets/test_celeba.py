"""Faces are cut as is usual, from a folder or an archive, and parted by their numbers."""

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
    """A picture of one colour within CelebA's square, and of red outside."""
    image = Image.new("RGB", size, RED)
    image.paste(value, celeba.BOXES.get(size, (0, 0, *size)))
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, quality=95, subsampling=0)
    return path


def some(root: Path, numbers, size=HALF) -> None:
    """Pictures whose colour tells their number."""
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
    """A small archive in the place of the large one; nobody has it but the test."""
    some(tmp_path / "unpacked", range(1, 6), FULL)
    path = zipped(tmp_path / "unpacked", tmp_path / "by hand.zip")
    data = path.read_bytes()
    file = File(name=celeba.ARCHIVE.name, sha256=hashlib.sha256(data).hexdigest(), size=len(data))
    monkeypatch.setattr(celeba, "ARCHIVE", file)
    monkeypatch.setattr(celeba, "MIRRORS", ())
    return path


@pytest.fixture
def site(archive, monkeypatch):
    """A server of two mirrors: `/page` has used up its quota, `/good/NAME` serves the archive."""

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
    monkeypatch.setattr(transfer, "ANSWER_SECONDS", 30)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("size", [FULL, HALF])
@pytest.mark.parametrize("side", [16, 32, 64, 128])
def test_the_square_about_the_face_is_cut_at_any_size(places, root, size, side):
    draw(root / "000001.jpg", size)
    pictures = celeba.load(places, "train", side)
    assert pictures.images.shape == (1, side, side, 3)
    assert abs(pictures.images.astype(int) - BLUE).max() < 40, "red is from outside the square"
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


def test_other_sizes_are_refused_and_named(places, root):
    some(root, [1])
    draw(root / "000002.jpg", (64, 80))
    with pytest.raises(DataError, match=r"is 64x80: CelebA's are 178x218, or 89x109") as failure:
        celeba.load(places, "train")
    assert f"--dataset {root}" in failure.value.hint


def test_the_partition_goes_by_number(places, root):
    train, between, test = range(162_751, 162_771), [162_771, 182_637], range(182_638, 182_658)
    some(root, [*train, *between, *test])
    pictures = celeba.load(places, "train", 16), celeba.load(places, "test", 16)
    assert np.allclose(values(pictures[0]), [n % 250 for n in train], atol=2)
    assert np.allclose(values(pictures[1]), [n % 250 for n in test], atol=2)
    assert pictures[0].notes == ()


def test_a_part_without_test_pictures_holds_out_a_tenth(places, root):
    some(root, range(1, 61))
    train, test = celeba.load(places, "train", 16), celeba.load(places, "test", 16)
    held = [n for n in range(1, 61) if folder.held_out(f"{n:06d}.jpg")]
    assert np.allclose(values(test), held, atol=2)
    assert len(train.images) == 60 - len(held)
    assert f"{len(held)} of the 60 pictures" in train.notes[0]
    assert "182638.jpg" in train.notes[1]


def test_few_pictures_are_all_for_training(places, root):
    some(root, range(1, 6))
    assert len(celeba.load(places, "train", 16).images) == 5
    with pytest.raises(DataError, match="no test pictures"):
        celeba.load(places, "test", 16)


def test_only_numbers_name_pictures(places, root):
    draw(root / "deep" / "000001.jpg")
    draw(root / "me.jpg", (300, 300))
    assert len(celeba.load(places, "train", 16).images) == 1
    (root / "deep" / "000001.jpg").unlink()
    with pytest.raises(DataError, match="no pictures of CelebA in"):
        celeba.load(places, "train", 16)


def test_the_second_start_reads_no_picture_until_one_changes(places, root):
    some(root, [1, 2])
    said = []
    first, again = (celeba.load(places, "train", 16, said.append) for _ in range(2))
    assert said == [f"{root}: reading 2 pictures, once."]
    np.testing.assert_array_equal(first.images, again.images)
    assert first.digest == again.digest
    some(root, [3])
    assert len(celeba.load(places, "train", 16, said.append).images) == 3
    assert celeba.load(places, "train", 32).images.shape[1] == 32


def test_broken_pictures_are_skipped_and_named(places, root):
    some(root, [1, 2])
    (root / "000002.jpg").write_bytes((root / "000002.jpg").read_bytes()[:500])
    pictures = celeba.load(places, "train", 16)
    assert len(pictures.images) == 1
    assert "000002.jpg (cut short)" in pictures.notes[-1]


def test_an_archive_is_read_as_its_folder_would_be(places, root, archive):
    shutil.copytree(archive.parent / "unpacked", root, dirs_exist_ok=True)
    from_folder = celeba.load(places, "train", 32)
    shutil.rmtree(root)
    shutil.copy(archive, root.with_suffix(".zip"))
    seen, said = [], []
    from_archive = celeba.load(places, "train", 32, said.append, lambda *a: seen.append(a))
    np.testing.assert_array_equal(from_folder.images, from_archive.images)
    assert len(from_archive.images) == 5
    assert seen[-1] == ("reading pictures", 5, 5)
    celeba.load(places, "train", 32, said.append)
    assert said == [f"{root.with_suffix('.zip')}: reading 5 pictures, once."]


def test_an_archive_goes_before_a_part_of_it(places, root, archive):
    some(root, [1])
    shutil.copy(archive, root.with_suffix(".zip"))
    assert len(celeba.load(places, "train", 16).images) == 5


def test_a_damaged_archive_is_said(places, root):
    root.with_suffix(".zip").write_bytes(PAGE)
    with pytest.raises(DataError, match="is no archive that can be read") as failure:
        celeba.load(places, "train", 16)
    assert failure.value.hint == "gan datasets download celeba"


def test_a_quota_page_is_passed_over_and_the_terms_come_first(places, site, monkeypatch):
    drive = Mirror(f"{site}/page?id=1", whole=True)
    monkeypatch.setattr(celeba, "MIRRORS", (drive, Mirror(f"{site}/good")))
    said = []
    assert len(celeba.load(places, "train", 16, said.append).images) == 5
    assert "non-commercial research only" in said[0] and "ICCV 2015" in said[0]
    assert "a web page came ('Google Drive - Quota exceeded')" in said[1]
    assert (places.data / "celeba" / "img_align_celeba.zip").is_file()


def test_where_no_mirror_serves_the_way_by_hand_is_said(places, site, monkeypatch):
    monkeypatch.setattr(celeba, "MIRRORS", (Mirror(f"{site}/page"),))
    with pytest.raises(DataError, match="No source serves celeba") as failure:
        celeba.download(places)
    assert "--from img_align_celeba.zip" in failure.value.hint


def test_download_is_content_with_all_pictures_and_not_with_a_part(
    places, root, archive, monkeypatch
):
    some(root, [1, 2])
    said = []
    with pytest.raises(DataError):
        celeba.download(places)
    monkeypatch.setattr(celeba, "ALL", 2)
    assert celeba.download(places, said.append) == root.parent
    assert not said


def test_an_archive_by_hand_is_verified_and_copied(places, archive):
    seen, said = [], []
    where = celeba.adopt(archive, places, said.append, lambda *a: seen.append(a))
    assert where == places.data / "celeba"
    assert (where / "img_align_celeba.zip").read_bytes() == archive.read_bytes()
    assert seen[-1] == ("by hand.zip", celeba.ARCHIVE.size, celeba.ARCHIVE.size)
    assert "no redistribution" in said[0]
    assert celeba.download(places) == where
    assert len(celeba.load(places, "train", 16).images) == 5


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda data: PAGE, "is a web page ('Google Drive - Quota exceeded'), not the file."),
        (lambda data: data[:-9], "is cut short"),
        (lambda data: b"x" + data[1:], "does not hold what it should."),
    ],
)
def test_another_file_by_hand_is_refused_and_not_kept(places, archive, spoil, reason):
    archive.write_bytes(spoil(archive.read_bytes()))
    with pytest.raises(DataError) as failure:
        celeba.adopt(archive, places)
    assert reason in failure.value.message
    assert "img_align_celeba" in failure.value.hint
    assert not list((places.data / "celeba").iterdir())


def test_no_file_by_hand_and_no_room_for_it_are_said(places, archive, tmp_path):
    with pytest.raises(UsageError, match="There is no file"):
        celeba.adopt(tmp_path / "none.zip", places)
    (tmp_path / "data").write_text("in the way")
    with pytest.raises(FileError, match="Cannot write") as failure:
        celeba.adopt(archive, places)
    assert "--data-dir" in failure.value.hint


def test_the_command_takes_an_archive_and_only_where_there_is_one(gan: Command, tmp_path):
    (tmp_path / "page.zip").write_bytes(PAGE)
    done = gan("datasets", "download", "celeba", "--from", "page.zip", code=1)
    assert "Quota exceeded" in done.stderr and "non-commercial" in done.stderr
    done = gan("datasets", "download", "mnist", "--from", "page.zip", code=2)
    assert "mnist is no single archive" in done.stderr


@pytest.mark.skipif(not (DATA / "celeba").is_dir(), reason="GAN_DATA_DIR has no celeba")
def test_a_few_of_the_real_faces(places, root):
    real = sorted((DATA / "celeba" / "img_align_celeba").glob("*.jpg"))[:20]
    for path in real:
        (root / path.name).symlink_to(path)
    pictures = celeba.load(places, "train")
    assert pictures.images.shape[1:] == (64, 64, 3)
    skin = pictures.images[:, 24:40, 24:40].mean((0, 1, 2))
    assert skin[0] > skin[1] > skin[2], "the middle of a face is redder than it is blue"
    assert skin[0] > 1.1 * pictures.images[:, :8].mean(), "and brighter than what is above it"
