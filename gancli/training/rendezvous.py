"""Lets the processes that a launcher started find each other, before they form a process group."""

import os
import time
import uuid
from datetime import timedelta
from typing import Any

from gancli.errors import UsageError

TIMEOUT = timedelta(minutes=5)  # for all processes to appear
OPTIONAL = ("LOCAL_RANK", "SLURM_LOCALID", "LOCAL_WORLD_SIZE")  # set by some launchers


def check_environment() -> None:
    """Raise UsageError if a variable that a launcher should set is missing or out of range."""
    for name in ("MASTER_ADDR", "MASTER_PORT"):
        if name not in os.environ:
            raise UsageError(
                f"RANK and WORLD_SIZE are set but {name} is not: it tells where rank 0 runs.",
                hint=f"export {name}=..., or unset RANK to train with one process",
            )
    size = os.environ["WORLD_SIZE"]
    last_rank = int(size) - 1 if size.isdecimal() else 0
    bounds = {"WORLD_SIZE": (1, 2**31), "RANK": (0, last_rank), "MASTER_PORT": (1, 65535)}
    bounds |= {name: (0, 2**31) for name in OPTIONAL if name in os.environ}
    for name, (least, most) in bounds.items():
        value = os.environ[name]
        if not (value.isdecimal() and least <= int(value) <= most):
            raise UsageError(
                f"{name} is {value!r} but must be a whole number from {least} to {most}.",
                hint=f"export {name}=..., or unset RANK to train with one process",
            )


def meet(store: Any, rank: int, world_size: int) -> str:
    """Agree on a name that all `world_size` processes of this start know, and no others.

    torchrun keeps one store over its restarts, so the store still holds all that processes of
    earlier starts have written. To tell them apart, each process calls under a new random name.
    Rank 0 answers every name that it finds, until each rank has confirmed that it read the answer.

    Raises RuntimeError if processes are missing after TIMEOUT.
    """
    name = uuid.uuid4().hex
    if rank > 0:
        store.set(f"call/{rank}", name)
        answer: str = store.get(f"answer/{name}").decode()  # blocks until rank 0 has answered
        store.set(f"heard/{answer}/{rank}", "")
        return answer
    missing, deadline = set(range(1, world_size)), time.monotonic() + TIMEOUT.total_seconds()
    while missing:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{len(missing)} of {world_size} are missing")
        for other in [n for n in missing if store.check([f"call/{n}"])]:
            # The call may be one of an earlier start. Then no process reads the answer, and a later
            # round answers the new call.
            store.set(f"answer/{store.get(f'call/{other}').decode()}", name)
            if store.check([f"heard/{name}/{other}"]):
                missing.remove(other)
        time.sleep(0.01)
    return name
