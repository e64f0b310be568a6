"""A package of a Debian system, fetched and unpacked by its own apt, without root."""

import os
import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from gancli.errors import DataError
from gancli.reporting import Progress, silent

ANSWER_SECONDS = 5  # a server that has not answered by then is passed over
PACKAGE_SECONDS = 900.0  # the end of all patience; apt minds its own timeouts before


def unpack(package: str, room: Path, progress: Progress = silent) -> Path:
    """Fetch a Debian package into the folder `room` and unpack it there; its root folder.

    Asks apt as the system has it first, then with fresh package lists of our own, kept in `room`:
    a slim system has none, and old ones name versions that are gone. DataError says what failed.
    """
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise DataError("this system has no apt")
    lists = [f"Dir::State::Lists={room / 'lists'}", f"Dir::Cache={room / 'cache'}"]
    (room / "lists" / "partial").mkdir(parents=True)
    (room / "cache").mkdir()
    try:
        _apt(["download", package], [f"Dir::Cache={room / 'cache'}"], room, package, progress)
    except DataError:
        _apt(["update"], [*lists, "Acquire::Languages=none"], room, "package lists", progress)
        _apt(["download", package], lists, room, package, progress)
    (deb,) = room.glob("*.deb")
    _command(["dpkg-deb", "-x", deb.name, "root"], room, package, silent)
    return room / "root"


def _apt(verb: list[str], options: list[str], room: Path, title: str, progress: Progress) -> None:
    """Run apt-get in `room`; root keeps its rights, since apt's own user may not write there."""
    quick = [f"Acquire::{kind}::Timeout={ANSWER_SECONDS}" for kind in ("http", "https")]
    settings = [*options, *quick, "Acquire::Retries=0", "APT::Sandbox::User=root"]
    flags = [word for setting in settings for word in ("-o", setting)]
    _command(["apt-get", "-qq", *flags, *verb], room, title, progress)


def _command(words: list[str], room: Path, title: str, progress: Progress) -> None:
    """Run a program in `room`, reporting the bytes that gather there; DataError where it fails."""
    log = room / "log"
    with (
        log.open("wb") as out,
        subprocess.Popen(
            words,
            cwd=room,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=os.environ | {"LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"},
        ) as process,
    ):
        try:
            _wait(process, room, title, progress)
        finally:
            process.kill()  # does nothing to one that has ended
    if process.returncode:
        raise DataError(f"{words[0]} failed ({_complaint(log)})")


def _wait(process: "subprocess.Popen[bytes]", room: Path, title: str, progress: Progress) -> None:
    end = time.monotonic() + PACKAGE_SECONDS
    while process.poll() is None and time.monotonic() < end:
        time.sleep(0.05)
        progress(title, _size(room), None)


def _complaint(log: Path) -> str:
    """What a program said last of what went wrong, in one line."""
    lines = [s for s in log.read_text(encoding="utf-8", errors="replace").splitlines() if s]
    errors = [s for s in lines if s.startswith("E:")] or lines or ["it says nothing"]
    return errors[-1].removeprefix("E:").strip()[:200]


def _size(folder: Path) -> int:
    """Bytes of the files under `folder`, of which some may be gone before they are looked at."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            total += path.stat().st_size
    return total
