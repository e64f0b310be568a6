"""A real apt, over a repository of one package on this disk."""

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
Maintainer: Nobody <nobody@example.org>
Description: numbers
"""


@pytest.fixture
def system(tmp_path, monkeypatch):
    """A system whose only source is `repo` and which has no package lists, as slim ones are."""
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


def test_a_package_is_unpacked_with_lists_of_our_own(system, tmp_path):
    (tmp_path / "room").mkdir()
    root = apt.unpack("some-data", tmp_path / "room")
    assert (root / "usr/share/some-data/numbers").read_bytes() == b"123"
    assert not list((tmp_path / "no-lists").glob("*_Packages"))


def test_an_unknown_package_says_so(system, tmp_path):
    (tmp_path / "room").mkdir()
    with pytest.raises(DataError, match=r"apt-get failed .*Unable to locate package no-data"):
        apt.unpack("no-data", tmp_path / "room")


def test_a_system_without_apt_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DataError, match="this system has no apt"):
        apt.unpack("some-data", tmp_path)


def test_the_package_is_a_source_and_leaves_nothing_else(system, tmp_path):
    file = verify.File(name="numbers", sha256=hashlib.sha256(b"123").hexdigest(), size=3)
    source = sources.DebianPackage("some-data", "usr/share/some-data")
    said, progress = [], []
    found = sources.fetch(
        "numbers", [file], [source], tmp_path / "kept", said.append, lambda *a: progress.append(a)
    )
    assert found["numbers"].read_bytes() == b"123"
    assert said == ["numbers: numbers from the system's package some-data."]
    assert sorted(p.name for p in (tmp_path / "kept").iterdir()) == [".lock", "numbers"]
    assert progress


def test_a_package_without_the_file_is_passed_over(system, tmp_path):
    file = verify.File(name="letters", sha256="0", size=3)
    source = sources.DebianPackage("some-data", "usr/share/some-data")
    with pytest.raises(DataError, match="the system's package some-data: not there"):
        sources.fetch("letters", [file], [source], tmp_path / "kept")
