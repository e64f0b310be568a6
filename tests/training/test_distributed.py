"""Data-parallel training, in two real processes that communicate through gloo.

Run as a script, this file is one of the two processes; see `main`.
"""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from conftest import random_data, small
from torch import Tensor, nn

from gancli import weights
from gancli.cli import console
from gancli.config import Training
from gancli.errors import GanError, UsageError
from gancli.gan import GAN, Batch, Fake, Inputs, Metrics, Shape, Share
from gancli.nn.losses import squared_gradients
from gancli.training import distributed
from gancli.training.resident import Augmentation
from gancli.training.trainer import Trainer

TwoProcesses = tuple[Path, list[tuple[int, str]]]  # a folder; exit code and stderr of each
SHAPE = Shape(channels=1, size=16)
STEPS = 4
NAMES = ("dense", "penalised", "dcgan", "pix2pix")
NO_NOISE = {"pix2pix": {"dropout": 0.0}}  # each process draws its own dropout masks
ROOT = Path(__file__).parents[2]


class Dense(GAN):
    """A small GAN without batch norm, with a buffer k that depends on the metrics."""

    def __init__(self) -> None:
        super().__init__(SHAPE, z_dim=6)
        torch.manual_seed(0)
        self.generator = nn.Sequential(nn.Linear(6, 256), nn.Tanh(), nn.Unflatten(1, (1, 16, 16)))
        self.discriminator = nn.Sequential(nn.Flatten(), nn.Linear(256, 8), nn.Tanh())
        self.register_buffer("k", torch.tensor(0.5))
        self.k: Tensor

    def generate(self, generator: nn.Module, z: Tensor, y: Tensor | None = None) -> Tensor:
        image: Tensor = generator(z)
        return image

    def discriminator_loss(
        self, batch: Batch, inputs: Inputs, fake: Fake
    ) -> tuple[Tensor, Metrics]:
        real, generated = (self.discriminator(x.image).square().mean() for x in (batch, fake))
        return real - self.k * generated, {"d_loss": real - self.k * generated, "real": real}

    def generator_loss(self, batch: Batch, inputs: Inputs, fake: Fake) -> tuple[Tensor, Metrics]:
        loss = self.discriminator(fake.image).square().mean()
        return loss, {"g_loss": loss}

    def after_step(self, metrics: Metrics) -> None:
        self.k += 0.5 * (metrics["real"] - metrics["g_loss"]).detach()


class Penalised(Dense):
    """Two updates of the discriminator per step, every third of them with a penalty."""

    critic_steps, penalty_every = 2, 3

    def discriminator_penalty(self, batch: Batch, inputs: Inputs, fake: Fake) -> Tensor:
        return squared_gradients(self.discriminator, torch.cat([batch.image, fake.image])).mean()


def trainer(name: str) -> Trainer:
    """A trainer of a small model, with augmentation if it learns from pairs.

    None of the models compared across processes has batch norm, whose statistics would differ.
    """
    ours = {"dense": Dense, "penalised": Penalised}
    gan = ours[name]() if name in ours else small(name, SHAPE, **NO_NOISE.get(name, {}))
    data = random_data(gan.shape)
    jitter, mirror = (0.3, True) if gan.shape.source else (0.0, False)
    data.augmentation = Augmentation(jitter=jitter, mirror=mirror)
    return Trainer(gan, data, Training(batch_size=8, epochs=2, lr=1e-3, lr_decay=0.0))


def state_after(trainer: Trainer, steps: int = STEPS) -> dict[str, Tensor]:
    for _ in range(steps):
        trainer.step()
    return trainer.state()


