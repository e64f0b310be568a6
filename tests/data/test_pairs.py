"""Pairs are side by side or in two folders, cropped alike, and label maps keep their colours."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gancli.data import pairs
from gancli.data.cmp import PALETTE
from gancli.data.folder import PictureFile
from gancli.data.pictures import Places
from gancli.data.rows import RowWriter
from gancli.datasets import open_pictures, toy_facades
from gancli.errors import DataError, UsageError

RED, BLUE = (255, 0, 0), (0, 0, 255)


@pytest.fixture
def places(tmp_path):
    return Places(data=tmp_path / "data", cache=tmp_path / "cache")


@pytest.fixture
def root(tmp_path):
    path = tmp_path / "fronts"
    path.mkdir()
    return path


def put(path: Path, value=0, size=(20, 20)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, value).save(path)
    return path


def beside(path: Path, a, b, **options) -> Path:
    """Save two pictures, uint8 (H, W, 3), side by side in one file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate([a, b], 1)).save(path, **options)
    return path


def plain(value, size=(20, 20)):
    return np.full((*size, 3), value, np.uint8)


def values(pictures) -> list[tuple[int, int]]:
    """Return the values that A and B of each pair are filled with."""
    pairs = zip(pictures.images[:, 0, 0, 0], pictures.partners[:, 0, 0, 0], strict=True)
    return [(int(a), int(b)) for a, b in pairs]


def load(places, root, split="train", size=16, **options):
    return open_pictures(str(root), places, split, size=size, pairs=True, **options)


def decode(path: Path, size: int, palette=(), partner: Path | None = None):
    """Decode one pair to A and B, each uint8 (size, size, 3)."""
    found, memory = PictureFile(path=path, name=path.name, group="", partner=partner), io.BytesIO()
    pairs.decode_all(RowWriter(memory), [found], size, palette)
    return np.frombuffer(memory.getvalue(), np.uint8).reshape(2, size, size, 3)


def test_the_left_half_of_a_side_by_side_picture_is_a(places, root):
    for i in range(3):
        beside(root / "train" / f"{i}.png", plain(i), plain(100 + i))
    beside(root / "val" / "9.png", plain(9), plain(109))
    train, test = load(places, root), load(places, root, "test")
    assert values(train) == [(0, 100), (1, 101), (2, 102)]
    assert values(test) == [(9, 109)]
    assert train.images.shape == train.partners.shape == (3, 16, 16, 3)
    assert (train.name, train.split, train.palette, train.labels) == ("fronts", "train", (), None)
    assert (train.notes, len(train.digest)) == ((), 64)
    assert load(places, root, size=None).images.shape == (3, 256, 256, 3)


@pytest.mark.parametrize(
    "layout",
    [
        ("trainA", "trainB", "testA", "testB"),
        ("train/A", "train/B", "val/A", "val/B"),
    ],
)
def test_pairs_in_two_folders_are_matched_by_name_in_each_split(places, root, layout):
    train_a, train_b, test_a, test_b = (root / name for name in layout)
    for i in (2, 1):
        put(train_a / f"{i}.png", i)
        put(train_b / f"{i}.bmp", 100 + i)
    put(test_a / "deep" / "1.png", 7)
    put(test_b / "deep" / "1.png", 107)
    assert values(load(places, root)) == [(1, 101), (2, 102)]
    assert values(load(places, root, "test")) == [(7, 107)]


def test_two_folders_without_splits_hold_out_a_tenth(places, root):
    for i in range(60):
        put(root / "A" / f"{i}.png", i)
        put(root / "B" / f"{i}.png", 100 + i)
    train, test = values(load(places, root)), values(load(places, root, "test"))
    assert sorted(train + test) == [(i, 100 + i) for i in range(60)]
    assert 1 <= len(test) <= 15
    assert f"{len(test)} of the 60 pictures" in load(places, root).notes[0]


def test_no_matching_names_or_no_test_pairs_is_a_data_error(places, root):
    put(root / "A" / "1.png")
    put(root / "B" / "2.png")
    with pytest.raises(DataError, match="fronts") as failure:
        load(places, root)
    assert "trainA" in failure.value.hint
    put(root / "B" / "1.png")
    with pytest.raises(DataError, match="fronts") as failure:
        load(places, root, "test")
    assert "testA" in failure.value.hint


def test_files_without_a_partner_are_named_again_after_a_change(places, root):
    for name in ("A/1.png", "B/1.png", "A/2.png", "B/3.png"):
        put(root / name)
    for _ in range(2):  # decoded, then from the cache
        pictures = load(places, root)
        assert len(pictures.images) == 1
        assert "A/2.png, B/3.png." in pictures.notes[0]
    put(root / "A" / "4.png")
    assert "A/2.png, A/4.png, B/3.png." in load(places, root).notes[0]


def test_broken_pairs_are_skipped_and_named_or_refused(places, root):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    cut = beside(root / "a cut.png", noise, noise)
    cut.write_bytes(cut.read_bytes()[:3000])
    beside(root / "b good.png", plain(1), plain(2))
    put(root / "c odd.png", size=(41, 20))
    (root / "d text.png").write_text("nothing")
    pictures = load(places, root)
    assert values(pictures) == [(1, 2)]
    for name in ("a cut.png (", "c odd.png (", "41 pixels", "d text.png ("):
        assert name in pictures.notes[0]
    assert "b good.png" not in pictures.notes[0]
    with pytest.raises(DataError, match=r"a cut\.png") as failure:
        load(places, root, broken="refuse")
    assert "--broken skip" in failure.value.hint
    (root / "b good.png").unlink()
    (root / "c odd.png").unlink()
    with pytest.raises(DataError, match=r"fronts.* a cut\.png"):
        load(places, root)


