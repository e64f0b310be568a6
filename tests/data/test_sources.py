"""Sources are tried in order until one verifies; what each one did is told."""

import errno
import gzip
import hashlib
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from gancli.data import transfer
from gancli.data.sources import Folder, Mirror, Served, fetch
from gancli.data.verify import File, contents
from gancli.errors import DataError, FileError
from gancli.reporting import silent

DATA = os.urandom(300_000)
PACKED = gzip.compress(DATA)
FILE = File(name="some.gz", sha256=hashlib.sha256(DATA).hexdigest(), size=len(DATA))
PAGE = b"\n<!DOCTYPE html><html><head><title>Quota exceeded &amp; more</title></head></html>"


class Site(BaseHTTPRequestHandler):
    """Serves /MANNER/some.gz: the first part of the path says how well."""

    def do_GET(self):
        self.server.asked.append((self.path, self.headers["Range"]))
        getattr(self, self.path.split("/")[1])()

    def answer(self, status, body, **headers):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def good(self, body=PACKED):
        wanted = self.headers["Range"]
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        if start >= len(body):
            self.answer(416, b"")
        else:
            self.answer(206 if wanted else 200, body[start:])

    def anew(self):  # by another compressor, as mirrors do
        self.good(gzip.compress(DATA, 1))

    def whole(self):  # knows no ranges
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
    monkeypatch.setattr(transfer, "ANSWER_SECONDS", 30)  # a busy machine is no bad mirror
    monkeypatch.setattr(transfer, "STALL_SECONDS", 30)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    server.asked, server.released = [], threading.Event()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    server.at = lambda manner: Mirror(f"http://127.0.0.1:{server.server_port}/{manner}")
    yield server
    server.released.set()
    server.shutdown()
    server.server_close()
    thread.join()


def get(sources, into, files=(FILE,)):
    said = []
    return fetch("things", files, sources, into, said.append), said


def test_a_mirror_serves_and_progress_adds_up(site, tmp_path):
    seen = []
    found = fetch("things", [FILE], [site.at("good")], tmp_path, progress=lambda *a: seen.append(a))
    assert found == {"some.gz": tmp_path / "some.gz"}
    assert (tmp_path / "some.gz").read_bytes() == PACKED
    assert seen[-1] == ("some.gz", len(PACKED), len(PACKED))
    assert [done for _, done, _ in seen] == sorted(done for _, done, _ in seen)
    assert not list(tmp_path.glob("*.part"))


def test_the_user_sees_which_source_served(site, tmp_path):
    _, said = get([site.at("page"), site.at("good")], tmp_path)
    host = f"127.0.0.1:{site.server_port}"
    assert said == [
        f"things: {host}: a web page came ('Quota exceeded & more') instead of the file.",
        f"things: some.gz from {host}.",
    ]


def test_a_mirror_may_be_the_address_of_one_file(site, tmp_path):
    whole = Mirror(f"{site.at('good').url}/download?id=1", whole=True)
    found, said = get([whole], tmp_path)
    assert contents(found["some.gz"], FILE) == DATA
    assert site.asked == [("/good/download?id=1", None)]
    assert said == [f"things: some.gz from 127.0.0.1:{site.server_port}."]


@pytest.mark.parametrize(
    ("manner", "reason"),
    [
        ("page", "a web page came"),
        ("wrong", "some.gz does not hold what it should"),
        ("missing", "the server answers 404"),
        ("cut", "some.gz broke off after 100,000 of"),
        ("endless", "some.gz is longer than it should be"),
    ],
)
def test_a_bad_mirror_is_passed_over_with_its_reason(site, tmp_path, manner, reason):
    found, said = get([site.at(manner), site.at("good")], tmp_path)
    assert reason in said[0]
    assert contents(found["some.gz"], FILE) == DATA


@pytest.mark.parametrize(
    ("manner", "limit", "reason"),
    [
        ("hang", "ANSWER_SECONDS", "no answer within 0.5 seconds"),
        ("stall", "STALL_SECONDS", "the transfer stalled"),
        ("drip", "STALL_SECONDS", "some.gz came too slowly"),
    ],
)
def test_a_slow_mirror_is_left_after_seconds(site, tmp_path, monkeypatch, manner, limit, reason):
    monkeypatch.setattr(transfer, limit, 0.5 if manner == "hang" else 2)
    files = [FILE, File(name="other.gz", sha256=FILE.sha256, size=FILE.size)]
    served = site.at(manner).serve(files, tmp_path, silent)
    assert served == Served(files={}, refused=(reason,))
    assert len(site.asked) <= 1, "asked for the first file alone"


def test_nobody_at_home_is_passed_over(site, tmp_path):
    gone = Mirror("http://127.0.0.1:9/x")  # the discard port: nobody listens
    _, said = get([gone, site.at("good")], tmp_path)
    assert said[0].startswith("things: 127.0.0.1:9: not reachable (connection refused")


