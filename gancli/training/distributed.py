"""Several processes that train as one, by torch.distributed.

`launch` starts them on this machine through torch's elastic launcher; torchrun, SLURM, Kubernetes
and Ray start them as well, on many machines, and set RANK and WORLD_SIZE. Either way each process
is one that has `joined`. Tensors of a GPU are averaged by NCCL, those of a CPU by gloo. Where a
process is alone (`world()` is 1) nothing here does anything.

What holds between steps: weights, moments, averages and buffers are the same in all processes,
since they begin alike and are moved by the same averages; so whatever the first process (rank 0)
writes is the state of all.
"""

import logging
import os
import re
import signal
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from gancli.errors import STOPPED, GanError, UsageError
from gancli.gan import Share

MEETING = timedelta(minutes=5)  # for all processes to find each other
WAITING = timedelta(minutes=30)  # for one that measures, fetches or saves while the others wait
LOST = 75  # how a process ends whose company was lost: EX_TEMPFAIL of sysexits.h, try again
SAID = (1, 2)  # how a process ends that has told the reader why: to try again is no use
FOLLOWED = (LOST, STOPPED, -signal.SIGTERM)  # how one ends that another, or the launcher, ended
LOCALLY = ("LOCAL_RANK", "SLURM_LOCALID", "LOCAL_WORLD_SIZE")  # set by some launchers
AGAIN = "the same command goes on from the last checkpoint"

_launcher = 0  # its process id, where it is torch's own
_store: Any = None  # where the processes leave each other notes, once joined


class Lost(GanError):
    """Another process has ended, so that this one cannot go on either."""

    exit_code = LOST


# -- who we are -----------------------------------------------------------------------------------


def launched() -> bool:
    """Whether a launcher started this process as one of several (or as the only one)."""
    return "RANK" in os.environ and "WORLD_SIZE" in os.environ


def world() -> int:
    """How many processes train together."""
    return dist.get_world_size() if _company() else 1


def rank() -> int:
    """The number of this process among them; 0 is the one that writes and speaks."""
    return dist.get_rank() if _company() else 0


def _company() -> bool:
    return dist.is_available() and dist.is_initialized()


def first() -> bool:
    """Whether this process is the one that writes and speaks."""
    return rank() == 0


def orphaned() -> bool:
    """Whether the launcher that could end or restart this process has gone."""
    return _launcher not in (0, os.getppid())


def again() -> bool:
    """Whether this process stands in for one that was lost."""
    return os.environ.get("TORCHELASTIC_RESTART_COUNT", "0") != "0"


def share(seed: int, device: torch.device) -> Share:
    """This process's share of every global batch, with dice by `seed` where there are others."""
    if world() == 1:
        return Share()
    dice = torch.Generator(device).manual_seed(seed)
    return Share(rank=rank(), world=world(), dice=dice)


def check_batch(size: int, processes: int, least: int = 1) -> None:
    """Raise UsageError unless `processes` can share a batch of `size`, `least` or more for each."""
    if size % processes == 0 and size // processes >= least:
        return
    nearest = max(least, round(size / processes)) * processes
    few = "" if size % processes else f", which need {least} pictures each"
    raise UsageError(
        f"A batch of {size} cannot be shared evenly by {processes} processes{few}.",
        hint=f"--batch-size {nearest}",
    )


# -- joining and leaving --------------------------------------------------------------------------


@contextmanager
def joined(device: torch.device) -> Iterator[None]:
    """Be one of the processes that a launcher started; a process on its own just goes on.

    Of an error that several meet, the first to meet it raises it; the others end without a word.
    """
    if not launched() or os.environ["WORLD_SIZE"] == "1":
        yield
        return
    _join(device)
    try:
        yield
    except Exception as error:
        if getattr(error, "exit_code", 1) != STOPPED:
            _leave(error)
            raise
        dist.destroy_process_group()  # all have agreed to stop
        raise
    dist.destroy_process_group()


def _join(device: torch.device) -> None:
    from torch.distributed.distributed_c10d import PrefixStore
    from torch.distributed.rendezvous import rendezvous

    global _launcher, _store
    _check_environment()
    _launcher = os.getppid() if "TORCHELASTIC_RUN_ID" in os.environ else 0
    here = _number("LOCAL_WORLD_SIZE", otherwise="1")
    if device.type == "cuda":
        torch.cuda.set_device(_local() % torch.cuda.device_count())  # or each sees its own alone
    elif device.type == "cpu" and "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max(1, torch.get_num_threads() // here))
    try:
        store, number, size = next(rendezvous("env://", timeout=MEETING))
        _store = PrefixStore(_meet(store, number, size), store)
        dist.init_process_group(
            "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo",
            store=PrefixStore("group", _store),
            rank=number,
            world_size=size,
            timeout=WAITING,
        )
    except (RuntimeError, ValueError) as error:
        if "failed to listen" in str(error):
            port = os.environ["MASTER_PORT"]
            raise UsageError(
                f"MASTER_PORT {port} is in use on this machine.",
                hint="export MASTER_PORT=..., another one, for all processes",
            ) from None
        raise Lost(f"The processes of this run did not meet: {_line(error)}.", AGAIN) from None


