"""Verifying files: valid copies are found, compressed or not, and bad ones get a reason."""

import gzip
import hashlib
import os
import tracemalloc

import pytest

from gancli.data.verify import File, contents, find, web_page_title
from gancli.errors import DataError

DATA = os.urandom(300_000)
PACKED = gzip.compress(DATA)
FILE = File(name="some.gz", sha256=hashlib.sha256(DATA).hexdigest(), size=len(DATA))
PAGE = b"\n<!DOCTYPE html><html><head><title>Quota exceeded &amp; more</title></head></html>"


@pytest.mark.parametrize("name", ["some.gz", "some"])
@pytest.mark.parametrize("body", [PACKED, DATA])
def test_find_returns_contents_compressed_or_not(tmp_path, name, body):
    (tmp_path / name).write_bytes(body)
    assert find(FILE, [tmp_path / "none", tmp_path]) == DATA


def test_find_skips_invalid_files(tmp_path):
    assert find(FILE, [tmp_path]) is None
    (tmp_path / "some.gz").write_bytes(PAGE)
    assert find(FILE, [tmp_path]) is None
    (tmp_path / "some").write_bytes(DATA)
    assert find(FILE, [tmp_path]) == DATA


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (PAGE, "'Quota exceeded & more'"),
        (PACKED[:5000], f"of {len(DATA):,} bytes"),
        (PACKED[:5000] + b"junk" * 9 + PACKED[5036:], "gzip|SHA-256"),
        (gzip.compress(DATA[1:] + b"x"), "SHA-256"),
        (gzip.compress(DATA + bytes(10**7)), "SHA-256"),
        (b"", f"0 of {len(DATA):,} bytes"),
    ],
)
def test_contents_raises_data_error_with_the_reason(tmp_path, body, reason):
    (tmp_path / "some.gz").write_bytes(body)
    with pytest.raises(DataError, match=f"some.gz .*({reason})"):
        contents(tmp_path / "some.gz", FILE)


def test_a_gzip_bomb_does_not_fill_the_memory(tmp_path):
    (tmp_path / "some.gz").write_bytes(gzip.compress(bytes(100_000_000)))
    tracemalloc.start()
    with pytest.raises(DataError):
        contents(tmp_path / "some.gz", FILE)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


@pytest.mark.parametrize(
    ("data", "title"),
    [
        (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "AccessDenied"),
        (b"\xef\xbb\xbf  <html><body>hello</body></html>", "no title"),
        (b"<svg/>", ""),
        (PACKED, ""),
        (b"", ""),
    ],
)
def test_web_page_title_recognises_pages(data, title):
    assert web_page_title(data) == title
