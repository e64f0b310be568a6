"""Data-parallel training: several processes that train one model through torch.distributed.

`launch` starts the processes on this machine with torch's elastic launcher. torchrun, SLURM,
Kubernetes and Ray can start them too, on many machines; they set RANK and WORLD_SIZE. Either way
each process enters `joined`. Tensors on a GPU are averaged by NCCL, those on a CPU by gloo. In a
single process (`world_size()` is 1) nothing here has any effect.

Between steps all processes hold the same weights, Adam moments, averaged weights and buffers: they
start out equal and are updated from averaged gradients. So rank 0 can save the state for all.
"""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from gancli.errors import STOPPED, GanError, UsageError
from gancli.gan import Share
from gancli.training import noise, rendezvous

TIMEOUT = timedelta(minutes=30)  # others wait this long while rank 0 measures, downloads or saves
EXIT_LOST = 75  # exit code after losing a peer: EX_TEMPFAIL of sysexits.h, "try again"
RESUME = "run the same command again to resume from the last checkpoint"

_launcher_pid = 0  # of torch's elastic launcher, if it started this process
_store: Any = None  # key-value store that all processes share, once they have joined


class ProcessLost(GanError):
    """Another process has ended, so this one cannot continue."""

    exit_code = EXIT_LOST


# -- rank and world size --------------------------------------------------------------------------


def launched() -> bool:
    """Whether a launcher started this process, as one of several or as the only one."""
    return "RANK" in os.environ and "WORLD_SIZE" in os.environ


def world_size() -> int:
    """The number of processes that train together."""
    return dist.get_world_size() if _has_group() else 1


def processes_here(otherwise: int = 1) -> int:
    """The number of processes on this machine, as the launcher tells; else `otherwise`."""
    return _env_int("LOCAL_WORLD_SIZE", otherwise=str(otherwise))


def rank() -> int:
    """The number of this process in the group, from 0."""
    return dist.get_rank() if _has_group() else 0


def _has_group() -> bool:
    return dist.is_available() and dist.is_initialized()


def is_rank_zero() -> bool:
    """Whether this is rank 0, the process that writes files and prints messages."""
    return rank() == 0


def orphaned() -> bool:
    """Whether the launcher that started this process has ended, so nothing could restart it."""
    return _launcher_pid not in (0, os.getppid())


def is_restart() -> bool:
    """Whether the launcher has restarted this process after one was lost."""
    return os.environ.get("TORCHELASTIC_RESTART_COUNT", "0") != "0"


def share(seed: int, device: torch.device) -> Share:
    """This process's share of every global batch; its rng has the same seed in all processes."""
    if world_size() == 1:
        return Share()
    return Share(rank=rank(), world_size=world_size(), rng=noise.seeded(seed, device))


def check_batch(size: int, processes: int, minimum: int = 1) -> None:
    """Check that a batch of `size` splits evenly, with `minimum` or more pictures per process.

    Raises UsageError if it does not; the hint has the nearest batch size that does.
    """
    if size % processes == 0 and size // processes >= minimum:
        return
    nearest = max(minimum, round(size / processes)) * processes
    too_few = "" if size % processes else f": each needs at least {minimum} pictures"
    raise UsageError(
        f"A batch of {size} cannot be split evenly across {processes} processes{too_few}.",
        hint=f"--batch-size {nearest}",
    )


# -- joining and leaving the process group --------------------------------------------------------


@contextmanager
def joined(device: torch.device) -> Iterator[None]:
    """Join the process group that a launcher started; does nothing in a single process.

    If several processes fail, the first one raises its error and the others exit silently, so that
    the user reads one message.
    """
    if not launched() or os.environ["WORLD_SIZE"] == "1":
        yield
        return
    _join_group(device)
    try:
        yield
    except Exception as error:
        if getattr(error, "exit_code", 1) != STOPPED:
            _exit_if_reported(error)
            raise
        dist.destroy_process_group()  # all processes agreed to stop, so none waits for another
        raise
    dist.destroy_process_group()