def test_a_pair_whose_sizes_differ_is_skipped_or_refused(places, root):
    for name, width in (("1", 20), ("2", 30)):
        put(root / "A" / f"{name}.png")
        put(root / "B" / f"{name}.png", size=(width, 20))
    pictures = load(places, root)
    assert len(pictures.images) == 1
    assert all(value in pictures.notes[0] for value in ("2.png (", "20x20", "30x20"))
    with pytest.raises(DataError, match=r"2.png \(.*20x20.*30x20"):
        load(places, root, broken="refuse")


@pytest.mark.parametrize("in_two", [False, True])
@pytest.mark.parametrize("size", [24, 12])
def test_both_halves_are_cropped_alike(tmp_path, in_two, size):
    marked = np.full((24, 40, 3), BLUE, np.uint8)
    marked[8:12, 22:26] = RED  # the crop keeps columns 8 to 32
    if in_two:
        path, partner = tmp_path / "a.png", tmp_path / "b.png"
        for file in (path, partner):
            Image.fromarray(marked).save(file)
    else:
        path, partner = beside(tmp_path / "ab.png", marked, marked), None
    expected = np.zeros((24, 24), bool)
    expected[8:12, 14:18] = True
    expected = expected[:: 24 // size, :: 24 // size]
    for palette in ((), (("sky", BLUE), ("wall", RED))):
        pair = decode(path, size, palette, partner)
        for half in pair:
            np.testing.assert_array_equal(half[..., 0] > 127, expected)


def test_labels_blurred_by_jpeg_are_snapped_to_the_palette(tmp_path):
    colours = pairs.palette_array(PALETTE)
    blocks = colours[np.random.default_rng(0).integers(0, len(PALETTE), (8, 8))]
    labels = blocks.repeat(16, 0).repeat(16, 1)
    path = beside(tmp_path / "1.jpg", plain(128, (128, 128)), labels, quality=75)
    known = set(map(tuple, colours.tolist()))
    blurred = set(map(tuple, np.asarray(Image.open(path))[:, 128:].reshape(-1, 3).tolist()))
    assert blurred - known, "the file has colours outside the palette"
    for size in (128, 50):
        assert set(map(tuple, decode(path, size, PALETTE)[1].reshape(-1, 3).tolist())) <= known
    np.testing.assert_array_equal(decode(path, 8, PALETTE)[1], blocks)


def test_resizing_does_not_mix_labels(tmp_path):
    palette = (("black", (0, 0, 0)), ("gray", (128, 128, 128)), ("white", (255, 255, 255)))
    board = plain(0, (32, 32))
    board[(np.indices((32, 32)).sum(0) % 2).astype(bool)] = 255
    a, b = decode(beside(tmp_path / "1.png", board, board), 12, palette)
    assert set(np.unique(b)) <= {0, 255}
    assert set(np.unique(a)) - {0, 255}, "photos are antialiased"


def test_nearest_matches_a_brute_force_search():
    pictures = np.random.default_rng(0).integers(0, 256, (3, 20, 30, 3), np.uint8)
    colours = pairs.palette_array(PALETTE).astype(int)
    distances = np.square(pictures[..., None, :].astype(int) - colours).sum(-1)
    np.testing.assert_array_equal(pairs.nearest(pictures, PALETTE), distances.argmin(-1))
    np.testing.assert_array_equal(pairs.nearest(pairs.palette_array(PALETTE), PALETTE), range(12))


def test_single_pictures_are_refused_unless_they_are_in_a_and_b(places, root):
    photos = [toy_facades.draw(i)[0] for i in range(12)]
    for i, photo in enumerate(photos):
        for name in (f"{i}.png", f"A/{i}.png", f"B/{i}.png"):
            path = root / ("whole" if "/" not in name else "") / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(photo[: 256 - 4 * i]).save(path)
    with pytest.raises(DataError, match=r"whole.*of 12, and they have 12 different") as failure:
        load(places, root / "whole")
    assert "trainA" in failure.value.hint
    assert f"gan train dcgan --dataset {root / 'whole'}" in failure.value.hint
    for file in (root / "whole").iterdir():
        Image.new("RGB", (20, 10)).save(file)
    assert len(load(places, root / "whole").images) == 12, "black pictures may be anything"
    assert len(load(places, root).images) == 12


def test_pairs_are_decoded_again_only_if_a_file_changes(places, root):
    put(root / "A" / "1.png", 1)
    put(root / "B" / "1.png", 2)
    messages = []
    first, again = (load(places, root, say=messages.append) for _ in range(2))
    assert len(messages) == 1 and str(root) in messages[0]
    assert values(first) == values(again) == [(1, 2)]
    assert first.digest == again.digest
    assert again.images.flags.writeable and again.partners.flags.writeable
    put(root / "B" / "1.png", 3)
    os.utime(root / "B" / "1.png", (1, 1))
    changed = load(places, root, say=messages.append)
    assert (values(changed), len(messages)) == ([(1, 3)], 2)
    assert changed.digest != first.digest


def test_a_dataset_without_pairs_is_a_usage_error(places):
    with pytest.raises(UsageError, match="mnist") as failure:
        open_pictures("mnist", places, pairs=True)
    assert "toy-facades" in failure.value.hint
