"""Sources are tried in order until a file verifies, and each failure is reported."""

import errno
import gzip
import hashlib
import http.client
import io
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from gancli.data import transfer
from gancli.data.sources import Folder, Mirror, fetch
from gancli.data.verify import File, contents
from gancli.errors import DataError, FileError
from gancli.reporting import silent

DATA = os.urandom(300_000)
PACKED = gzip.compress(DATA)
FILE = File(name="some.gz", sha256=hashlib.sha256(DATA).hexdigest(), size=len(DATA))
PAGE = b"\n<!DOCTYPE html><html><head><title>Quota exceeded &amp; more</title></head></html>"


class Site(BaseHTTPRequestHandler):
    """A server for /MANNER/some.gz: MANNER selects one of the methods below."""

    def do_GET(self):
        self.server.requests.append((self.path, self.headers["Range"]))
        getattr(self, self.path.split("/")[1])()

    def answer(self, status, body, **headers):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def moved(self):  # /moved/SCHEME/some.gz
        scheme = self.path.split("/")[2]
        address = f"{scheme}://127.0.0.1:{self.server.server_port}/good/some.gz"
        self.answer(302, b"", Location=address)

    def good(self, body=PACKED):
        requested = self.headers["Range"]
        start = int(requested.removeprefix("bytes=").rstrip("-")) if requested else 0
        if start >= len(body):
            self.answer(416, b"")
        else:
            self.answer(206 if requested else 200, body[start:])

    def recompressed(self):  # mirrors compress the same file differently
        self.good(gzip.compress(DATA, 1))

    def no_ranges(self):  # ignores the Range header
        self.answer(200, PACKED)

    def page(self):
        self.answer(200, PAGE)

    def wrong(self):
        self.answer(200, gzip.compress(DATA[::-1]))

    def missing(self):
        self.answer(404, PAGE)

    def cut(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(PACKED)))
        self.end_headers()
        self.wfile.write(PACKED[:100_000])

    def endless(self):
        self.send_response(200)
        self.end_headers()
        try:
            while True:
                self.wfile.write(bytes(100_000))
        except OSError:
            pass

    def hang(self):
        self.server.released.wait(60)

    def stall(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(PACKED)))
        self.end_headers()
        self.wfile.write(PACKED[:1000])
        self.wfile.flush()
        self.server.released.wait(60)

    def drip(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(PACKED)))
        self.end_headers()
        try:
            while not self.server.released.wait(0.01):
                self.wfile.write(b"\x1f")
                self.wfile.flush()
        except OSError:
            pass

    def log_message(self, *_):
        pass