def test_a_mirror_that_broke_off_is_asked_for_one_file_only(site, tmp_path):
    files = [FILE, File(name="other.gz", sha256=FILE.sha256, size=FILE.size)]
    get([site.at("cut"), site.at("good")], tmp_path, files)
    assert [path for path, _ in site.asked] == ["/cut/some.gz", "/good/some.gz", "/good/other.gz"]


def test_what_broke_off_is_resumed(site, tmp_path):
    get([site.at("cut"), site.at("good")], tmp_path)
    assert site.asked == [("/cut/some.gz", None), ("/good/some.gz", "bytes=100000-")]


def test_a_server_without_ranges_starts_over(site, tmp_path):
    (tmp_path / "some.gz.part").write_bytes(PACKED[:500])
    found, _ = get([site.at("whole")], tmp_path)
    assert found["some.gz"].read_bytes() == PACKED
    assert len(site.asked) == 1


@pytest.mark.parametrize("part", [PACKED[:1000], b"x" * 1000, PACKED + b"more"])
def test_a_part_that_does_not_fit_is_fetched_anew(site, tmp_path, part):
    (tmp_path / "some.gz.part").write_bytes(part)
    found, _ = get([site.at("anew")], tmp_path)
    assert contents(found["some.gz"], FILE) == DATA


def test_a_complete_part_is_taken(site, tmp_path):
    (tmp_path / "some.gz.part").write_bytes(PACKED)
    found, _ = get([site.at("good")], tmp_path)
    assert found["some.gz"].read_bytes() == PACKED


def test_a_page_does_not_cost_what_was_there(site, tmp_path):
    (tmp_path / "some.gz.part").write_bytes(PACKED[:1000])
    with pytest.raises(DataError):
        get([site.at("page")], tmp_path)
    assert (tmp_path / "some.gz.part").read_bytes() == PACKED[:1000]


def test_folders_come_first_and_are_used_where_they_lie(site, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "some.gz").write_bytes(PACKED)
    found, said = get([Folder(tmp_path / "mine"), site.at("good")], tmp_path / "kept")
    assert found == {"some.gz": tmp_path / "mine" / "some.gz"}
    assert said == [f"things: some.gz from {tmp_path / 'mine'}."]
    assert not site.asked
    assert not (tmp_path / "kept").exists()


def test_a_source_is_not_asked_for_what_there_is(site, tmp_path):
    class Last:
        def serve(self, files, into, progress):
            raise AssertionError("asked")

    assert get([site.at("good"), Last()], tmp_path)[0]


def test_a_wrong_file_in_a_folder_is_named_and_replaced(site, tmp_path):
    (tmp_path / "some.gz").write_bytes(PACKED[:-70_000])
    found, said = get([Folder(tmp_path), site.at("good")], tmp_path)
    assert said[0].startswith(f"things: {tmp_path}: some.gz is cut short (")
    assert found["some.gz"].read_bytes() == PACKED


def test_the_error_lists_what_was_tried_and_what_works_offline(site, tmp_path):
    gone = Mirror("http://127.0.0.1:9/x")
    sources = [Folder(tmp_path / "none"), gone, site.at("wrong")]
    with pytest.raises(DataError) as failure:
        get(sources, tmp_path / "kept")
    assert f"{tmp_path / 'none'}: not there" in failure.value.message
    assert "127.0.0.1:9: not reachable" in failure.value.message
    assert "does not hold what it should" in failure.value.message
    assert "glyphs" in failure.value.hint
    assert str(tmp_path / "kept") in failure.value.hint
    assert [p.name for p in (tmp_path / "kept").iterdir()] == [".lock"]


def test_an_unwritable_folder_is_a_file_error(site, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(FileError, match=r"Cannot write .*below"):
        get([site.at("good")], tmp_path / "file" / "below")


def test_a_full_disk_is_a_file_error(site, tmp_path):
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    (tmp_path / "some.gz.part").symlink_to("/dev/full")
    with pytest.raises(FileError, match="no space left on device") as failure:
        transfer.download(f"{site.at('good').url}/some.gz", tmp_path / "some.gz.part")
    assert failure.value.__cause__.errno == errno.ENOSPC


def test_a_second_process_waits_and_finds_the_files(site, tmp_path):
    fcntl = pytest.importorskip("fcntl")
    said = []
    with (tmp_path / ".lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        sources = [Folder(tmp_path), site.at("good")]
        second = threading.Thread(
            target=fetch, args=("things", [FILE], sources, tmp_path, said.append)
        )
        second.start()
        while not said:
            time.sleep(0.01)
        (tmp_path / "some.gz").write_bytes(PACKED)
    second.join()
    assert said == [
        "things: waiting for another process that is fetching it.",
        f"things: some.gz from {tmp_path}.",
    ]
    assert not site.asked
