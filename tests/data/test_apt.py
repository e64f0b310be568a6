"""Unpacking Debian packages: the system's apt, with a local repository of one package."""

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from gancli.data import apt, sources, verify
from gancli.errors import DataError

pytestmark = pytest.mark.skipif(
    not (shutil.which("apt-get") and shutil.which("dpkg-deb")), reason="no apt here"
)

CONTROL = """Package: some-data
Version: 1
Architecture: all
Maintainer: Someone <someone@example.org>
Description: numbers
"""


@pytest.fixture
def system(tmp_path, monkeypatch):
    """Configure apt with `repo` as its only source and no package lists, like a slim image."""
    tree = tmp_path / "tree" / "usr" / "share" / "some-data"
    tree.mkdir(parents=True)
    (tree / "numbers").write_bytes(b"123")
    (tmp_path / "tree" / "DEBIAN").mkdir()
    (tmp_path / "tree" / "DEBIAN" / "control").write_text(CONTROL)
    repo = tmp_path / "repo"
    repo.mkdir()
    subprocess.run(
        ["dpkg-deb", "--build", "--root-owner-group", tmp_path / "tree", repo / "some.deb"],
        check=True,
        capture_output=True,
    )
    data = (repo / "some.deb").read_bytes()
    index = f"Filename: ./some.deb\nSize: {len(data)}\nSHA256: {hashlib.sha256(data).hexdigest()}\n"
    (repo / "Packages").write_text(CONTROL + index)
    settings = {
        "Dir::Etc::SourceList": write(tmp_path / "list", f"deb [trusted=yes] file:{repo} ./\n"),
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State::Lists": tmp_path / "no-lists",
    }
    lines = [f'{key} "{value}";\n' for key, value in settings.items()]
    monkeypatch.setenv("APT_CONFIG", str(write(tmp_path / "apt.conf", "".join(lines))))
    return repo


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_unpack_downloads_package_lists_if_the_system_has_none(system, tmp_path):
    (tmp_path / "workdir").mkdir()
    root = apt.unpack("some-data", tmp_path / "workdir")
    assert (root / "usr/share/some-data/numbers").read_bytes() == b"123"
    assert not list((tmp_path / "no-lists").glob("*_Packages"))


def test_unpack_reports_apts_error_for_an_unknown_package(system, tmp_path):
    (tmp_path / "workdir").mkdir()
    with pytest.raises(DataError, match=r"apt-get .*no-data"):
        apt.unpack("no-data", tmp_path / "workdir")


def test_unpack_raises_data_error_without_apt(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DataError, match="apt"):
        apt.unpack("some-data", tmp_path)


def test_fetch_from_a_package_keeps_only_the_requested_file(system, tmp_path):
    file = verify.File(name="numbers", sha256=hashlib.sha256(b"123").hexdigest(), size=3)
    source = sources.DebianPackage("some-data", "usr/share/some-data")
    messages, progress = [], []
    found = sources.fetch(
        "numbers",
        [file],
        [source],
        tmp_path / "kept",
        messages.append,
        lambda *a: progress.append(a),
    )
    assert found["numbers"].read_bytes() == b"123"
    assert len(messages) == 1 and "some-data" in messages[0]
    assert sorted(p.name for p in (tmp_path / "kept").iterdir()) == [".lock", "numbers"]
    assert progress


def test_fetch_fails_if_the_package_lacks_the_file(system, tmp_path):
    file = verify.File(name="letters", sha256="0", size=3)
    source = sources.DebianPackage("some-data", "usr/share/some-data")
    with pytest.raises(DataError, match=r"(?s)letters.*some-data"):
        sources.fetch("letters", [file], [source], tmp_path / "kept")