@pytest.fixture
def site(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(transfer, "RESPONSE_SECONDS", 30)  # the test machine may be busy
    monkeypatch.setattr(transfer, "STALL_SECONDS", 30)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    server.requests, server.released = [], threading.Event()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    server.at = lambda manner: Mirror(f"http://127.0.0.1:{server.server_port}/{manner}")
    yield server
    server.released.set()
    server.shutdown()
    server.server_close()
    thread.join()


def get(sources, into, files=(FILE,)):
    messages = []
    return fetch("things", files, sources, into, messages.append), messages


@pytest.mark.parametrize(("scheme", "follows"), [("https", True), ("http", False)])
def test_a_download_stays_on_https(site, tmp_path, monkeypatch, scheme, follows):
    """The server speaks plain http, and its client is told to take that for https."""

    class Plain(http.client.HTTPConnection):
        def __init__(self, host, *, context=None, check_hostname=None, **options):
            super().__init__(host, **options)

    monkeypatch.setattr(http.client, "HTTPSConnection", Plain)
    address = site.at(f"moved/{scheme}").url.replace("http://", "https://")
    if follows:
        transfer.download(f"{address}/some.gz", tmp_path / "some.gz")
        assert (tmp_path / "some.gz").read_bytes() == PACKED
        return
    with pytest.raises(DataError, match="302 with an address that is not https"):
        transfer.download(f"{address}/some.gz", tmp_path / "some.gz")
    assert len(site.requests) == 1
    assert not list(tmp_path.iterdir())


def test_fetch_downloads_from_a_mirror_and_reports_progress(site, tmp_path):
    seen = []
    found = fetch("things", [FILE], [site.at("good")], tmp_path, progress=lambda *a: seen.append(a))
    assert found == {"some.gz": tmp_path / "some.gz"}
    assert (tmp_path / "some.gz").read_bytes() == PACKED
    assert seen[-1] == ("some.gz", len(PACKED), len(PACKED))
    assert [done for _, done, _ in seen] == sorted(done for _, done, _ in seen)
    assert not list(tmp_path.glob("*.part"))


def test_messages_name_the_failed_and_the_working_source(site, tmp_path):
    _, messages = get([site.at("page"), site.at("good")], tmp_path)
    host = f"127.0.0.1:{site.server_port}"
    failure, success = messages
    assert "things" in failure and host in failure and "'Quota exceeded & more'" in failure
    assert "things" in success and host in success and "some.gz" in success


def test_a_single_file_mirror_requests_its_exact_url(site, tmp_path):
    mirror = Mirror(f"{site.at('good').url}/download?id=1", single_file=True)
    found, messages = get([mirror], tmp_path)
    assert contents(found["some.gz"], FILE) == DATA
    assert site.requests == [("/good/download?id=1", None)]
    assert len(messages) == 1 and f"127.0.0.1:{site.server_port}" in messages[0]


@pytest.mark.parametrize(
    ("manner", "reason"),
    [
        ("page", "web page"),
        ("wrong", "SHA-256"),
        ("missing", "404"),
        ("cut", f"100,000 of {len(PACKED):,} bytes"),
        ("endless", "larger"),
    ],
)
def test_a_bad_mirror_is_skipped_and_its_reason_reported(site, tmp_path, manner, reason):
    found, messages = get([site.at(manner), site.at("good")], tmp_path)
    assert reason in messages[0]
    assert contents(found["some.gz"], FILE) == DATA


@pytest.mark.parametrize(
    ("manner", "limit", "reason"),
    [
        ("hang", "RESPONSE_SECONDS", "0.5 seconds"),
        ("stall", "STALL_SECONDS", "stalled"),
        ("drip", "STALL_SECONDS", "some.gz"),
    ],
)
def test_a_slow_mirror_is_abandoned_after_seconds(
    site, tmp_path, monkeypatch, manner, limit, reason
):
    monkeypatch.setattr(transfer, limit, 0.5 if manner == "hang" else 2)
    files = [FILE, File(name="other.gz", sha256=FILE.sha256, size=FILE.size)]
    served = site.at(manner).serve(files, tmp_path, silent)
    assert served.files == {}
    assert len(served.failures) == 1 and reason in served.failures[0]
    assert len(site.requests) <= 1, "only the first file is requested"


def test_an_unreachable_mirror_is_skipped(site, tmp_path):
    unreachable = Mirror("http://127.0.0.1:9/x")  # the discard port: no server listens there
    _, messages = get([unreachable, site.at("good")], tmp_path)
    assert "127.0.0.1:9" in messages[0] and "connection refused" in messages[0]


def test_a_mirror_that_lost_the_connection_gets_no_more_requests(site, tmp_path):
    files = [FILE, File(name="other.gz", sha256=FILE.sha256, size=FILE.size)]
    get([site.at("cut"), site.at("good")], tmp_path, files)
    assert [path for path, _ in site.requests] == [
        "/cut/some.gz",
        "/good/some.gz",
        "/good/other.gz",
    ]


def test_a_partial_download_is_resumed_from_the_next_mirror(site, tmp_path):
    get([site.at("cut"), site.at("good")], tmp_path)
    assert site.requests == [("/cut/some.gz", None), ("/good/some.gz", "bytes=100000-")]


def test_a_server_without_ranges_restarts_the_download(site, tmp_path):
    (tmp_path / "some.gz.part").write_bytes(PACKED[:500])
    found, _ = get([site.at("no_ranges")], tmp_path)
    assert found["some.gz"].read_bytes() == PACKED
    assert len(site.requests) == 1


@pytest.mark.parametrize("part", [PACKED[:1000], b"x" * 1000, PACKED + b"more"])
def test_a_wrong_part_file_is_downloaded_again(site, tmp_path, part):
    (tmp_path / "some.gz.part").write_bytes(part)
    found, _ = get([site.at("recompressed")], tmp_path)
    assert contents(found["some.gz"], FILE) == DATA


def test_a_complete_part_file_is_used(site, tmp_path):
    (tmp_path / "some.gz.part").write_bytes(PACKED)
    found, _ = get([site.at("good")], tmp_path)
    assert found["some.gz"].read_bytes() == PACKED


def test_a_web_page_does_not_overwrite_the_part_file(site, tmp_path):
    (tmp_path / "some.gz.part").write_bytes(PACKED[:1000])
    with pytest.raises(DataError):
        get([site.at("page")], tmp_path)
    assert (tmp_path / "some.gz.part").read_bytes() == PACKED[:1000]


def test_a_local_folder_comes_first_and_is_used_in_place(site, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "some.gz").write_bytes(PACKED)
    found, messages = get([Folder(tmp_path / "mine"), site.at("good")], tmp_path / "kept")
    assert found == {"some.gz": tmp_path / "mine" / "some.gz"}
    assert len(messages) == 1 and str(tmp_path / "mine") in messages[0]
    assert not site.requests
    assert not (tmp_path / "kept").exists()


def test_later_sources_are_not_asked_once_all_files_are_found(site, tmp_path):
    class Last:
        def serve(self, files, into, progress):
            raise AssertionError("this source was asked")

    assert get([site.at("good"), Last()], tmp_path)[0]


def test_a_truncated_file_in_a_folder_is_named_and_replaced(site, tmp_path):
    (tmp_path / "some.gz").write_bytes(PACKED[:-70_000])
    found, messages = get([Folder(tmp_path), site.at("good")], tmp_path)
    assert str(tmp_path) in messages[0] and f"of {len(DATA):,} bytes" in messages[0]
    assert found["some.gz"].read_bytes() == PACKED


def test_the_error_lists_all_sources_and_the_hint_works_offline(site, tmp_path):
    unreachable = Mirror("http://127.0.0.1:9/x")
    sources = [Folder(tmp_path / "none"), unreachable, site.at("wrong")]
    with pytest.raises(DataError) as failure:
        get(sources, tmp_path / "kept")
    for source in sources:
        assert f"{source}: " in failure.value.message
    assert "things" in failure.value.message and "some.gz" in failure.value.message
    assert "--dataset glyphs" in failure.value.hint
    assert str(tmp_path / "kept") in failure.value.hint
    assert [p.name for p in (tmp_path / "kept").iterdir()] == [".lock"]


def test_an_unwritable_folder_is_a_file_error(site, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(FileError, match="below"):
        get([site.at("good")], tmp_path / "file" / "below")


class FullDisk(io.BytesIO):
    def write(self, _):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_is_a_file_error(site, tmp_path, monkeypatch):
    monkeypatch.setattr(transfer, "open_in_place", lambda *_: FullDisk())
    with pytest.raises(FileError, match="no space left on device") as failure:
        transfer.download(f"{site.at('good').url}/some.gz", tmp_path / "some.gz.part")
    assert failure.value.__cause__.errno == errno.ENOSPC


@pytest.mark.parametrize("name", [".lock", "some.gz.part"])
def test_a_download_writes_through_no_link(site, tmp_path, name):
    (tmp_path / "precious").write_bytes(b"old")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / name).symlink_to(tmp_path / "precious")
    with pytest.raises(FileError, match=rf"{name}: it is a symbolic link"):
        get([site.at("good")], tmp_path / "data")
    assert (tmp_path / "precious").read_bytes() == b"old"


def test_a_second_process_waits_and_uses_the_downloaded_files(site, tmp_path):
    fcntl = pytest.importorskip("fcntl")
    messages = []
    with (tmp_path / ".lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        sources = [Folder(tmp_path), site.at("good")]
        second = threading.Thread(
            target=fetch, args=("things", [FILE], sources, tmp_path, messages.append)
        )
        second.start()
        while not messages:
            time.sleep(0.01)
        (tmp_path / "some.gz").write_bytes(PACKED)
    second.join()
    waiting, found = messages
    assert "things" in waiting and str(tmp_path) in found
    assert not site.requests
