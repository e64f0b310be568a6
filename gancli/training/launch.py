"""Starts several training processes on this machine and restarts them when one is lost.

Each process runs `python -m gancli` with the same arguments, under torch's elastic launcher. What
the processes do from then on is in `distributed`.
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
from gancli.training.distributed import EXIT_LOST, RESUME

# Exit codes of a process that has told the user what is wrong: a restart would not help.
REPORTED = (1, 2)
# Exit codes of a process that ended because another process or the launcher did.
CONSEQUENT = (EXIT_LOST, STOPPED, -signal.SIGTERM)


def check_devices(processes: int, device: torch.device) -> None:
    """Raise UsageError if this machine has fewer devices of that type than `processes`."""
    available = {"cuda": torch.cuda.device_count(), "mps": 1}.get(device.type, processes)
    if processes > available:
        raise UsageError(
            f"--devices {processes} needs {processes} {device.type} devices, "
            f"but this machine has {available}.",
            hint=f"--devices {available}",
        )


def launch(
    arguments: Sequence[str],
    processes: int,
    restarts: int,
    run_json: Path,
    say: Callable[[str], None],
) -> None:
    """Run `python -m gancli ARGUMENTS` in `processes` processes until all of them are done.

    When a process is lost (killed or crashed), all restart from the last checkpoint, at most
    `restarts` times. Once the run has written `run_json`, a restart drops `--fresh`, since the user
    meant it for the first start. If a process has reported an error to the user, all end with its
    exit code. Raises GanError when no restarts are left.
    """
    began = time.time()
    for left in range(restarts, -1, -1):
        failures = _run(arguments, processes)
        if not failures:
            return
        _exit_unless_lost([*failures.values()])
        lost = _describe(failures)
        if left:
            say(f"{lost}. Restarting from the last checkpoint ({left - 1} restarts left).")
        if run_json.exists() and run_json.stat().st_mtime >= began:
            arguments = [argument for argument in arguments if argument != "--fresh"]
    raise GanError(f"{lost}, and no restarts are left (--max-restarts {restarts}).", hint=RESUME)


def _exit_unless_lost(codes: list[int]) -> None:
    """Raise SystemExit if these exit codes mean that a restart would not help."""
    final = [code for code in codes if code in REPORTED]
    if all(code in CONSEQUENT for code in codes):  # no process failed by itself: were they stopped?
        final += [code for code in codes if code == STOPPED]
    if final:
        raise SystemExit(final[0])


def _run(arguments: Sequence[str], processes: int) -> dict[int, int]:
    """Run the processes and return the exit codes of those that failed.

    The keys are ranks, in the order in which the processes failed.
    """
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
        max_restarts=0,  # `launch` restarts by itself, and only where that helps
        logs_specs=DefaultLogsSpecs(log_dir=os.devnull),
    )
    try:
        elastic_launch(config, sys.executable)("-m", "gancli", *arguments)
    except ChildFailedError as error:
        return {rank: failure.exitcode for rank, failure in error.failures.items()}
    except SignalException:  # passed on to the processes, which have saved and stopped by now
        raise SystemExit(STOPPED) from None
    return {}


def _describe(failures: dict[int, int]) -> str:
    """Tell which process failed by itself, and how; the others ended because of it."""
    rank = next((r for r, code in failures.items() if code not in CONSEQUENT), min(failures))
    code = failures[rank]
    how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"exited with code {code}"
    return f"One process (rank {rank}) {how}"