def _check_environment() -> None:
    """Raise UsageError where what a launcher should have set is missing, or cannot be meant."""
    for name in ("MASTER_ADDR", "MASTER_PORT"):
        if name not in os.environ:
            raise UsageError(
                f"RANK and WORLD_SIZE are set, but {name} is not: where is the first process?",
                hint=f"export {name}=..., or unset RANK to train with one process",
            )
    size = os.environ["WORLD_SIZE"]
    last = int(size) - 1 if size.isdecimal() else 0
    bounds = {"WORLD_SIZE": (1, 2**31), "RANK": (0, last), "MASTER_PORT": (1, 65535)}
    bounds |= {name: (0, 2**31) for name in LOCALLY if name in os.environ}
    for name, (least, most) in bounds.items():
        found = os.environ[name]
        if not (found.isdecimal() and least <= int(found) <= most):
            raise UsageError(
                f"{name} is {found!r}: it must be a number from {least} to {most}.",
                hint=f"export {name}=..., or unset RANK to train with one process",
            )


def _meet(store: Any, number: int, size: int) -> str:
    """A name for this meeting that all its `size` processes have heard, and none of another one.

    torchrun keeps one store over its restarts, with all that processes now dead have written there.
    So each process calls by a name of its own, and the first answers every name that it hears.
    """
    name = uuid.uuid4().hex
    if number > 0:
        store.set(f"call/{number}", name)
        answer: str = store.get(f"answer/{name}").decode()  # waits for it
        store.set(f"heard/{answer}/{number}", "")
        return answer
    missing, ends = set(range(1, size)), time.monotonic() + MEETING.total_seconds()
    while missing:
        if time.monotonic() > ends:
            raise RuntimeError(f"{len(missing)} of {size} are missing")
        for other in [n for n in missing if store.check([f"call/{n}"])]:
            store.set(f"answer/{store.get(f'call/{other}').decode()}", name)
            if store.check([f"heard/{name}/{other}"]):
                missing.remove(other)
        time.sleep(0.01)
    return name


def _leave(error: Exception) -> None:
    """End without a word where another process, or the launcher, says why; else leave a note."""
    code = getattr(error, "exit_code", 1)
    try:
        assert _store is not None
        if code == LOST:
            quiet = bool(_launcher)  # it names who was lost
            if noted := _store.check(["ended"]):
                code = int(_store.get("ended"))
        else:
            noted, quiet = False, False
            _store.set("ended", str(code))
        silent = noted or quiet or _store.add("said", 1) > 1
    except RuntimeError:  # the notes are gone with the process that kept them
        silent = False
    if silent:
        raise SystemExit(code) from None


def _local() -> int:
    """The number of this process on its machine."""
    return _number("LOCAL_RANK", "SLURM_LOCALID", "RANK")


def _number(*names: str, otherwise: str = "0") -> int:
    return int(next((os.environ[name] for name in names if name in os.environ), otherwise))


# -- what processes do together -------------------------------------------------------------------


def average(tensors: Sequence[Tensor]) -> None:
    """Make each tensor its mean over the processes, in place, by one flat all-reduce of float32.

    Device work alone, so that it can be part of a captured step. Tensors that lie in memory in
    order are copied once there and once back.
    """
    if world() == 1:
        return
    with torch.no_grad():
        flat = torch.cat([t.reshape(-1).float() for t in tensors]).div_(world())
        _together(dist.all_reduce, flat, dist.ReduceOp.SUM)
        parts = zip(tensors, torch.split(flat, [t.numel() for t in tensors]), strict=True)
        for tensor, part in parts:
            tensor.copy_(part.view(tensor.shape))


def _together(operation: Callable[..., Any], *arguments: Any) -> None:
    try:
        operation(*arguments)
    except RuntimeError as error:
        raise Lost(f"Another process of this run was lost: {_line(error)}.", AGAIN) from None


def any_of_us(truth: bool) -> bool:
    """Whether it is true in any process; all wait for each other here."""
    if world() == 1:
        return truth
    flag = torch.tensor(int(truth))
    _together(dist.all_reduce, flag, dist.ReduceOp.MAX)
    return bool(flag)


