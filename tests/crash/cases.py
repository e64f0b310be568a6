"""The kinds of cases: each yields, for every case, what is wrong with it, or None."""

import math
import os
import random
import shutil
import signal
import time
from collections.abc import Iterator
from functools import partial
from itertools import count
from pathlib import Path

import torch

from gancli import weights
from gancli.errors import STOPPED, GanError
from gancli.models import began
from gancli.reporting import silent
from gancli.training import doctor
from gancli.training.earlier import recover
from gancli.training.folder import RunFolder
from gancli.training.reports import Report
from gancli.training.run import MAX_ROLLBACKS, Run
from gancli.training.trainer import Trainer
from tests.crash.operations import die_at
from tests.crash.trainings import (
    EPOCHS,
    Change,
    contents,
    differences,
    in_child,
    leftovers,
    seed_of,
    train,
)

FAULTS = ("nan", "inf")
Problem = str | None


def killed(model: str, room: Path, deaths: int, rng: random.Random) -> Iterator[Problem]:
    """`deaths` kills at random moments; every second run also diverges and is rolled back.

    A case is one run, killed and resumed until it ends.
    """
    for number in count():
        change = silent if number % 2 == 0 else _random_fault(rng, most=MAX_ROLLBACKS)
        expected, seconds = _uninterrupted(model, room, change)
        out, died = _new_folder(room), 0
        while died < deaths:
            code = in_child(partial(train, model, out, change), rng.uniform(0, seconds))
            if code == 0:
                break
            assert code == -signal.SIGKILL  # else resuming failed, and the reason is above
            died += 1
        deaths -= died
        yield _resumed(f"killed {died} times", model, out, expected, change)
        if not deaths:
            return


def operations(model: str, room: Path, every: int, first: int) -> Iterator[Problem]:
    """Death at the file operations number `first`, `first + every`, ... after the last step.

    These are the operations of closing the last epoch, drawing the summary and ending the run. The
    run was stopped in the last epoch before, so there is a file from the start of the epoch too.
    """
    expected, _ = _uninterrupted(model, room)
    stopped, out = room / "stopped", _new_folder(room)
    assert in_child(partial(train, model, out, _stop_in_last_epoch)) == STOPPED
    out.rename(stopped)
    for number in count(first, every):
        shutil.copytree(stopped, _new_folder(room))
        code = in_child(partial(train, model, out, partial(_die_at, number)))
        if code == 0:
            return
        assert code == -signal.SIGKILL
        yield _resumed(f"died at operation {number}", model, out, expected)


def replacements(model: str, room: Path, every: int, first: int) -> Iterator[Problem]:
    """Death at the file operations of the first checkpoint of a run that replaces another.

    Either run must then be complete, without a file of the other.
    """
    new = partial(train, model, seed=1)
    assert in_child(partial(new, _new_folder(room))) == 0
    expected = contents(room / "run")
    earlier, _ = _uninterrupted(model, room)
    (room / "run").rename(room / "earlier")
    for number in count(first, every):
        out = _new_folder(room)
        shutil.copytree(room / "earlier", out)
        code = in_child(partial(new, out, partial(_die_at, number), fresh=True))
        if code == 0:
            return
        assert code == -signal.SIGKILL
        what = f"died at operation {number} of the replacement"
        in_child(partial(_recover_and_die, number % 12, out))  # or finish before it dies
        assert in_child(partial(recover, RunFolder(out), silent)) == 0
        if (out / "samples" / "epoch-0002.png").exists() and seed_of(out) == 1:
            return
        if seed_of(out) == 0:
            wrong = [*leftovers(out, earlier), *differences(out, earlier)]
            # the next training removes these
            wrong = [name for name in wrong if name != ".fresh" and ".gan-" not in name]
            yield f"{what}: {', '.join(wrong)} of the restored run" if wrong else None
        else:
            yield _resumed(what, model, out, expected, seed=1)


def faults(model: str, room: Path, cases: int, rng: random.Random) -> Iterator[Problem]:
    """NaN or infinity in a random weight after a random step, once or again after each rollback."""
    for _ in range(cases):
        out, times = _new_folder(room), rng.randint(1, MAX_ROLLBACKS + 1)
        check = partial(_check_fault, model, out, rng.random(), times)
        yield None if in_child(check) == 0 else f"{times} faults in {model}: see above"


def collapses(model: str, room: Path, cases: int, rng: random.Random) -> Iterator[Problem]:
    """From a random step on, all samples of a batch are the same. The doctor must report it."""
    for _ in range(cases):
        out, step = _new_folder(room), rng.randrange(0, 5 * (EPOCHS - 1))
        check = partial(_check_collapse, model, out, step)
        yield None if in_child(check) == 0 else f"collapse of {model} at step {step}: see above"


# -- what is done to a run ------------------------------------------------------------------------


def _random_fault(rng: random.Random, most: int) -> Change:
    return partial(_insert_faults, seed=rng.random(), times=rng.randint(1, most))


