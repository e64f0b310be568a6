"""Run `gan ...` on files made at random, in this process, and list what should not have happened.

A kind of case is a module in this folder that defines

    def make(rng: random.Random, folder: Path) -> Case

It writes its files into `folder`, an empty folder, and returns the commands to run there. It takes
all choices from `rng`, so the seed of a case reproduces it. `mutate` has the usual mutations.

A case fails if a command: ends with a traceback, an exception or another exit code than 0, 1, 2 and
130; prints that this is an internal error; takes more than MAX_SECONDS of CPU time or
MAX_BYTES more memory than before; writes, moves or deletes a file that is not in `Case.outputs`;
prints control characters, a warning, or more than a few sentences on stderr.
"""

import importlib
import io
import os
import random
import re
import resource
import shutil
import signal
import stat
import sys
import time
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported: the tensors are too small for more

# Commands import these while they run, and the import takes time, memory and temporary files.
import torch._dynamo  # noqa: F401

import gancli.training.run  # noqa: F401
from gancli.cli import app

HERE = Path(__file__).parent
VALID = HERE.parent / "versions" / "0.1.0"  # valid files to start from
CACHE = "../home/.cache"  # for `Case.outputs`: where prepared pictures are kept

MAX_SECONDS = 10.0
HUNG_SECONDS = 60  # of wall time, until the command is interrupted
MAX_BYTES = 10**9
MAX_LINE, MAX_LINES = 1000, 60  # of a message on stderr; a line is a few sentences
EXIT_CODES = (0, 1, 2, 130)
BUGS = re.compile(r"Traceback|Internal error|should not have happened|not enough memory|Warning:")
CONTROL = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
HARMLESS = (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning)