def wait() -> None:
    """Wait until all processes are here."""
    any_of_us(False)


def from_first(data: bytes) -> bytes:
    """What the first process gives; what others give is ignored."""
    if world() == 1:
        return data
    length = torch.tensor(len(data))
    _together(dist.broadcast, length, 0)
    held = torch.empty(int(length), dtype=torch.uint8)
    if first():
        held = torch.frombuffer(bytearray(data), dtype=torch.uint8)
    _together(dist.broadcast, held, 0)
    return held.numpy().tobytes()


@contextmanager
def in_turn() -> Iterator[None]:
    """One process of each machine first, then its others: they find what it fetched or drew."""
    leads = world() == 1 or _local() == 0
    if not leads:
        wait()
    try:
        yield
    finally:
        if leads:
            wait()


class Pace:
    """When to report: about every `seconds`, and after the same step in all processes.

    Clocks differ, so processes that are several count steps, and agree at each report on how many
    to take to the next.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._steps, self._until, self._began = 0, 1, time.perf_counter()

    def due(self) -> bool:
        """Whether to report after the step that was just made."""
        self._steps += 1
        if world() == 1:
            return time.perf_counter() - self._began >= self._seconds
        return self._steps >= self._until

    def reported(self) -> None:
        """Start to wait for the next report."""
        if world() > 1 and self._steps:
            step = torch.tensor((time.perf_counter() - self._began) / self._steps)
            average([step])
            self._until = max(1, int(self._seconds / float(step)))
        self._steps, self._began = 0, time.perf_counter()


# -- starting them --------------------------------------------------------------------------------


def launch(
    words: Sequence[str], processes: int, restarts: int, record: Path, say: Callable[[str], None]
) -> None:
    """Run `python -m gancli WORDS` in `processes` processes of this machine, until all are done.

    When one is lost (killed, crashed), all start again from the last checkpoint, at most `restarts`
    times; `--fresh` is meant once, until the run has written its `record`. An error that was told
    to the reader ends them all, with its exit code.
    """
    began = time.time()
    for left in range(restarts, -1, -1):
        failures = _run(words, processes)
        if not failures:
            return
        said = [code for code in failures.values() if code in SAID]
        if all(code in FOLLOWED for code in failures.values()):  # nobody failed by himself
            said += [code for code in failures.values() if code == STOPPED]
        if said:
            raise SystemExit(said[0])
        lost = _describe(failures)
        if left:
            say(f"{lost}: starting again from the last checkpoint ({left - 1} restarts left).")
        if record.exists() and record.stat().st_mtime >= began:
            words = [word for word in words if word != "--fresh"]
    raise GanError(f"{lost}, and --max-restarts {restarts} allows no more restarts.", hint=AGAIN)


def check_devices(processes: int, device: torch.device) -> None:
    """Raise UsageError where `device` cannot be so many."""
    there = {"cuda": torch.cuda.device_count(), "mps": 1}.get(device.type, processes)
    if processes > there:
        raise UsageError(
            f"--devices {processes}: there is {there} {device.type} device here.",
            hint=f"--devices {there}",
        )


def _run(words: Sequence[str], processes: int) -> dict[int, int]:
    """The exit codes, by rank, of the processes that failed, in the order in which they did."""
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    if not os.environ.get("GAN_DEBUG"):
        logging.disable()  # the launcher reports each signal it sends, and errors with tracebacks
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=processes,
        run_id=str(uuid.uuid4()),
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        local_addr="localhost",
        max_restarts=0,  # `launch` restarts, and only where that helps
        logs_specs=DefaultLogsSpecs(log_dir=os.devnull),
    )
    try:
        elastic_launch(config, sys.executable)("-m", "gancli", *words)
    except ChildFailedError as error:
        return {number: failure.exitcode for number, failure in error.failures.items()}
    except SignalException:  # passed on to the processes, which have saved and stopped by now
        raise SystemExit(STOPPED) from None
    return {}


def _describe(failures: dict[int, int]) -> str:
    """The process that failed by itself, and how; the others followed it."""
    number = next((n for n, code in failures.items() if code not in FOLLOWED), min(failures))
    code = failures[number]
    how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
    return f"A process (rank {number}) {how}"


def _line(error: Exception) -> str:
    """The first sentence of what torch says, without where in its sources that is."""
    text = (str(error).strip() or type(error).__name__).splitlines()[0]
    return re.sub(r"\[/\S+\] ?", "", text).split(". ")[0].rstrip(".")