def _insert_faults(run: Run, seed: float, times: int) -> None:
    """Overwrite a weight with NaN or infinity after a step, until there were `times` rollbacks."""
    rng, trainer, step = random.Random(seed), run.trainer, run.trainer.step
    parameters = [*run.prepared.model.parameters()]
    at = rng.randrange(0, trainer.total, trainer.config.batch_size)
    parameter, value = rng.choice(parameters), float(rng.choice(FAULTS))

    def faulty() -> None:
        due = trainer.images_seen == at and trainer.schedule.rollbacks < times
        step()
        if due:
            parameter.data[(0,) * parameter.dim()] = value

    trainer.step = faulty  # type: ignore[method-assign]


def _collapse(run: Run, start: int) -> None:
    """From step `start` on, let the generator return the mean of its batch."""
    trainer = run.trainer

    def mean(_: torch.nn.Module, __: object, output: torch.Tensor) -> torch.Tensor | None:
        collapsed = trainer.images_seen >= start * trainer.config.batch_size
        return output.mean(0, keepdim=True).expand_as(output) if collapsed else None

    run.prepared.model.generator.register_forward_hook(mean)


def _stop_in_last_epoch(run: Run) -> None:
    """Send SIGTERM to this process in the middle of the last epoch."""
    images, step, reports = len(run.trainer.data), run.trainer.step, run.trainer.run
    run.trainer.run = lambda: reports(seconds=0)  # type: ignore[method-assign, misc]

    def stopped() -> None:
        step()
        if run.trainer.images_seen // images == EPOCHS - 1:
            os.kill(os.getpid(), signal.SIGTERM)

    run.trainer.step = stopped  # type: ignore[method-assign]


def _recover_and_die(number: int, out: Path) -> None:
    die_at(number + 1)
    recover(RunFolder(out), silent)


def _die_at(number: int, run: Run) -> None:
    """Count file operations from the moment in which the next epoch closes."""
    end = run._end_epoch

    def end_and_die(report: Report) -> Report:
        run._end_epoch = end  # type: ignore[method-assign]
        die_at(number)
        return end(report)

    run._end_epoch = end_and_die  # type: ignore[method-assign]


# -- what has to hold -----------------------------------------------------------------------------


def _new_folder(room: Path) -> Path:
    """The folder of a run, empty. It has the same name each time, since losses.png shows it."""
    shutil.rmtree(room / "run", ignore_errors=True)
    return room / "run"


def _uninterrupted(
    model: str, room: Path, change: Change = silent
) -> tuple[dict[str, bytes], float]:
    """The files of a run that nothing interrupts, and the seconds that it takes."""
    out, began = _new_folder(room), time.perf_counter()
    assert in_child(partial(train, model, out, change)) == 0
    return contents(out), time.perf_counter() - began


def _resumed(
    what: str,
    model: str,
    out: Path,
    expected: dict[str, bytes],
    change: Change = silent,
    seed: int = 0,
) -> Problem:
    """Resume the run, and compare all its files with the expected ones."""
    if in_child(partial(train, model, out, change, seed=seed)) != 0:
        return f"{what}: does not resume, see above"
    if left := leftovers(out, expected):
        return f"{what}: leftover {', '.join(left)}"
    if differing := differences(out, expected):
        return f"{what}: differs in {', '.join(differing)}"
    return None


def _check_fault(model: str, out: Path, seed: float, times: int) -> None:
    """Train with faults; up to MAX_ROLLBACKS lead to a finished run, more to an error."""
    good: list[bytes] = []
    plain_roll_back = Trainer.roll_back

    def roll_back(trainer: Trainer, tensors: dict[str, torch.Tensor]) -> None:
        plain_roll_back(trainer, tensors)
        checkpoint = out / "training.safetensors"
        good.append(checkpoint.read_bytes() if checkpoint.exists() else b"")
        rate = trainer.config.lr / 2**trainer.schedule.rollbacks
        decay = trainer.schedule.learning_rate(0, trainer.total)
        assert decay == rate, (decay, rate)

    Trainer.roll_back = roll_back  # type: ignore[method-assign]
    insert = partial(_insert_faults, seed=seed, times=times)
    if times <= MAX_ROLLBACKS:
        run = train(model, out, insert)
        assert run.trainer.schedule.rollbacks == len(good) == times
    else:
        try:
            train(model, out, insert)
        except GanError as error:
            assert f"{MAX_ROLLBACKS} times" in error.message, error.message
        else:
            raise AssertionError("the run did not end with an error")
        checkpoint = out / "training.safetensors"
        assert (checkpoint.read_bytes() if checkpoint.exists() else b"") == good[-1]
    for file in out.glob("*.safetensors"):
        tensors = weights.load(file).items()
        bad = [k for k, v in tensors if not torch.isfinite(v).all() and k != "plateau"]
        assert not bad, (file, bad)
    for line in (out / "metrics.jsonl").read_text().splitlines() if good[-1] else ():
        assert "NaN" not in line and "Infinity" not in line, line


def _check_collapse(model: str, out: Path, step: int) -> None:
    """Train with a collapse; the doctor reports it and the run ends well."""
    doctor.MIN_STEPS = began.LOW_K_STEPS = 0
    messages: list[str] = []
    run = train(model, out, partial(_collapse, start=step), messages.append)
    assert any("mode collapse" in message for message in messages), messages
    assert math.isfinite(run.trainer.learning_rate)
