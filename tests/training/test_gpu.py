"""What only a CUDA device shows: that replaying a recorded step is the same as running it."""

import pytest
import torch
from conftest import small_trainer
from torch import Tensor

from gancli import registry
from gancli.gan import Shape
from gancli.training.trainer import Trainer

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.usefixtures("exact"),
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
SHAPE = Shape(channels=1, size=28, classes=3)
STEPS = 20
every_model = pytest.mark.parametrize("name", registry.names("models"))


def stepped(name: str, *, capture: bool, steps: int = STEPS, **options: object) -> Trainer:
    options = {"epochs": 10, "lr": 1e-4, **options}  # 50 steps
    trainer = small_trainer(name, SHAPE, device="cuda", capture=capture, **options)
    for _ in range(steps):
        trainer.step()
    return trainer


def recorded(trainer: Trainer) -> bool:
    return bool(trainer._step._graphs)


def differing(a: dict[str, Tensor], b: dict[str, Tensor]) -> list[str]:
    return [k for k in a if not torch.allclose(a[k].double(), b[k].double(), rtol=1e-3, atol=1e-4)]


@every_model
def test_captured_steps_equal_plain_ones(name: str) -> None:
    plain = stepped(name, capture=False)
    expected = plain.state()  # before others draw from the device's generator
    captured = stepped(name, capture=True)
    found = captured.state()
    assert recorded(captured)
    assert not recorded(plain)
    assert expected.keys() == found.keys()
    assert torch.equal(expected["noise.cuda"], found["noise.cuda"])  # as much noise was drawn
    assert differing(expected, found) == []
    start = small_trainer(name, SHAPE, device="cuda").state()
    assert differing(start, found)  # something was learned at all


def test_replays_draw_new_noise() -> None:
    trainer = small_trainer("dcgan", SHAPE, device="cuda", epochs=10)
    drawn = torch.zeros(STEPS, 8, 6, device="cuda")
    place = torch.zeros(1, dtype=torch.int64, device="cuda")
    draw = trainer.gan.draw

    def watched(batch):  # type: ignore[no-untyped-def]
        inputs = draw(batch)
        drawn.index_copy_(0, place, inputs.z[None])
        place.add_(1)
        return inputs

    trainer.gan.draw = watched  # type: ignore[method-assign]
    for _ in range(STEPS):
        trainer.step()
    assert recorded(trainer)
    rows = drawn.flatten(1).cpu()
    assert len(torch.unique(rows, dim=0)) == STEPS
    assert 0.8 < rows.std().item() < 1.2


def test_the_learning_rate_moves_under_replay() -> None:
    """A rate frozen in the recording would go on moving the weights when it has fallen to 0."""
    trainer = stepped("dcgan", capture=True, lr_decay=1.0)
    assert False in trainer._step._graphs
    trainer.lr.fill_(0)
    trainer.d_lr.fill_(0)
    before = trainer.state()
    trainer._step(False)
    after = trainer.state()
    weights = [k for k in after if k.startswith("gan.") and k.endswith("weight")]
    assert [k for k in weights if not torch.equal(before[k], after[k])] == []
    trainer.step()  # sets the rate that is due
    assert trainer.lr.item() == pytest.approx(1e-4 * (1 - STEPS / 50))
    moved = trainer.state()
    assert all(not torch.equal(moved[k], after[k]) for k in weights)


@every_model
def test_every_buffer_that_plain_steps_move_is_moved_by_replays(name: str) -> None:
    """Running statistics, and the balance of models that keep one."""
    plain = stepped(name, capture=False, steps=10)
    captured = stepped(name, capture=True, steps=10)
    for trainer in (plain, captured):
        trainer.middle = {k: v.clone() for k, v in trainer.gan.named_buffers()}  # type: ignore[attr-defined]
        for _ in range(5):
            trainer.step()
    assert recorded(captured)
    changed = [
        {k for k, v in t.gan.named_buffers() if not torch.equal(v, t.middle[k])}  # type: ignore[attr-defined]
        for t in (plain, captured)
    ]
    assert changed[0] == changed[1]


@every_model
def test_a_captured_run_goes_on_from_its_state(name: str) -> None:
    whole = stepped(name, capture=True).state()  # before others draw from the same generator
    first = stepped(name, capture=True, steps=10).state()
    second = stepped(name, capture=True, steps=5)  # has a recording of other tensors
    second.load(first)
    for _ in range(STEPS - 10):
        second.step()
    assert recorded(second)
    assert differing(whole, second.state()) == []
