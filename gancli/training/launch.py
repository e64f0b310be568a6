"""Starting several processes that train together on this machine, and replacing lost ones.

It runs `python -m gancli` with the words of the command under torch's elastic launcher; what each
process does then is in `distributed`.
"""

import logging
import os
import signal
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from gancli.errors import STOPPED, GanError, UsageError
from gancli.training.distributed import AGAIN, LOST

EXPLAINED = (1, 2)  # exit codes of a process that has told the user why: retrying is no use
FOLLOWED = (LOST, STOPPED, -signal.SIGTERM)  # of one that another process, or the launcher, ended


def check_devices(processes: int, device: torch.device) -> None:
    """Raise UsageError if there are fewer devices of that type than `processes`."""
    there = {"cuda": torch.cuda.device_count(), "mps": 1}.get(device.type, processes)
    if processes > there:
        raise UsageError(
            f"--devices {processes}: there is {there} {device.type} device here.",
            hint=f"--devices {there}",
        )


def launch(
    words: Sequence[str], processes: int, restarts: int, record: Path, say: Callable[[str], None]
) -> None:
    """Run `python -m gancli WORDS` in `processes` processes until all of them are done.

    When one is lost (killed, crashed), all start again from the last checkpoint, at most `restarts`
    times. `--fresh` is dropped for that once the run has written its `record`: it was meant for the
    first start. An error that a process has explained to the user ends them all with its exit code.
    """
    began = time.time()
    for left in range(restarts, -1, -1):
        failures = _run(words, processes)
        if not failures:
            return
        _exit_unless_lost([*failures.values()])
        lost = _describe(failures)
        if left:
            say(f"{lost}: starting again from the last checkpoint ({left - 1} restarts left).")
        if record.exists() and record.stat().st_mtime >= began:
            words = [word for word in words if word != "--fresh"]
    raise GanError(f"{lost}, and --max-restarts {restarts} allows no more restarts.", hint=AGAIN)


def _exit_unless_lost(codes: list[int]) -> None:
    """Raise SystemExit if these exit codes mean that a restart would not help."""
    final = [code for code in codes if code in EXPLAINED]
    if all(code in FOLLOWED for code in codes):  # no process failed by itself: were they stopped?
        final += [code for code in codes if code == STOPPED]
    if final:
        raise SystemExit(final[0])


def _run(words: Sequence[str], processes: int) -> dict[int, int]:
    """The exit codes, by rank, of the processes that failed, in the order in which they did."""
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    if not os.environ.get("GAN_DEBUG"):
        logging.disable()  # the launcher logs every signal it sends, and errors with tracebacks
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
        return {rank: failure.exitcode for rank, failure in error.failures.items()}
    except SignalException:  # passed on to the processes, which have saved and stopped by now
        raise SystemExit(STOPPED) from None
    return {}


def _describe(failures: dict[int, int]) -> str:
    """The process that failed by itself, and how; the others followed it."""
    rank = next((r for r, code in failures.items() if code not in FOLLOWED), min(failures))
    code = failures[rank]
    how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
    return f"A process (rank {rank}) {how}"
