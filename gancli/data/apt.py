"""Download and unpack a Debian package with the system's apt, without root.

Debian packages some datasets (`dataset-fashion-mnist`), so its mirrors are one more source.
"""

import os
import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from gancli.errors import DataError
from gancli.reporting import Progress, silent

RESPONSE_SECONDS = 5  # apt gives up on a server that is silent for this long
PACKAGE_SECONDS = 900.0  # kill apt after this; its own timeouts normally end it much earlier


def unpack(package: str, workdir: Path, progress: Progress = silent) -> Path:
    """Download a Debian package into `workdir`, unpack it there and return its root folder.

    The first try uses the system's package lists. If it fails, the second try downloads fresh lists
    into `workdir`: slim images ship none, and old lists name versions that mirrors have deleted.
    Raises DataError if the system has no apt or if apt or dpkg-deb fails.
    """
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise DataError("this system has no apt")
    lists = [f"Dir::State::Lists={workdir / 'lists'}", f"Dir::Cache={workdir / 'cache'}"]
    (workdir / "lists" / "partial").mkdir(parents=True)
    (workdir / "cache").mkdir()
    try:
        _apt(["download", package], [f"Dir::Cache={workdir / 'cache'}"], workdir, package, progress)
    except DataError:
        _apt(["update"], [*lists, "Acquire::Languages=none"], workdir, "package lists", progress)
        _apt(["download", package], lists, workdir, package, progress)
    (deb,) = workdir.glob("*.deb")
    _command(["dpkg-deb", "-x", deb.name, "root"], workdir, package, silent)
    return workdir / "root"


def _apt(
    verb: list[str], options: list[str], workdir: Path, title: str, progress: Progress
) -> None:
    """Run an apt-get command in `workdir`. Raises DataError if it fails."""
    timeouts = [f"Acquire::{kind}::Timeout={RESPONSE_SECONDS}" for kind in ("http", "https")]
    # As root, apt would switch to the user _apt, who cannot write to `workdir`.
    settings = [*options, *timeouts, "Acquire::Retries=0", "APT::Sandbox::User=root"]
    flags = [word for setting in settings for word in ("-o", setting)]
    _command(["apt-get", "-qq", *flags, *verb], workdir, title, progress)


def _command(words: list[str], workdir: Path, title: str, progress: Progress) -> None:
    """Run a program in `workdir` and report the bytes it has written there as progress.

    Raises DataError, with the program's last error line, if it fails.
    """
    log = workdir / "log"
    with (
        log.open("wb") as out,
        subprocess.Popen(
            words,
            cwd=workdir,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=os.environ | {"LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"},
        ) as process,
    ):
        try:
            _wait(process, workdir, title, progress)
        finally:
            process.kill()  # no effect if the process has ended
    if process.returncode:
        raise DataError(f"{words[0]} failed ({_last_error(log)})")


def _wait(
    process: "subprocess.Popen[bytes]", workdir: Path, title: str, progress: Progress
) -> None:
    """Wait until `process` ends or PACKAGE_SECONDS are over."""
    end = time.monotonic() + PACKAGE_SECONDS
    while process.poll() is None and time.monotonic() < end:
        time.sleep(0.05)
        progress(title, _size(workdir), None)


def _last_error(log: Path) -> str:
    """Return the last error line of a program's output, or its last line."""
    lines = [s for s in log.read_text(encoding="utf-8", errors="replace").splitlines() if s]
    errors = [s for s in lines if s.startswith("E:")] or lines or ["no output"]
    return errors[-1].removeprefix("E:").strip()[:200]


def _size(folder: Path) -> int:
    """Return the bytes of all files under `folder`; some may vanish, since apt renames them."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            total += path.stat().st_size
    return total
