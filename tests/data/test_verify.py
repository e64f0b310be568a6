"""A file is what it should be, compressed or not, or what is wrong with it is said."""

import gzip
import hashlib
import os
import tracemalloc

import pytest

from gancli.data.verify import File, contents, find, title_of_page
from gancli.errors import DataError

DATA = os.urandom(300_000)
PACKED = gzip.compress(DATA)
FILE = File(name="some.gz", sha256=hashlib.sha256(DATA).hexdigest(), size=len(DATA))
PAGE = b"\n<!DOCTYPE html><html><head><title>Quota exceeded &amp; more</title></head></html>"


@pytest.mark.parametrize("name", ["some.gz", "some"])
@pytest.mark.parametrize("body", [PACKED, DATA])
def test_contents_are_found_compressed_or_not(tmp_path, name, body):
    (tmp_path / name).write_bytes(body)
    assert find(FILE, [tmp_path / "none", tmp_path]) == DATA


def test_find_skips_what_is_wrong(tmp_path):
    assert find(FILE, [tmp_path]) is None
    (tmp_path / "some.gz").write_bytes(PAGE)
    assert find(FILE, [tmp_path]) is None
    (tmp_path / "some").write_bytes(DATA)
    assert find(FILE, [tmp_path]) == DATA


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (PAGE, "is a web page ('Quota exceeded & more'), not the file"),
        (PACKED[:5000], "is cut short"),
        (
            PACKED[:5000] + b"junk" * 9 + PACKED[5036:],
            "is a damaged gzip file|not hold what it should",
        ),
        (gzip.compress(DATA[1:] + b"x"), "does not hold what it should"),
        (gzip.compress(DATA + bytes(10**7)), "does not hold what it should"),
        (b"", "is cut short"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path, body, reason):
    (tmp_path / "some.gz").write_bytes(body)
    with pytest.raises(
        DataError, match=f"some.gz ({reason})".replace("('", r"\('").replace("')", r"'\)")
    ):
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
def test_pages_are_recognised(data, title):
    assert title_of_page(data) == title
