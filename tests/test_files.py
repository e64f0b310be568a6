"""Atomic writes leave no partial files, and every refusal is a FileError that names the path."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gancli.errors import FileError, UsageError
from gancli.files import check_writable, claim, replacing, write_file


def test_write_file_creates_parents_and_leaves_no_temporary_file(tmp_path):
    path = tmp_path / "a" / "b" / "c.txt"
    write_file(path, b"1")
    write_file(path, b"2")
    assert path.read_bytes() == b"2"
    assert list(path.parent.iterdir()) == [path]


def test_new_files_have_the_permissions_of_the_umask(tmp_path):
    before = os.umask(0o022)
    write_file(tmp_path / "c.txt", b"1")
    os.umask(before)
    assert (tmp_path / "c.txt").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("durable", [False, True])
def test_durable_writes_sync_to_disk_before_the_rename(tmp_path, monkeypatch, durable):
    path, synced = tmp_path / "c.txt", []
    path.write_bytes(b"old")

    def sync(file):
        synced.append((os.fstat(file).st_size, path.read_bytes()))

    monkeypatch.setattr(os, "fsync", sync)
    write_file(path, b"newer", durable=durable)
    assert synced == ([(5, b"old")] if durable else [])
    assert path.read_bytes() == b"newer"


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_failed_block_leaves_the_old_file(tmp_path, error):
    path = tmp_path / "c.txt"
    path.write_bytes(b"old")
    with pytest.raises(error), replacing(path) as temporary:
        temporary.write_bytes(b"half")
        raise error
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_temporary_path_keeps_the_suffix_and_works_for_long_names(tmp_path):
    path = tmp_path / ("n" * 250 + ".gif")
    with replacing(path) as temporary:
        assert temporary.suffix == ".gif" and temporary.parent == tmp_path
        temporary.write_bytes(b"1")
    assert path.read_bytes() == b"1"


def test_folders_are_replaced_atomically_too(tmp_path):
    with pytest.raises(RuntimeError), replacing(tmp_path / "frames") as temporary:
        temporary.mkdir()
        (temporary / "0.png").write_bytes(b"1")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    with replacing(tmp_path / "frames") as temporary:
        temporary.mkdir()
        (temporary / "0.png").write_bytes(b"1")
    assert (tmp_path / "frames" / "0.png").read_bytes() == b"1"


def test_symbolic_links_are_followed(tmp_path):
    (tmp_path / "real.txt").write_bytes(b"old")
    (tmp_path / "link.txt").symlink_to(tmp_path / "real.txt")
    write_file(tmp_path / "link.txt", b"new")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").read_bytes() == b"new"


def test_a_full_disk_is_a_file_error_that_suggests_out(tmp_path):
    path = tmp_path / "out.gif"
    with pytest.raises(FileError) as caught, replacing(path) as temporary:
        temporary.symlink_to("/dev/full")
        temporary.write_bytes(b"1")
    assert str(path) in caught.value.message
    assert "no space left on device" in caught.value.message
    assert "--out" in (caught.value.hint or "")
    assert list(tmp_path.iterdir()) == []


def test_errors_about_other_files_are_passed_on(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"absent\.png"), replacing(tmp_path / "o.png"):
        (tmp_path / "absent.png").read_bytes()


def _folder(tmp_path: Path) -> Path:
    (tmp_path / "out.png" / "inside").mkdir(parents=True)
    return tmp_path / "out.png"


def _below_a_file(tmp_path: Path) -> Path:
    (tmp_path / "file").write_bytes(b"1")
    return tmp_path / "file" / "deeper" / "out.png"


def _pipe(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "out.png")
    return tmp_path / "out.png"


def _link_to_a_pipe(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "out.png").symlink_to(tmp_path / "pipe")
    return tmp_path / "out.png"


# No test uses a real device: as root, a bug here would replace it with a file.
@pytest.mark.parametrize("place", [_folder, _below_a_file, _pipe, _link_to_a_pipe])
@pytest.mark.parametrize("act", [check_writable, lambda path: write_file(path, b"1")])
def test_paths_that_cannot_be_written_are_named(tmp_path, place, act):
    path = place(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(FileError) as caught:
        act(path)
    assert str(path) in caught.value.message
    assert sorted(tmp_path.rglob("*")) == before


def test_a_read_only_folder_is_refused(tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root can write anywhere")
    tmp_path.chmod(0o500)
    for act in (check_writable, lambda path: write_file(path, b"1")):
        with pytest.raises(FileError, match=r"out\.png"):
            act(tmp_path / "out.png")
    tmp_path.chmod(0o700)


def test_the_message_names_the_parent_that_is_not_a_folder(tmp_path):
    (tmp_path / "file").write_bytes(b"1")
    with pytest.raises(FileError, match=rf": {tmp_path / 'file'} "):
        check_writable(tmp_path / "file" / "deeper" / "out.png")


def test_check_writable_writes_nothing(tmp_path):
    check_writable(tmp_path / "new" / "out.png")
    assert list(tmp_path.iterdir()) == []


def test_claim_locks_a_folder_for_one_process(tmp_path):
    code = (
        "import sys, pathlib; from gancli.files import claim\n"
        f"held = claim(pathlib.Path({str(tmp_path / 'run')!r})); print('held', flush=True)\n"
        "sys.stdin.read()"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], **pipes) as other:
        assert other.stdout.readline()
        with pytest.raises(UsageError, match=str(tmp_path / "run")) as caught:
            claim(tmp_path / "run")
        assert "--out" in caught.value.hint
        other.kill()
    claim(tmp_path / "run")
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match=str(tmp_path / "file" / "run")):
        claim(tmp_path / "file" / "run")
