"""Small real trainings in child processes, which can be killed at any moment.

The children are forked from a process that has imported torch and never used it. So they start in
milliseconds, and inherit no threads.
"""

import json
import os
import signal
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import torch._dynamo  # noqa: F401  the first optimiser would import it, which takes seconds

from gancli import registry
from gancli.config import Job
from gancli.errors import STOPPED
from gancli.reporting import Say, silent
from gancli.shape import Direction
from gancli.training.prepare import prepare
from gancli.training.run import Run

DATA = Path(__file__).parents[1] / "versions" / "0.1.0"  # 40 pictures, 20 pairs
EPOCHS = 3
BATCH = 4
Change = Callable[[Run], None]  # something to do to a run before it trains


def train(
    model: str,
    out: Path,
    change: Change = silent,
    say: Say = silent,
    seed: int = 0,
    fresh: bool = False,
) -> Run:
    """Train `model` in the folder `out`, to the end, from wherever the run there stands."""
    pairs = registry.declared("models", model, "PAIRS")
    settings = {"width": 1} if pairs else {"z_dim": 4, "width": 4, "hidden": 8}
    job = Job(
        model=model,
        dataset=str(DATA / ("pairs" if pairs else "pictures")),
        direction=Direction.A2B if pairs else None,
        typed={**settings, "batch_size": BATCH, "epochs": EPOCHS, "seed": seed},
        device="cpu",
        precision="fp32",
        out=out,
        fresh=fresh,
    )
    run = Run(prepare(job, say, silent), say)
    change(run)
    for _ in run.train():
        pass
    return run


def in_child(work: Callable[[], object], seconds: float | None = None) -> int:
    """Do `work` in a forked process, killed after that many `seconds`; return its exit code.

    The code is 0 if it finished, STOPPED after a signal, 1 after another exception, and -9 if it
    was killed.
    """
    if (child := os.fork()) == 0:
        try:
            work()
            os._exit(0)
        except KeyboardInterrupt:
            os._exit(STOPPED)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)  # has no effect on one that has ended: it is a zombie
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a run by name, without what differs between equal runs: their speed."""
    found = {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    lines = [json.loads(line) for line in found["metrics.jsonl"].splitlines()]
    for line in lines:
        del line["images_per_second"]
    plan = json.loads(found["run.json"])
    del plan["folder"]
    return found | {"metrics.jsonl": repr(lines).encode(), "run.json": repr(plan).encode()}


def seed_of(folder: Path) -> int:
    """The seed of the run in a folder."""
    plan = json.loads((folder / "run.json").read_bytes())
    return int(plan["training"]["seed"])


def leftovers(folder: Path, expected: dict[str, bytes]) -> list[str]:
    """The files and folders in `folder` that a run does not leave, by name."""
    folders = {str(parent) for name in expected for parent in Path(name).parents}
    found = (str(path.relative_to(folder)) for path in folder.rglob("*"))
    return [name for name in found if name not in expected and name not in folders]


def differences(folder: Path, expected: dict[str, bytes]) -> list[str]:
    """The files that are missing in `folder`, or differ from those of the uninterrupted run."""
    found = contents(folder)
    return [name for name in expected if found.get(name) != expected[name]]
