"""What the system refuses is said in one sentence, and nothing half-written stays."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gancli.errors import FileError, UsageError
from gancli.files import check_writable, claim, replacing, write_file


def test_parents_are_made_and_nothing_stays_beside(tmp_path):
    path = tmp_path / "a" / "b" / "c.txt"
    write_file(path, b"1")
    write_file(path, b"2")
    assert path.read_bytes() == b"2"
    assert list(path.parent.iterdir()) == [path]


def test_new_files_can_be_read_by_whom_the_umask_says(tmp_path):
    before = os.umask(0o022)
    write_file(tmp_path / "c.txt", b"1")
    os.umask(before)
    assert (tmp_path / "c.txt").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("durable", [False, True])
def test_what_must_outlast_a_power_cut_is_on_the_disk_before_it_has_its_name(
    tmp_path, monkeypatch, durable
):
    path, synced = tmp_path / "c.txt", []
    path.write_bytes(b"old")

    def sync(file):
        synced.append((os.fstat(file).st_size, path.read_bytes()))

    monkeypatch.setattr(os, "fsync", sync)
    write_file(path, b"newer", durable=durable)
    assert synced == ([(5, b"old")] if durable else [])
    assert path.read_bytes() == b"newer"


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_block_that_fails_leaves_what_was_there(tmp_path, error):
    path = tmp_path / "c.txt"
    path.write_bytes(b"old")
    with pytest.raises(error), replacing(path) as beside:
        beside.write_bytes(b"half")
        raise error
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_path_beside_keeps_the_suffix_and_fits_any_name(tmp_path):
    path = tmp_path / ("n" * 250 + ".gif")
    with replacing(path) as beside:
        assert beside.suffix == ".gif" and beside.parent == tmp_path
        beside.write_bytes(b"1")
    assert path.read_bytes() == b"1"


def test_a_folder_takes_the_name_whole(tmp_path):
    with pytest.raises(RuntimeError), replacing(tmp_path / "frames") as beside:
        beside.mkdir()
        (beside / "0.png").write_bytes(b"1")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    with replacing(tmp_path / "frames") as beside:
        beside.mkdir()
        (beside / "0.png").write_bytes(b"1")
    assert (tmp_path / "frames" / "0.png").read_bytes() == b"1"


def test_a_link_is_followed(tmp_path):
    (tmp_path / "real.txt").write_bytes(b"old")
    (tmp_path / "link.txt").symlink_to(tmp_path / "real.txt")
    write_file(tmp_path / "link.txt", b"new")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").read_bytes() == b"new"


def test_a_full_disk_is_one_sentence_with_a_way_out(tmp_path):
    path = tmp_path / "out.gif"
    with pytest.raises(FileError) as caught, replacing(path) as beside:
        beside.symlink_to("/dev/full")
        beside.write_bytes(b"1")
    assert caught.value.message == f"Cannot write {path}: no space left on device."
    assert "--out" in (caught.value.hint or "")
    assert list(tmp_path.iterdir()) == []


def test_an_error_about_another_file_is_not_called_a_failed_write(tmp_path):
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


# No test names a real device: run as root, a fault here would put a file in its place.
@pytest.mark.parametrize("place", [_folder, _below_a_file, _pipe, _link_to_a_pipe])
@pytest.mark.parametrize("act", [check_writable, lambda path: write_file(path, b"1")])
def test_where_no_file_can_be_is_refused_by_name(tmp_path, place, act):
    path = place(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(FileError) as caught:
        act(path)
    assert str(path) in caught.value.message
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_that_may_not_be_written_is_refused(tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    tmp_path.chmod(0o500)
    for act in (check_writable, lambda path: write_file(path, b"1")):
        with pytest.raises(FileError, match=r"out\.png"):
            act(tmp_path / "out.png")
    tmp_path.chmod(0o700)


def test_a_file_on_the_way_is_named(tmp_path):
    (tmp_path / "file").write_bytes(b"1")
    with pytest.raises(FileError, match="file is not a folder"):
        check_writable(tmp_path / "file" / "deeper" / "out.png")


def test_checking_writes_nothing(tmp_path):
    check_writable(tmp_path / "new" / "out.png")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_one_process_s_at_a_time(tmp_path):
    code = (
        "import sys, pathlib; from gancli.files import claim\n"
        f"held = claim(pathlib.Path({str(tmp_path / 'run')!r})); print('held', flush=True)\n"
        "sys.stdin.read()"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], **pipes) as other:
        assert other.stdout.readline()
        with pytest.raises(UsageError, match="Another gan is at work"):
            claim(tmp_path / "run")
        other.kill()
    claim(tmp_path / "run")
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match="Cannot write"):
        claim(tmp_path / "file" / "run")
