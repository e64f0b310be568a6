"""The memory of a training step is estimated well, and what does not fit is said in time."""

import errno
import weakref
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import Command, random_data, small
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from gancli import registry
from gancli.config import Training
from gancli.errors import UsageError, out_of_memory
from gancli.gan import GAN, Shape
from gancli.hardware import Memory
from gancli.reporting import silent
from gancli.training import memory
from gancli.training.memory import Needed
from gancli.training.trainer import Trainer

CPU = torch.device("cpu")
SHAPE = Shape(channels=3, size=64, classes=4)
WORDS = ("--set", "width=4", "--batch-size", 20, "--epochs", 1, "--device", "cpu")
NEEDED = Needed(fixed=100, per_picture=10, saving=200)


class LiveBytes(TorchDispatchMode):
    """Counts the bytes of all tensors that operations make, and `peak`, the most at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.peak = self.live = 0
        self.seen: dict[int, weakref.ref[torch.UntypedStorage]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(made):
            if isinstance(tensor, torch.Tensor):
                self.count(tensor.untyped_storage())
        return made

    def count(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key not in self.seen:
            self.seen[key] = weakref.ref(storage, lambda _: self.drop(key, size))
            self.live += size
            self.peak = max(self.peak, self.live)

    def drop(self, key: int, size: int) -> None:
        del self.seen[key]
        self.live -= size


def build(model: str, width: int = 16) -> GAN:
    return small(model, SHAPE, width=width)


@pytest.mark.parametrize("model", registry.names("models"))
def test_the_estimate_of_a_step_is_close_to_the_size_of_its_tensors(model: str) -> None:
    config = Training(batch_size=16)
    with LiveBytes() as tensors:
        gan = build(model).to(memory_format=torch.channels_last)
        trainer = Trainer(gan, random_data(gan.shape), config)
        initial = trainer.state()  # which a run keeps during its first epoch
        trainer.step()
        trainer.step()
    needed = memory.needed(partial(build, model), gan.shape, config, "fp32", CPU)
    assert needed is not None
    estimate = needed.fixed + 16 * needed.per_picture - memory.CODE
    assert initial and 1 <= estimate / tensors.peak < 2


def test_estimating_draws_no_random_numbers_and_leaves_no_default_device() -> None:
    before = torch.get_rng_state()
    assert memory.needed(partial(build, "dcgan"), SHAPE, Training(), "bf16", CPU)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.empty(1).device == CPU


def test_a_model_that_reads_a_tensor_has_no_estimate_and_is_not_refused() -> None:
    def reading() -> GAN:
        gan = build("dcgan")
        gan.generator.register_forward_hook(lambda _, inputs, made: print(made.sum().item()))
        return gan

    assert memory.needed(reading, SHAPE, Training(), "fp32", CPU) is None
    assert memory.check(None, 64, 1, CPU, False, silent) == 64


def test_the_largest_batch_is_a_power_of_two_that_fits() -> None:
    assert [NEEDED.total(n) for n in (1, 10, 20)] == [200, 200, 300]
    assert [NEEDED.largest_batch(n) for n in (199, 200, 259, 260, 500)] == [0, 8, 8, 16, 32]


def set_memory(monkeypatch: pytest.MonkeyPatch, free: int, most: int) -> None:
    monkeypatch.setattr("gancli.hardware.memory", lambda device: Memory(free, most))


def test_a_batch_that_fits_is_not_mentioned(monkeypatch: pytest.MonkeyPatch) -> None:
    set_memory(monkeypatch, 300, 1000)
    assert memory.check(NEEDED, 20, 1, CPU, False, pytest.fail) == 16


@pytest.mark.parametrize(("free", "hint"), [(290, "--batch-size 16."), (199, "--image-size.")])
def test_a_batch_that_does_not_fit_now_is_trained_with_a_warning(
    monkeypatch: pytest.MonkeyPatch, free: int, hint: str
) -> None:
    set_memory(monkeypatch, free, 300)
    messages: list[str] = []
    memory.check(NEEDED, 20, 1, CPU, False, messages.append)
    assert len(messages) == 1 and messages[0].endswith(hint)


def test_a_batch_that_cannot_fit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    set_memory(monkeypatch, 290, 299)
    with pytest.raises(UsageError, match="batch of 20") as raised:
        memory.check(NEEDED, 20, 1, CPU, False, silent)
    assert raised.value.hint == "--batch-size 16"
    with pytest.raises(UsageError) as raised:
        memory.check(NEEDED, 20, 1, CPU, True, silent)
    assert "--batch-size 16 --fresh" in str(raised.value.hint)


def test_processes_share_main_memory_but_have_a_gpu_each(monkeypatch: pytest.MonkeyPatch) -> None:
    set_memory(monkeypatch, 560, 560)
    assert memory.check(NEEDED, 30, 2, CPU, False, pytest.fail) == 32
    with pytest.raises(UsageError):
        memory.check(NEEDED, 60, 2, CPU, False, silent)
    assert memory.check(NEEDED, 60, 2, torch.device("cuda"), False, pytest.fail) == 64


def test_a_run_that_cannot_fit_is_refused_before_its_folder_is_made(
    gan_here: Command, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_memory(monkeypatch, 10**6, 10**6)
    refused = gan_here("train", "dcgan", "--dataset", pictures, *WORDS, code=2)
    assert "A batch of 20 needs about 0.1 GB of memory" in refused.stderr
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), True),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"), True),
        (RuntimeError("std::bad_alloc"), True),
        (RuntimeError("shapes cannot be multiplied (2x3 and 4x5)"), False),
        (OSError(errno.ENOSPC, "No space left on device"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_errors_that_mean_out_of_memory_are_told_apart(error: Exception, expected: bool) -> None:
    assert out_of_memory(error) is expected


def test_running_out_of_memory_while_sampling_is_one_sentence(
    gan_here: Command, runs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gancli.sampling.samples.draw", lambda *_: torch.empty(2**50))
    failed = gan_here("sample", "dcgan", code=1)
    assert "There is not enough memory: try fewer or smaller pictures." in failed.stderr
