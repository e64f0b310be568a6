"""Several processes that train as one, by torch.distributed.

`launch` starts them on this machine through torch's elastic launcher; torchrun, SLURM, Kubernetes
and Ray start them as well, on many machines, and set RANK and WORLD_SIZE. Either way each process
enters `joined`. Tensors on a GPU are averaged by NCCL, those on a CPU by gloo. In a process on its
own (`world()` is 1) nothing here does anything.

What holds between steps: weights, moments, averages and buffers are the same in all processes,
since they start out the same and are moved by the same averages. So what the first process (rank 0)
writes is the state of all.
"""

import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from gancli.errors import STOPPED, GanError, UsageError
from gancli.gan import Share
from gancli.training import rendezvous

TIMEOUT = timedelta(minutes=30)  # for a process that measures, downloads or saves as others wait
LOST = 75  # exit code of a process that lost its peers: EX_TEMPFAIL of sysexits.h, try again
AGAIN = "the same command goes on from the last checkpoint"

_launcher = 0  # process id of torch's elastic launcher, if that is what started this process
_store: Any = None  # key-value store in which the processes leave each other notes, once joined


class Lost(GanError):
    """Another process has ended, so that this one cannot go on either."""

    exit_code = LOST


# -- rank and world size --------------------------------------------------------------------------


def launched() -> bool:
    """Whether a launcher started this process as one of several (or as the only one)."""
    return "RANK" in os.environ and "WORLD_SIZE" in os.environ


def world() -> int:
    """How many processes train together."""
    return dist.get_world_size() if _has_group() else 1


def rank() -> int:
    """The number of this process among them; 0 is the one that writes and speaks."""
    return dist.get_rank() if _has_group() else 0


def _has_group() -> bool:
    return dist.is_available() and dist.is_initialized()


def first() -> bool:
    """Whether this process is the one that writes and speaks."""
    return rank() == 0


def orphaned() -> bool:
    """Whether the launcher that could end or restart this process has gone."""
    return _launcher not in (0, os.getppid())


def again() -> bool:
    """Whether this process replaces one that was lost."""
    return os.environ.get("TORCHELASTIC_RESTART_COUNT", "0") != "0"


def share(seed: int, device: torch.device) -> Share:
    """This process's share of every global batch, seeded alike in all of them."""
    if world() == 1:
        return Share()
    return Share(rank=rank(), world=world(), rng=torch.Generator(device).manual_seed(seed))


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

    If several run into an error, the first of them raises it and the others end silently.
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
    global _launcher
    rendezvous.check_environment()
    _launcher = os.getppid() if "TORCHELASTIC_RUN_ID" in os.environ else 0
    processes_here = _number("LOCAL_WORLD_SIZE", otherwise="1")
    if device.type == "cuda":  # modulo: a launcher may have made a single GPU visible to each
        torch.cuda.set_device(_local_rank() % torch.cuda.device_count())
    elif device.type == "cpu" and "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max(1, torch.get_num_threads() // processes_here))
    try:
        _create_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")
    except (RuntimeError, ValueError) as error:
        if "failed to listen" in str(error):
            port = os.environ["MASTER_PORT"]
            raise UsageError(
                f"MASTER_PORT {port} is in use on this machine.",
                hint="export MASTER_PORT=..., another one, for all processes",
            ) from None
        raise Lost(f"The processes of this run did not meet: {_sentence(error)}.", AGAIN) from None


def _create_group(backend: str) -> None:
    from torch.distributed.distributed_c10d import PrefixStore
    from torch.distributed.rendezvous import rendezvous as shared_store

    global _store
    store, number, size = next(shared_store("env://", timeout=rendezvous.TIMEOUT))
    _store = PrefixStore(rendezvous.meet(store, number, size), store)
    dist.init_process_group(
        backend,
        store=PrefixStore("group", _store),
        rank=number,
        world_size=size,
        timeout=TIMEOUT,
    )


def _leave(error: Exception) -> None:
    """End silently if another process, or the launcher, says why; else leave a note for them."""
    code = getattr(error, "exit_code", 1)
    try:
        assert _store is not None
        if code == LOST:
            quiet = bool(_launcher)  # it names the process that was lost
            if noted := _store.check(["ended"]):
                code = int(_store.get("ended"))
        else:
            noted, quiet = False, False
            _store.set("ended", str(code))
        silent = noted or quiet or _store.add("said", 1) > 1
    except RuntimeError:  # the store is gone with the process that kept it
        silent = False
    if silent:
        raise SystemExit(code) from None


def _local_rank() -> int:
    """The number of this process on its machine."""
    return _number("LOCAL_RANK", "SLURM_LOCALID", "RANK")


def _number(*names: str, otherwise: str = "0") -> int:
    """The first of these environment variables that is set."""
    return int(next((os.environ[name] for name in names if name in os.environ), otherwise))


def _sentence(error: Exception) -> str:
    """The first sentence of what torch says, without the place in its sources."""
    text = (str(error).strip() or type(error).__name__).splitlines()[0]
    return re.sub(r"\[/\S+\] ?", "", text).split(". ")[0].rstrip(".")


# -- what processes do together -------------------------------------------------------------------


def average(tensors: Sequence[Tensor]) -> None:
    """Replace each tensor by its mean over the processes, by one flat all-reduce in float32.

    Device work only, so it can be part of a captured step. One collective call instead of one per
    tensor: each has a latency of its own. The tensors are copied once there and once back.
    """
    if world() == 1:
        return
    with torch.no_grad():
        flat = torch.cat([t.reshape(-1).float() for t in tensors]).div_(world())
        _collective(dist.all_reduce, flat, dist.ReduceOp.SUM)
        parts = zip(tensors, torch.split(flat, [t.numel() for t in tensors]), strict=True)
        for tensor, part in parts:
            tensor.copy_(part.view(tensor.shape))


def _collective(operation: Callable[..., Any], *arguments: Any) -> None:
    try:
        operation(*arguments)
    except RuntimeError as error:
        raise Lost(f"Another process of this run was lost: {_sentence(error)}.", AGAIN) from None


def any_of_us(truth: bool) -> bool:
    """Whether it is true in any process; all wait for each other here."""
    if world() == 1:
        return truth
    flag = torch.tensor(int(truth))
    _collective(dist.all_reduce, flag, dist.ReduceOp.MAX)
    return bool(flag)


def wait() -> None:
    """Wait until all processes are here."""
    any_of_us(False)


def from_first(data: bytes) -> bytes:
    """What rank 0 passes in; what the others pass in is ignored."""
    if world() == 1:
        return data
    length = torch.tensor(len(data))
    _collective(dist.broadcast, length, 0)
    received = torch.empty(int(length), dtype=torch.uint8)
    if first():
        received = torch.frombuffer(bytearray(data), dtype=torch.uint8)
    _collective(dist.broadcast, received, 0)
    return received.numpy().tobytes()


@contextmanager
def in_turn() -> Iterator[None]:
    """One process of each machine first, then its others: they find what it downloaded or drew."""
    leads = world() == 1 or _local_rank() == 0
    if not leads:
        wait()
    try:
        yield
    finally:
        if leads:
            wait()


class Pace:
    """When to report: about every `seconds`, and after the same step in all processes.

    Clocks differ between processes, so several of them count steps instead, and agree at each
    report on how many to make until the next.
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
