"""Tests on a CUDA device: replaying a captured step gives the same results as running it."""

import pytest
import torch
from conftest import small_trainer
from torch import Tensor

from gancli import registry
from gancli.gan import Shape
from gancli.training.trainer import Trainer, Variant

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.usefixtures("exact"),
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
SHAPE = Shape(channels=1, size=28, classes=3)
STEPS = 20
every_model = pytest.mark.parametrize("name", registry.names("models"))


def trained(name: str, *, capture: bool, steps: int = STEPS, **options: object) -> Trainer:
    options = {"epochs": 10, "lr": 1e-4, **options}  # 50 steps
    trainer = small_trainer(name, SHAPE, device="cuda", capture=capture, **options)
    for _ in range(steps):
        trainer.step()
    return trainer


def is_captured(trainer: Trainer) -> bool:
    return bool(trainer._update._graphs)


def differing(a: dict[str, Tensor], b: dict[str, Tensor]) -> list[str]:
    return [k for k in a if not torch.allclose(a[k].double(), b[k].double(), rtol=1e-3, atol=1e-4)]


@every_model
def test_captured_steps_train_like_plain_steps(name: str) -> None:
    plain = trained(name, capture=False)
    expected = plain.state()  # before another trainer reseeds the device's generator
    captured = trained(name, capture=True)
    found = captured.state()
    assert is_captured(captured)
    assert not is_captured(plain)
    assert expected.keys() == found.keys()
    assert torch.equal(
        expected["noise.cuda"], found["noise.cuda"]
    )  # the same amount of noise was drawn
    assert differing(expected, found) == []
    start = small_trainer(name, SHAPE, device="cuda").state()
    assert differing(start, found)  # training has changed something


def test_every_replay_draws_new_noise() -> None:
    trainer = small_trainer("dcgan", SHAPE, device="cuda", epochs=10)
    drawn = torch.zeros(STEPS, 8, 6, device="cuda")
    step = torch.zeros(1, dtype=torch.int64, device="cuda")
    draw = trainer.gan.draw

    def recording_draw(batch, share):  # type: ignore[no-untyped-def]
        inputs = draw(batch, share)
        drawn.index_copy_(0, step, inputs.z[None])
        step.add_(1)
        return inputs

    trainer.gan.draw = recording_draw  # type: ignore[method-assign]
    for _ in range(STEPS):
        trainer.step()
    assert is_captured(trainer)
    rows = drawn.flatten(1).cpu()
    assert len(torch.unique(rows, dim=0)) == STEPS
    assert 0.8 < rows.std().item() < 1.2


def test_replays_use_the_current_learning_rate() -> None:
    """A rate frozen in the graph would keep moving the weights after it has fallen to 0."""
    trainer = trained("dcgan", capture=True, lr_decay=1.0)
    without_health = Variant(penalty=True, generator=True, health=False)
    assert without_health in trainer._update._graphs
    trainer.lr.fill_(0)
    trainer.d_lr.fill_(0)
    before = trainer.state()
    trainer._update(without_health)
    after = trainer.state()
    weights = [k for k in after if k.startswith("gan.") and k.endswith("weight")]
    assert [k for k in weights if not torch.equal(before[k], after[k])] == []
    trainer.step()  # sets the rate by the schedule
    assert trainer.lr.item() == pytest.approx(1e-4 * (1 - STEPS / 50))
    moved = trainer.state()
    assert all(not torch.equal(moved[k], after[k]) for k in weights)


@every_model
def test_replays_update_the_same_buffers_as_plain_steps(name: str) -> None:
    """Running statistics, and BEGAN's k."""
    plain = trained(name, capture=False, steps=10)
    captured = trained(name, capture=True, steps=10)
    for trainer in (plain, captured):
        trainer.middle = {k: v.clone() for k, v in trainer.gan.named_buffers()}  # type: ignore[attr-defined]
        for _ in range(5):
            trainer.step()
    assert is_captured(captured)
    changed = [
        {k for k, v in t.gan.named_buffers() if not torch.equal(v, t.middle[k])}  # type: ignore[attr-defined]
        for t in (plain, captured)
    ]
    assert changed[0] == changed[1]


@every_model
def test_a_captured_run_resumes_from_its_state(name: str) -> None:
    uninterrupted = trained(name, capture=True).state()  # before another trainer reseeds
    first = trained(name, capture=True, steps=10).state()
    second = trained(name, capture=True, steps=5)  # its graph uses tensors that load replaces
    second.load(first)
    for _ in range(STEPS - 10):
        second.step()
    assert is_captured(second)
    assert differing(uninterrupted, second.state()) == []