@dataclass(frozen=True, kw_only=True)
class Case:
    """Commands, each without its first word `gan`, and the files or folders they may write.

    `outputs` are relative to the folder of the case.
    """

    commands: list[list[str]]
    outputs: list[str]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What one case did: its problems, CPU time in seconds, and peak memory beyond the start's.

    `succeeded` says whether all its commands exited with 0: a kind whose cases never or always do
    tests little.
    """

    kind: str
    seed: int
    problems: list[str]
    succeeded: bool
    seconds: float
    peak: int

    def __str__(self) -> str:
        problems = "\n".join(f"    {problem}" for problem in self.problems)
        again = f"python -m tests.fuzz {self.kind} --seed {self.seed} --cases 1 --keep DIR"
        return f"{self.kind}, seed {self.seed}:\n{problems}\n    Reproduce it with: {again}"


class Hung(BaseException):
    """The command took longer than HUNG_SECONDS."""


def kinds() -> dict[str, ModuleType]:
    """All kinds of cases, by name."""
    names = sorted(f.stem for f in HERE.glob("[!_]*.py") if not f.stem.startswith("test_"))
    modules = {name: importlib.import_module(f"tests.fuzz.{name}") for name in names}
    return {name: module for name, module in modules.items() if hasattr(module, "make")}


def run(kind: str, seed: int, room: Path) -> Outcome:
    """Make the case `seed` of a kind in `room`, which must not exist, and run its commands."""
    folder, home = room / "case", room / "home"
    folder.mkdir(parents=True)
    home.mkdir()
    case: Case = kinds()[kind].make(random.Random(f"{kind} {seed}"), folder)
    outputs = [Path(os.path.normpath(folder / output)) for output in case.outputs]
    before, problems, codes, seconds, peak = _snapshot(room), list[str](), set[Any](), 0.0, 0
    with _sandbox(folder, home):
        for words in case.commands:
            began, memory = time.process_time(), _reset_peak()
            _writes.clear()
            code, found = _run(words)
            codes.add(code)
            found += _writes_outside(room)
            problems += [f"gan {' '.join(map(ascii, words))}"[:500] + f": {f}" for f in found]
            seconds = max(seconds, time.process_time() - began)
            peak = max(peak, _memory("VmHWM") - memory)
    after = _snapshot(room)
    changed = {path for path in before | after if before.get(path) != after.get(path)}
    parents = {parent for output in outputs for parent in output.parents}
    inside = {p for p in changed if any(p.is_relative_to(output) for output in outputs)}
    problems += [f"changed {path}" for path in sorted(changed - inside - parents)]
    if seconds > MAX_SECONDS:
        problems.append(f"took {seconds:.1f} s")
    if peak > MAX_BYTES:
        problems.append(f"took {peak / 1e9:.1f} GB")
    return Outcome(
        kind=kind,
        seed=seed,
        problems=problems,
        succeeded=codes == {0},
        seconds=seconds,
        peak=peak,
    )


def run_many(kind: str, seeds: range, room: Path) -> Iterator[Outcome]:
    """Run cases of one kind, each in `room`, which is emptied before each of them."""
    for seed in seeds:
        _empty(room)
        yield run(kind, seed, room)


def _empty(room: Path) -> None:
    for path in (room, *room.rglob("*")):  # a case may have made its folders read-only
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o700)
    shutil.rmtree(room, ignore_errors=True)


# -- running one command ------------------------------------------------------------------------


def _run(words: list[str]) -> tuple[Any, list[str]]:
    """Run one command. Returns its exit code, if it has one, and its problems except writes."""
    sys.argv = ["gan", *words]
    sys.modules.pop("torch.distributed.launcher.api", None)  # `app.main` would leave with _exit
    out, err = _stream("strict"), _stream("backslashreplace")
    problems, code = [], None
    with warnings.catch_warnings(record=True) as caught:
        try:
            with redirect_stdout(out), redirect_stderr(err):
                app.main()
        except SystemExit as end:
            code = end.code or 0
        except Hung:
            problems.append(f"did not end within {HUNG_SECONDS} s")
        except BaseException:
            problems.append(traceback.format_exc()[-1500:])
    if code is not None and code not in EXIT_CODES:
        problems.append(f"exit code {code}")
    shown = [str(w.message) for w in caught if not issubclass(w.category, HARMLESS)]
    problems += [f"a warning: {text[:300]}" for text in shown]
    return code, problems + _check_output(_text(out), _text(err))


def _check_output(out: str, err: str) -> list[str]:
    problems = []
    if BUGS.search(out + err):
        problems.append(f"printed {(out + err)[-500:]!r}")
    typed = CONTROL.search("".join(sys.argv))  # a pipe gets the name of a result as it was typed
    if CONTROL.search(err if typed else out + err):
        problems.append(f"printed control characters: {(out + err)[-500:]!r}")
    lines = err.splitlines()
    if len(lines) > MAX_LINES or any(len(line) > MAX_LINE for line in lines):
        problems.append(f"printed too much: {len(err)} characters, {err[:200]!r} ...")
    return problems


def _stream(errors: str) -> io.TextIOWrapper:
    """A text stream that encodes like a terminal does."""
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors=errors, write_through=True)


def _text(stream: io.TextIOWrapper) -> str:
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode(errors="replace")


@contextmanager
def _sandbox(folder: Path, home: Path) -> Iterator[None]:
    """Run the block in `folder`, with a home of its own, and restore everything at the end."""
    environment, cwd, argv = dict(os.environ), Path.cwd(), sys.argv
    for name in ("XDG_CACHE_HOME", "GAN_DATA_DIR", "GAN_DEBUG", "FORCE_COLOR", "GITHUB_ACTIONS"):
        os.environ.pop(name, None)
    os.environ |= {"HOME": str(home), "NO_COLOR": "1", "https_proxy": "http://127.0.0.1:9"}
    memory = resource.getrlimit(resource.RLIMIT_AS)
    limit = _memory("VmSize") + 4 * MAX_BYTES  # fail here rather than fill the machine's memory
    resource.setrlimit(resource.RLIMIT_AS, (limit, memory[1]))
    handler = signal.signal(signal.SIGALRM, _hung)
    signal.setitimer(signal.ITIMER_REAL, HUNG_SECONDS)
    os.chdir(folder)
    _watching.append(True)
    try:
        yield
    finally:
        _watching.clear()
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        resource.setrlimit(resource.RLIMIT_AS, memory)
        os.chdir(cwd)
        os.environ.clear()
        os.environ |= environment
        sys.argv = argv


def _hung(number: int, frame: FrameType | None) -> None:
    raise Hung


# -- files that were written --------------------------------------------------------------------


def _snapshot(room: Path) -> dict[Path, tuple[int, int, int]]:
    """Every file and folder below `room`, with what changes when it is written."""
    found = {}
    for path in room.rglob("*"):
        s = path.lstat()
        found[path] = (s.st_mode, 0, 0) if stat.S_ISDIR(s.st_mode) else _version(s)
    return found


def _version(s: os.stat_result) -> tuple[int, int, int]:
    return s.st_mode, s.st_size, s.st_mtime_ns


_writes: list[str] = []  # paths that Python code wrote, moved or deleted, wherever they are
_watching: list[bool] = []  # empty: not now. A hook can be added, but not removed.
CHANGES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate")


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watching:
        return
    if event == "open" and isinstance(arguments[2], int):
        writes = arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if writes and not isinstance(arguments[0], int):
            _writes.append(os.fsdecode(arguments[0]))
    elif event in CHANGES:
        _writes.extend(os.fsdecode(a) for a in arguments[:2] if isinstance(a, str | bytes | Path))


sys.addaudithook(_audit)


def _writes_outside(room: Path) -> list[str]:
    """Problems: paths that were written outside of `room`, followed through symbolic links."""
    paths, inside = {os.path.realpath(path) for path in _writes}, f"{os.path.realpath(room)}/"
    _writes.clear()
    ours = (inside, "/dev/null", "/dev/shm/")
    outside = [p for p in paths if not p.startswith(ours) and "/__pycache__" not in p]
    return [f"wrote {path}" for path in sorted(outside)]


# -- memory -------------------------------------------------------------------------------------


def _reset_peak() -> int:
    """Start measuring the peak of this process's memory, and return the memory now, in bytes."""
    with suppress(OSError):  # not on Linux
        Path("/proc/self/clear_refs").write_text("5")
    return _memory("VmRSS")


def _memory(name: str) -> int:
    """A line of /proc/self/status, in bytes; 0 if there is none."""
    with suppress(OSError):
        status = Path("/proc/self/status").read_text()
        return int(status.split(f"{name}:")[1].split()[0]) * 1024
    return 0
