"""How processes that a launcher started find each other."""

import os
import time
import uuid
from datetime import timedelta
from typing import Any

from gancli.errors import UsageError

TIMEOUT = timedelta(minutes=5)  # for all processes to appear
OPTIONAL = ("LOCAL_RANK", "SLURM_LOCALID", "LOCAL_WORLD_SIZE")  # set by some launchers


def check_environment() -> None:
    """Raise UsageError if what a launcher should have set is missing or makes no sense."""
    for name in ("MASTER_ADDR", "MASTER_PORT"):
        if name not in os.environ:
            raise UsageError(
                f"RANK and WORLD_SIZE are set, but {name} is not: where is the first process?",
                hint=f"export {name}=..., or unset RANK to train with one process",
            )
    size = os.environ["WORLD_SIZE"]
    last = int(size) - 1 if size.isdecimal() else 0
    bounds = {"WORLD_SIZE": (1, 2**31), "RANK": (0, last), "MASTER_PORT": (1, 65535)}
    bounds |= {name: (0, 2**31) for name in OPTIONAL if name in os.environ}
    for name, (least, most) in bounds.items():
        found = os.environ[name]
        if not (found.isdecimal() and least <= int(found) <= most):
            raise UsageError(
                f"{name} is {found!r}: it must be a number from {least} to {most}.",
                hint=f"export {name}=..., or unset RANK to train with one process",
            )


def meet(store: Any, rank: int, world_size: int) -> str:
    """Agree on a name for this meeting: all `world_size` processes know it, and no others.

    torchrun keeps one store over its restarts, with everything in it that processes now dead have
    written. So each process calls under a new name of its own, and rank 0 answers every name that
    it finds, until each rank has confirmed that it has read the answer.
    """
    name = uuid.uuid4().hex
    if rank > 0:
        store.set(f"call/{rank}", name)
        answer: str = store.get(f"answer/{name}").decode()  # waits for it
        store.set(f"heard/{answer}/{rank}", "")
        return answer
    missing, deadline = set(range(1, world_size)), time.monotonic() + TIMEOUT.total_seconds()
    while missing:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{len(missing)} of {world_size} are missing")
        for other in [n for n in missing if store.check([f"call/{n}"])]:
            store.set(f"answer/{store.get(f'call/{other}').decode()}", name)
            if store.check([f"heard/{name}/{other}"]):
                missing.remove(other)
        time.sleep(0.01)
    return name
