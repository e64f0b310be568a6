"""Atomic writes leave no partial files, and every refusal is a FileError that names the path."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from gancli.errors import FileError, UsageError
from gancli.files import Claim, check_writable, open_in_place, replacing, write_file


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
        assert temporary.suffix == ".gif" and temporary.parent.parent == tmp_path
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


@pytest.mark.parametrize("typed", [True, False])
def test_only_a_link_that_the_user_has_typed_is_followed(tmp_path, typed):
    real, link = tmp_path / "real.txt", tmp_path / "link.txt"
    real.write_bytes(b"old")
    link.symlink_to(real)
    write_file(link, b"new", follow_links=typed)
    assert link.read_bytes() == b"new"
    assert link.is_symlink() == typed
    assert real.read_bytes() == (b"new" if typed else b"old")


def test_a_file_written_in_place_must_not_be_a_link(tmp_path):
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    for mode in ("ab", "r+b"):
        with pytest.raises(OSError, match="symbolic link"):
            open_in_place(tmp_path / "link", mode)
        with open_in_place(tmp_path / mode, mode) as file:
            file.write(b"1")
        with open_in_place(tmp_path / mode, mode) as file:
            file.write(b"2")
    assert (tmp_path / "ab").read_bytes() == b"12"
    assert (tmp_path / "r+b").read_bytes() == b"2"
    assert (tmp_path / "real").read_bytes() == b"old"


def test_only_this_user_can_enter_the_temporary_folder(tmp_path):
    with replacing(tmp_path / "a.txt") as temporary:
        assert temporary.parent.stat().st_mode & 0o777 == 0o700
        temporary.write_bytes(b"1")


# Starts to write two files, and is killed when the first one is half done.
HALF = """
import os, pathlib, sys
from gancli.files import replacing
with replacing(pathlib.Path(sys.argv[1])) as temporary:
    temporary.write_bytes(b"half")
    print(temporary, flush=True)
    sys.stdin.read()
"""


def test_the_leftovers_of_killed_processes_are_removed_and_no_others(tmp_path):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    command = [sys.executable, "-c", HALF, str(tmp_path / "a.txt")]
    with (
        subprocess.Popen(command, **pipes) as killed,
        subprocess.Popen(command, **pipes) as living,
    ):
        parts = [Path(process.stdout.readline().strip()) for process in (killed, living)]
        killed.kill()
        killed.wait()
        (tmp_path / "mine").mkdir()
        (tmp_path / ".gan-link.part").symlink_to(tmp_path / "mine", target_is_directory=True)
        write_file(tmp_path / "b.txt", b"1")
        assert [part.exists() for part in parts] == [False, True]
        assert (tmp_path / "mine").exists()
        living.stdin.close()
    assert (tmp_path / "a.txt").read_bytes() == b"half"
    names = {".gan-link.part", "a.txt", "b.txt", "mine"}
    assert {path.name for path in tmp_path.iterdir()} == names


@pytest.mark.parametrize("opened", [False, True])
def test_a_folder_that_is_removed_before_it_is_locked_is_created_again(
    tmp_path, monkeypatch, opened
):
    fcntl, created = pytest.importorskip("fcntl"), []
    create, flock = tempfile.mkdtemp, fcntl.flock

    def create_and_lose(**where):
        created.append(create(**where))
        if len(created) == 1 and not opened:
            Path(created[0]).rmdir()
        return created[-1]

    def lock_too_late(file, how):
        if len(created) == 1 and opened:
            Path(created[0]).rmdir()
        flock(file, how)

    monkeypatch.setattr(tempfile, "mkdtemp", create_and_lose)
    monkeypatch.setattr(fcntl, "flock", lock_too_late)
    write_file(tmp_path / "a.txt", b"1")
    assert len(created) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


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


def test_a_claim_keeps_out_other_processes_until_this_one_ends(tmp_path):
    code = (
        "import sys, pathlib; from gancli.files import Claim\n"
        f"held = Claim(pathlib.Path({str(tmp_path / 'run')!r})); print('held', flush=True)\n"
        "sys.stdin.read()"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], **pipes) as other:
        assert other.stdout.readline()
        with pytest.raises(UsageError, match=str(tmp_path / "run")) as caught:
            Claim(tmp_path / "run")
        assert "--out" in caught.value.hint
        other.kill()
    Claim(tmp_path / "run").release()
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match=str(tmp_path / "file" / "run")):
        Claim(tmp_path / "file" / "run")


def test_a_claim_keeps_out_this_process_too_and_leaves_no_open_file(tmp_path):
    before = len([*Path("/dev/fd").iterdir()])
    first = Claim(tmp_path)
    for _ in range(2):
        with pytest.raises(UsageError):
            Claim(tmp_path)
    first.release()
    Claim(tmp_path)  # is garbage at once
    Claim(tmp_path).release()
    assert len([*Path("/dev/fd").iterdir()]) == before


def test_a_forked_process_does_not_hold_the_claim(tmp_path):
    claim = Claim(tmp_path)
    running, started = os.pipe()
    if (child := os.fork()) == 0:  # as a reader of pictures that outlives a killed training
        os.write(started, b"1")
        signal.pause()
    os.read(running, 1)
    claim.release()
    Claim(tmp_path).release()
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(running)
    os.close(started)


def test_a_claim_follows_no_link(tmp_path):
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / ".claim").symlink_to(tmp_path / "real")
    with pytest.raises(FileError, match="symbolic link"):
        Claim(tmp_path)
    assert (tmp_path / "real").read_bytes() == b"old"


@pytest.mark.parametrize("happens", ["nothing", "deleted", "moved", "replaced"])
def test_a_claim_knows_whether_its_folder_is_in_place(tmp_path, happens):
    folder = tmp_path / "run"
    claim = Claim(folder)
    if happens == "deleted":
        shutil.rmtree(folder)
    elif happens != "nothing":
        folder.rename(tmp_path / "moved")
    other = Claim(folder) if happens == "replaced" else None
    assert claim.is_in_place() == (happens == "nothing")
    assert other is None or other.is_in_place()