def _join_group(device: torch.device) -> None:
    global _launcher_pid
    rendezvous.check_environment()
    _launcher_pid = os.getppid() if "TORCHELASTIC_RUN_ID" in os.environ else 0
    if device.type == "cuda":  # modulo: some launchers make one GPU visible to each process
        torch.cuda.set_device(_local_rank() % torch.cuda.device_count())
    elif device.type == "cpu" and "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max(1, torch.get_num_threads() // processes_here()))
    try:
        _create_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")
    except (RuntimeError, ValueError) as error:
        if "failed to listen" in str(error):
            port = os.environ["MASTER_PORT"]
            raise UsageError(
                f"MASTER_PORT {port} is already in use on this machine.",
                hint="export MASTER_PORT=... with a free port, the same for all processes",
            ) from None
        raise ProcessLost(
            f"The processes of this run could not connect: {_first_sentence(error)}.", RESUME
        ) from None


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


def _exit_if_reported(error: Exception) -> None:
    """Exit silently if another process or the launcher reports the failure.

    Otherwise return, so that the caller raises `error`, after telling the others through the store
    that this process reports it.
    """
    code = getattr(error, "exit_code", 1)
    try:
        assert _store is not None
        if code == EXIT_LOST:  # a consequence: the cause is in another process
            by_launcher = bool(_launcher_pid)  # it names the process that was lost
            if by_peer := _store.check(["exit_code"]):
                code = int(_store.get("exit_code"))
        else:
            by_peer, by_launcher = False, False
            _store.set("exit_code", str(code))
        silent = by_peer or by_launcher or _store.add("reports", 1) > 1
    except RuntimeError:  # the process that hosts the store has ended, and the store with it
        silent = False
    if silent:
        raise SystemExit(code) from None


def _local_rank() -> int:
    """The number of this process on its machine, from 0."""
    return _env_int("LOCAL_RANK", "SLURM_LOCALID", "RANK")


def _env_int(*names: str, otherwise: str = "0") -> int:
    """The value of the first of these environment variables that is set."""
    return int(next((os.environ[name] for name in names if name in os.environ), otherwise))


def _first_sentence(error: Exception) -> str:
    """The first sentence of an error from torch, without the line of its source code."""
    text = (str(error).strip() or type(error).__name__).splitlines()[0]
    return re.sub(r"\[/\S+\] ?", "", text).split(". ")[0].rstrip(".")


# -- collective operations ------------------------------------------------------------------------


def average(tensors: Sequence[Tensor]) -> None:
    """Replace each tensor by its mean over all processes, in one flat all-reduce in float32.

    This is device work only, so it can be part of a captured step. One collective call replaces one
    per tensor, because each call has a latency of its own. The price is one copy in and one out.
    """
    if world_size() == 1:
        return
    with torch.no_grad():
        flat = torch.cat([t.reshape(-1).float() for t in tensors]).div_(world_size())
        _collective(dist.all_reduce, flat, dist.ReduceOp.SUM)
        parts = zip(tensors, torch.split(flat, [t.numel() for t in tensors]), strict=True)
        for tensor, part in parts:
            tensor.copy_(part.view(tensor.shape))


def _collective(operation: Callable[..., Any], *arguments: Any) -> None:
    """Call a collective operation. Raises ProcessLost if a peer has ended."""
    try:
        operation(*arguments)
    except RuntimeError as error:
        raise ProcessLost(
            f"Lost the connection to another process of this run: {_first_sentence(error)}.", RESUME
        ) from None


def any_rank(flag: bool) -> bool:
    """Whether `flag` is true in any process. All processes wait for each other here."""
    if world_size() == 1:
        return flag
    shared = torch.tensor(int(flag))
    _collective(dist.all_reduce, shared, dist.ReduceOp.MAX)
    return bool(shared)


def barrier() -> None:
    """Wait until all processes have reached this call."""
    any_rank(False)


def broadcast_bytes(data: bytes) -> bytes:
    """The bytes that rank 0 passes in; those of the other ranks are ignored."""
    if world_size() == 1:
        return data
    length = torch.tensor(len(data))
    _collective(dist.broadcast, length, 0)
    received = torch.empty(int(length), dtype=torch.uint8)
    if is_rank_zero():
        received = torch.frombuffer(bytearray(data), dtype=torch.uint8)
    _collective(dist.broadcast, received, 0)
    return received.numpy().tobytes()


@contextmanager
def local_leader_first() -> Iterator[None]:
    """Run the block in the first process of each machine, then in its other processes.

    The others then find the files that the first one downloaded or generated.
    """
    leads = world_size() == 1 or _local_rank() == 0
    if not leads:
        barrier()
    try:
        yield
    finally:
        if leads:
            barrier()