def main(folder: Path) -> None:
    """Train as one of two processes; then rank 1 fails while rank 0 keeps training."""
    with distributed.joined(torch.device("cpu")):
        found = {name: state_after(trainer(name)) for name in NAMES}
        resumed = trainer("dense")
        resumed.load(weights.load(folder / "half.safetensors"))
        found["resumed"] = state_after(resumed, STEPS // 2)
        for name, state in found.items():
            state["dropout"] = torch.rand(8)
            weights.save(folder / f"{name}-{distributed.rank()}.safetensors", state, {})
        if distributed.rank() == 1:
            raise GanError("The disk is full.")
        state_after(resumed, 100)


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except GanError as error:
        console.fail(error.message, error.hint)
        os._exit(error.exit_code)  # as `gan` does: threads of gloo can abort a normal exit


@pytest.fixture(scope="module")
def one_process() -> dict[str, dict[str, Tensor]]:
    """The state after training in one process, by model."""
    return {name: state_after(trainer(name)) for name in NAMES}


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory: pytest.TempPathFactory) -> TwoProcesses:
    """Run two processes; the folder they wrote to, and the exit code and stderr of each."""
    folder = tmp_path_factory.mktemp("two")
    half = state_after(trainer("dense"), STEPS // 2)
    weights.save(folder / "half.safetensors", half, {})
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    launcher = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2"}
    environment = {**os.environ, **launcher, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}
    started = [
        subprocess.Popen(
            [sys.executable, __file__, str(folder)],
            env={**environment, "RANK": str(rank)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        errors = [process.communicate(timeout=300)[1] for process in started]
    finally:
        for process in started:
            process.kill()
    return folder, [(p.returncode, e) for p, e in zip(started, errors, strict=True)]


def states(folder: Path, name: str) -> list[dict[str, Tensor]]:
    return [weights.load(folder / f"{name}-{rank}.safetensors") for rank in range(2)]


@pytest.mark.parametrize("name", [*NAMES, "resumed"])
def test_all_processes_end_with_the_same_state(name: str, two_processes: TwoProcesses) -> None:
    a, b = states(two_processes[0], name)
    assert {k for k in a if not torch.equal(a[k], b[k])} == {"dropout"}
    assert any(k.startswith("ema.") for k in a)


@pytest.mark.parametrize("name", ["dense", "penalised", "pix2pix", "resumed"])
def test_two_processes_train_like_one_on_the_same_batches(
    name: str,
    one_process: dict[str, dict[str, Tensor]],
    two_processes: TwoProcesses,
) -> None:
    one, (two, _) = (
        one_process["dense" if name == "resumed" else name],
        states(two_processes[0], name),
    )
    assert one.keys() == two.keys() - {"dropout"}
    for key, expected in one.items():
        if name == "pix2pix" and key.endswith("bias"):
            continue  # after instance norm its gradient is rounding noise, which Adam scales up
        if key.endswith("spread"):
            continue  # averaged over the shares, which differs from that of the complete batch
        # Adam scales up the rounding noise of a weight whose gradient is near 0.
        atol = max(2e-5, 3e-3 * float(expected.abs().max())) if name == "pix2pix" else 2e-5
        torch.testing.assert_close(two[key], expected, atol=atol, rtol=1e-3, msg=f"{name} {key}")
    assert torch.equal(one["noise.cpu"], two["noise.cpu"])


def test_one_process_resumes_what_two_processes_trained(
    one_process: dict[str, dict[str, Tensor]], two_processes: TwoProcesses
) -> None:
    found = {}
    for trained, state in (
        ("by one", one_process["dense"]),
        ("by two", states(two_processes[0], "dense")[0]),
    ):
        here = trainer("dense")
        here.load(state)
        found[trained] = state_after(here, 1)
    for key, value in found["by one"].items():
        if key.endswith("spread"):
            continue
        torch.testing.assert_close(found["by two"][key], value, atol=5e-5, rtol=1e-3, msg=key)


def test_when_one_process_fails_all_exit_and_only_that_one_prints_the_error(
    two_processes: TwoProcesses,
) -> None:
    """Within the time limit of `two_processes`. Without it the survivors would wait much longer."""
    _, ((other_code, other_stderr), (code, stderr)) = two_processes
    assert (code, other_code) == (1, 1)
    assert stderr == "gan: The disk is full.\n"
    assert other_stderr == ""


def test_check_batch_refuses_uneven_shares_and_suggests_the_nearest_size() -> None:
    distributed.check_batch(32, 4)
    for size, processes, minimum, nearest in (
        (33, 2, 1, 32),
        (10, 4, 1, 8),
        (2, 2, 2, 4),
        (1, 3, 1, 3),
    ):
        with pytest.raises(UsageError, match=rf"\b{size}\b.*\b{processes}\b") as raised:
            distributed.check_batch(size, processes, minimum)
        assert raised.value.hint == f"--batch-size {nearest}"


def test_shares_of_all_ranks_make_up_the_batch() -> None:
    batch = torch.arange(12)
    parts = [Share(rank=rank, world_size=3).of(batch) for rank in range(3)]
    assert torch.equal(torch.cat(parts), batch)
    assert {len(part) for part in parts} == {4}


def test_collective_operations_do_nothing_in_a_single_process() -> None:
    tensor = torch.tensor([1.0, 2.0])
    distributed.average([tensor])
    assert tensor.tolist() == [1.0, 2.0]
    assert distributed.broadcast_bytes(b"x") == b"x"
    assert distributed.any_rank(True)
    assert not distributed.any_rank(False)


def test_a_master_port_in_use_is_an_error_that_names_the_port(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        variables = {
            "RANK": "0",
            "WORLD_SIZE": "2",
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": port,
        }
        for key, text in variables.items():
            monkeypatch.setenv(key, text)
        refused = pytest.raises(UsageError, match=f"MASTER_PORT {port}")
        with refused, distributed.joined(torch.device("cpu")):
            pass
