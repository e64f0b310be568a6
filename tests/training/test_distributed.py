"""Several processes as one: real processes of this machine, by gloo.

Run as a script this file is what each of two processes does; see `main`.
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
from gancli.gan import GAN, Batch, Inputs, Metrics, Shape, Share
from gancli.training import distributed
from gancli.training.resident import Vary
from gancli.training.trainer import Trainer

Pair = tuple[Path, list[tuple[int, str]]]  # a folder; exit code and stderr of each process
SHAPE = Shape(channels=1, size=16)
STEPS = 4
NAMES = ("dense", "dcgan", "pix2pix")
NO_NOISE = {"pix2pix": {"dropout": 0.0}}  # dropout is each process's own
ROOT = Path(__file__).parents[2]


class Dense(GAN):
    """No batch norm, and a buffer k that follows what the losses report."""

    def __init__(self) -> None:
        super().__init__(SHAPE, z_dim=6)
        torch.manual_seed(0)
        self.generator = nn.Sequential(nn.Linear(6, 256), nn.Tanh(), nn.Unflatten(1, (1, 16, 16)))
        self.discriminator = nn.Sequential(nn.Flatten(), nn.Linear(256, 8), nn.Tanh())
        self.register_buffer("k", torch.tensor(0.5))
        self.k: Tensor

    def generate(self, generator: nn.Module, z: Tensor, y: Tensor | None = None) -> Tensor:
        picture: Tensor = generator(z)
        return picture

    def discriminator_loss(
        self, batch: Batch, inputs: Inputs, fake: Tensor
    ) -> tuple[Tensor, Metrics]:
        real, made = (self.discriminator(x).square().mean() for x in (batch.image, fake))
        return real - self.k * made, {"d_loss": real - self.k * made, "real": real}

    def generator_loss(self, batch: Batch, inputs: Inputs, fake: Tensor) -> tuple[Tensor, Metrics]:
        loss = self.discriminator(fake).square().mean()
        return loss, {"g_loss": loss}

    def after_step(self, metrics: Metrics) -> None:
        self.k += 0.5 * (metrics["real"] - metrics["g_loss"]).detach()


def trainer(name: str) -> Trainer:
    """Of pix2pix, which has no batch norm either, with pictures varied as they are drawn."""
    gan = Dense() if name == "dense" else small(name, SHAPE, **NO_NOISE.get(name, {}))
    data = random_data(gan.shape)
    data.vary = Vary(jitter=0.3, mirror=True) if gan.shape.source else Vary()
    return Trainer(gan, data, Training(batch_size=8, epochs=2, lr=1e-3, lr_decay=0.0))


def after(trainer: Trainer, steps: int = STEPS) -> dict[str, Tensor]:
    for _ in range(steps):
        trainer.step()
    return trainer.state()


def main(folder: Path) -> None:
    """Train as one of several; then the last one fails, and the others find themselves alone."""
    with distributed.joined(torch.device("cpu")):
        found = {name: after(trainer(name)) for name in NAMES}
        resumed = trainer("dense")
        resumed.load(weights.load(folder / "half.safetensors"))
        found["resumed"] = after(resumed, STEPS // 2)
        for name, state in found.items():
            state["dropout"] = torch.rand(8)
            weights.save(folder / f"{name}-{distributed.rank()}.safetensors", state, {})
        if distributed.rank() == 1:
            raise GanError("There is no room left.")
        after(resumed, 100)


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except GanError as error:
        console.fail(error)
        raise SystemExit(error.exit_code) from None


@pytest.fixture(scope="module")
def alone() -> dict[str, dict[str, Tensor]]:
    """What one process comes to."""
    return {name: after(trainer(name)) for name in NAMES}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """The folder that two processes wrote to, and how they ended: exit code and stderr."""
    folder = tmp_path_factory.mktemp("pair")
    half = after(trainer("dense"), STEPS // 2)
    weights.save(folder / "half.safetensors", half, {})
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    where = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2"}
    environment = {**os.environ, **where, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}
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
        said = [process.communicate(timeout=300)[1] for process in started]
    finally:
        for process in started:
            process.kill()
    return folder, [(p.returncode, s) for p, s in zip(started, said, strict=True)]


def states(folder: Path, name: str) -> list[dict[str, Tensor]]:
    return [weights.load(folder / f"{name}-{rank}.safetensors") for rank in range(2)]


@pytest.mark.parametrize("name", [*NAMES, "resumed"])
def test_all_processes_hold_the_same(name: str, pair: Pair) -> None:
    a, b = states(pair[0], name)
    assert {k for k in a if not torch.equal(a[k], b[k])} == {"dropout"}
    assert any(k.startswith("ema.") for k in a)


@pytest.mark.parametrize("name", ["dense", "pix2pix", "resumed"])
def test_two_processes_equal_one_on_the_same_batches(
    name: str,
    alone: dict[str, dict[str, Tensor]],
    pair: Pair,
) -> None:
    one, (two, _) = alone["dense" if name == "resumed" else name], states(pair[0], name)
    assert one.keys() == two.keys() - {"dropout"}
    for key, expected in one.items():
        if name == "pix2pix" and key.endswith("bias"):
            continue  # instance norm leaves no gradient but rounding, of which Adam makes steps
        if key.endswith("spread"):
            continue  # that of a share's pictures, averaged
        torch.testing.assert_close(two[key], expected, atol=2e-5, rtol=1e-3, msg=f"{name} {key}")
    assert torch.equal(one["noise.cpu"], two["noise.cpu"])


def test_one_process_goes_on_with_what_two_began(
    alone: dict[str, dict[str, Tensor]], pair: Pair
) -> None:
    found = {}
    for begun, state in (("by one", alone["dense"]), ("by two", states(pair[0], "dense")[0])):
        here = trainer("dense")
        here.load(state)
        found[begun] = after(here, 1)
    for key, value in found["by one"].items():
        if key.endswith("spread"):
            continue
        torch.testing.assert_close(found["by two"][key], value, atol=5e-5, rtol=1e-3, msg=key)


def test_when_one_fails_all_end_and_it_alone_says_why(
    pair: Pair,
) -> None:
    """Within the time limit of `pair`: by themselves processes would wait for much longer."""
    _, ((code, silent), (failed, said)) = pair
    assert (code, failed) == (1, 1)
    assert said == "gan: There is no room left.\n"
    assert silent == ""


def test_a_batch_that_cannot_be_shared_is_refused_with_the_nearest_that_can() -> None:
    distributed.check_batch(32, 4)
    for size, processes, least, nearest in (
        (33, 2, 1, 32),
        (10, 4, 1, 8),
        (2, 2, 2, 4),
        (1, 3, 1, 3),
    ):
        with pytest.raises(UsageError, match="cannot be shared evenly") as raised:
            distributed.check_batch(size, processes, least)
        assert raised.value.hint == f"--batch-size {nearest}"


def test_shares_together_are_the_whole() -> None:
    whole = torch.arange(12)
    parts = [Share(rank=rank, world=3).of(whole) for rank in range(3)]
    assert torch.equal(torch.cat(parts), whole)
    assert {len(part) for part in parts} == {4}


def test_alone_nothing_is_averaged_and_nobody_is_waited_for() -> None:
    tensor = torch.tensor([1.0, 2.0])
    distributed.average([tensor])
    assert tensor.tolist() == [1.0, 2.0]
    assert distributed.from_first(b"x") == b"x"
    assert distributed.any_of_us(True)
    assert not distributed.any_of_us(False)


def test_a_port_that_is_taken_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        where = {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        for key, text in where.items():
            monkeypatch.setenv(key, text)
        ours = pytest.raises(UsageError, match=f"MASTER_PORT {port} is in use")
        with ours, distributed.joined(torch.device("cpu")):
            pass
