"""Decoding gives upright 8-bit gray or RGB, and a reason for each damaged file."""

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gancli.data import decode as decode_module
from gancli.data.decode import bombs_as_errors, decode, decode_all, fit, natural_size
from gancli.data.pictures import Pictures
from gancli.data.rows import RowWriter
from gancli.errors import DataError

RAMP = np.arange(256, dtype=np.uint8).reshape(16, 16)


def decoded_all(paths, size, *rest, **options):
    """Return the readable pictures, uint8 (N, size, size, C), and the reasons for the others."""
    memory = io.BytesIO()
    into = RowWriter(memory)
    reasons = decode_all(into, paths, size, *rest, **options)
    return np.frombuffer(memory.getvalue(), np.uint8).reshape(into.shape)[:, 0], reasons


def save(path: Path, image: Image.Image, **options) -> Path:
    image.save(path, **options)
    return path


def colour(size=(40, 30), value=(200, 100, 50)) -> Image.Image:
    return Image.new("RGB", size, value)


def header_of(width: int, height: int) -> bytes:
    """Return a PNG whose header claims more pixels than it has."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 99))


@pytest.mark.parametrize(
    ("image", "mode", "expected"),
    [
        (Image.new("L", (4, 4), 77), "L", 77),
        (Image.new("1", (4, 4), 1), "L", 255),
        (Image.new("LA", (4, 4), (0, 0)), "L", 255),
        (colour((4, 4)), "RGB", (200, 100, 50)),
        (Image.new("RGBA", (4, 4), (0, 0, 0, 0)), "RGB", (255, 255, 255)),
        (Image.new("RGBA", (4, 4), (255, 0, 0, 255)), "RGB", (255, 0, 0)),
        (colour((4, 4)).convert("P", palette=Image.Palette.ADAPTIVE), "RGB", (200, 100, 50)),
        (Image.fromarray(np.full((4, 4), 128 * 257, np.uint16)), "L", 128),
    ],
)
def test_decode_converts_every_mode_to_gray_or_rgb(tmp_path, image, mode, expected):
    picture = decode(save(tmp_path / "a.png", image))
    assert picture.mode == mode
    assert picture.getpixel((1, 1)) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.full((4, 4), 40_000, np.int32), 156),
        (np.full((4, 4), 40, np.int32), 40),
        (np.full((4, 4), 0.5, np.float32), 128),
        (np.full((4, 4), 100.2, np.float32), 100),
    ],
)
def test_decode_scales_deep_tiffs_by_their_range(tmp_path, values, expected):
    picture = decode(save(tmp_path / "a.tif", Image.fromarray(values)))
    assert picture.getpixel((0, 0)) == expected


def test_decode_refuses_nan(tmp_path):
    path = save(tmp_path / "a.tif", Image.fromarray(np.full((4, 4), np.nan, np.float32)))
    with pytest.raises(DataError, match="NaN"):
        decode(path)


def test_decode_puts_a_transparent_colour_over_white(tmp_path):
    path = save(tmp_path / "a.png", colour((4, 4), (1, 2, 3)), transparency=(1, 2, 3))
    assert decode(path).getpixel((0, 0)) == (255, 255, 255)


def test_decode_reads_cmyk_animations_and_other_formats(tmp_path):
    frames = [colour((8, 8), (0, 255, 0)), colour((8, 8), (255, 0, 0))]
    path = save(tmp_path / "a.gif", frames[0], save_all=True, append_images=frames[1:])
    assert decode(path).getpixel((0, 0)) == (0, 255, 0)
    cmyk = Image.new("CMYK", (8, 8), (0, 0, 0, 0))
    assert decode(save(tmp_path / "a.jpg", cmyk)).getpixel((0, 0)) == (255, 255, 255)
    assert decode(save(tmp_path / "a.webp", frames[0], lossless=True)).mode == "RGB"
    assert decode(save(tmp_path / "a.bmp", frames[0])).mode == "RGB"


def test_decode_applies_the_exif_rotation(tmp_path):
    image = Image.new("L", (40, 20))
    image.paste(255, (0, 0, 10, 20))  # white on the left
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate clockwise: left becomes top
    picture = decode(save(tmp_path / "a.jpg", image, exif=exif))
    assert picture.size == (20, 40)
    assert picture.getpixel((10, 2)) > 250
    assert picture.getpixel((10, 38)) < 5


def test_decode_reduces_a_large_jpeg_and_keeps_its_look(tmp_path):
    gradient = np.linspace(0, 255, 1600, dtype=np.float32)[None].repeat(800, 0).astype(np.uint8)
    path = save(tmp_path / "a.jpg", Image.fromarray(gradient), quality=95)
    assert decode(path, target_size=64).size < (1600, 800)
    assert min(decode(path, target_size=100).size) >= 200, "not below twice the target size"
    small = decoded_all([path], 64)[0][0].astype(int)
    exact = Image.fromarray(gradient[:, 400:1200]).resize((64, 64), Image.Resampling.LANCZOS)
    assert abs(small[..., 0] - np.asarray(exact)).max() <= 2


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "not a picture"),
        (b"<html></html>", "not a picture"),
        (header_of(16, 16)[:40], "not a picture"),
        (header_of(16, 16), "truncated"),
        (header_of(12_000, 12_000), "too many pixels"),
        (header_of(60_000, 60_000), "too many pixels"),
        (header_of(80_000_000, 1), "89 million, and 32,768 a side"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EOF\n", "not a picture"),
    ],
)
def test_decode_gives_a_reason_for_a_damaged_file(tmp_path, data, why):
    (tmp_path / "a.png").write_bytes(data)
    with bombs_as_errors(), pytest.raises(DataError) as failure:
        decode(tmp_path / "a.png")
    assert why in failure.value.message


def test_decode_refuses_a_huge_file_before_it_reads_the_file(tmp_path):
    path = save(tmp_path / "a.webp", colour())
    os.truncate(path, decode_module.MAX_FILE_BYTES + 1)
    with pytest.raises(DataError, match="larger than 536 MB"):
        decode(path)


def test_decode_all_skips_missing_and_truncated_files(tmp_path):
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
    data = io.BytesIO()
    image.save(data, "JPEG")
    (tmp_path / "cut.jpg").write_bytes(data.getvalue()[:900])
    good = save(tmp_path / "good.jpg", image)
    images, reasons = decoded_all([tmp_path / "none.jpg", good, tmp_path / "cut.jpg"], 16)
    assert reasons[1:] == ["", "truncated"]
    assert images.shape == (1, 16, 16, 3)
    assert reasons[0]


def test_decode_all_crops_the_centre(tmp_path):
    image = Image.new("L", (60, 20))
    image.paste(255, (20, 0, 40, 20))
    images, _ = decoded_all([save(tmp_path / "a.png", image)], 20)
    assert (images == 255).all()


def test_decode_all_does_not_change_pictures_of_the_right_size(tmp_path):
    images, _ = decoded_all([save(tmp_path / "a.png", Image.fromarray(RAMP))], 16)
    np.testing.assert_array_equal(images[0, ..., 0], RAMP)


def test_decode_all_is_gray_only_if_all_pictures_are(tmp_path):
    gray = save(tmp_path / "a.png", Image.fromarray(RAMP))
    same = save(tmp_path / "b.png", Image.fromarray(RAMP).convert("RGB"))
    red = save(tmp_path / "c.png", colour((16, 16)))
    assert decoded_all([gray, same], 16)[0].shape == (2, 16, 16, 1)
    mixed = decoded_all([gray, red], 16)[0]
    assert mixed.shape == (2, 16, 16, 3)
    np.testing.assert_array_equal(mixed[0], RAMP[..., None].repeat(3, -1))
    assert decoded_all([gray, red], 16, channels=1)[0].shape == (2, 16, 16, 1)
    assert decoded_all([gray], 16, channels=3)[0].shape == (1, 16, 16, 3)


def test_decode_all_keeps_the_order_and_reports_progress_over_batches(tmp_path, monkeypatch):
    monkeypatch.setattr("gancli.data.decode.BATCH", 7)
    paths = [save(tmp_path / f"{i}.png", Image.new("L", (4, 4), i)) for i in range(40)]
    seen = []
    images, _ = decoded_all(paths, 4, progress=lambda *a: seen.append(a))
    assert images[:, 0, 0, 0].tolist() == list(range(40))
    assert [done for _, done, _ in seen] == list(range(1, 41))


def test_natural_size_is_the_side_of_squares_of_one_legal_size(tmp_path):
    a = save(tmp_path / "a.png", colour((32, 32)))
    b = save(tmp_path / "b.png", colour((32, 32)))
    other = save(tmp_path / "c.png", colour((36, 36)))
    wide = save(tmp_path / "d.png", colour((32, 16)))
    assert natural_size([a, b], range(16, 257, 4), 64) == 32
    assert natural_size([a, other], range(16, 257, 4), 64) == 64
    assert natural_size([wide], range(16, 257, 4), 64) == 64
    assert natural_size([a], range(64, 257, 4), 64) == 64
    assert natural_size([], range(16, 257, 4), 64) == 64


def pictures(images: np.ndarray) -> Pictures:
    return Pictures(
        name="p", split="train", images=images, labels=np.arange(len(images)), digest="x"
    )


def test_fit_changes_size_channels_and_digest():
    gray = pictures(np.full((3, 28, 28, 1), 9, np.uint8))
    assert fit(gray) is fit(gray, 28) is fit(gray, 28, 1) is gray
    bigger = fit(gray, 32, 3)
    assert bigger.images.shape == (3, 32, 32, 3)
    assert (bigger.images == 9).all()
    assert bigger.digest != gray.digest
    np.testing.assert_array_equal(bigger.labels, gray.labels)
    assert fit(bigger, channels=1).images.shape == (3, 32, 32, 1)


def test_fit_antialiases():
    stripes = np.zeros((1, 32, 32, 1), np.uint8)
    stripes[:, ::2] = 255
    small = fit(pictures(stripes), 16).images
    assert abs(small[:, 2:-2].astype(int) - 128).max() <= 2


@pytest.mark.parametrize("text", ["", " \n"])
def test_an_error_without_text_is_named_after_its_class(text: str) -> None:
    class Broken:
        def open(self, mode: str) -> None:
            raise EOFError(text)

    with pytest.raises(DataError, match="EOFError"):
        decode(Broken())
