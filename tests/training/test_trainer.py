"""The loop: when it reports, how the learning rate falls, and when it ends."""

import copy

import pytest
import torch
from conftest import small_trainer
from torch import nn

from gancli.gan import Shape

SHAPE = Shape(channels=1, size=16)


@pytest.mark.parametrize(("size", "seen"), [(16, [48, 80, 128]), (32, [64, 96, 128])])
def test_an_epoch_ends_when_every_picture_was_seen(size: int, seen: list[int]) -> None:
    trainer = small_trainer("dcgan", SHAPE, epochs=3, batch_size=size)  # of 40 pictures
    ends = [r for r in trainer.run() if r.epoch_ended]
    assert [r.images_seen for r in ends] == seen
    assert [r.epoch for r in ends] == [1, 2, 3]
    assert trainer.images_seen == trainer.total == 128


def test_reports_hold_the_means_of_the_epoch() -> None:
    trainer = small_trainer("dcgan", SHAPE, epochs=1)
    reports = list(trainer.run(seconds=0))
    assert [r.epoch_ended for r in reports] == [False] * 4 + [True]
    assert all(set(r.metrics) == set(reports[0].metrics) for r in reports)
    assert all(r.images_per_second > 0 for r in reports)


def test_learning_rate_is_constant_then_falls_to_zero() -> None:
    trainer = small_trainer("dcgan", SHAPE, epochs=10, lr=0.01, lr_decay=0.5, d_lr_scale=2.0)
    rates = []
    while trainer.images_seen < trainer.total:
        trainer.step()
        rates.append(trainer.lr.item())
        assert trainer.d_lr.item() == pytest.approx(2 * rates[-1])
    assert rates[:25] == pytest.approx([0.01] * 25)
    assert rates[25:] == pytest.approx([0.01 * (1 - i / 25) for i in range(25)])


def test_reporting_more_often_changes_nothing() -> None:
    states = []
    for seconds in (0, 99):
        trainer = small_trainer("dcgan", SHAPE)
        list(trainer.run(seconds))
        states.append(trainer.state())
    a, b = states
    assert all(torch.equal(a[k], b[k]) for k in a)


@pytest.mark.filterwarnings("ignore")  # torch.compile looks at things it warns of itself
def test_networks_can_be_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a compiler that changes nothing, in seconds instead of minutes."""
    compiled, compile = [], nn.Module.compile

    def traced(network: nn.Module) -> None:
        compiled.append(network)
        compile(network, backend="eager")

    monkeypatch.setattr(nn.Module, "compile", traced)
    trainers = [small_trainer("dcgan", SHAPE, compile=c) for c in (False, True)]
    assert compiled == [trainers[1].gan.generator, trainers[1].gan.discriminator]
    for _ in range(2):
        for trainer in trainers:
            torch.manual_seed(0)
            trainer.step()
    a, b = (trainer.state() for trainer in trainers)
    assert a.keys() == b.keys()
    assert all(torch.equal(a[k], b[k]) for k in a)


def test_a_state_that_was_loaded_stays_what_it_was() -> None:
    first = small_trainer("dcgan", SHAPE)
    first.step()
    state = first.state()
    kept = copy.deepcopy(state)
    second = small_trainer("dcgan", SHAPE)
    second.load(state)
    second.step()
    assert [k for k in kept if not torch.equal(kept[k], state[k])] == []


def test_same_seed_same_weights_another_seed_others() -> None:
    weights = []
    for seed in (5, 5, 6):
        trainer = small_trainer("dcgan", SHAPE, seed=seed)
        trainer.step()
        weights.append(trainer.state()["ema.0.weight"])
    same, again, other = weights
    assert torch.equal(same, again)
    assert not torch.equal(same, other)


def test_what_is_loaded_is_recorded_anew() -> None:
    trainer = small_trainer("dcgan", SHAPE)
    trainer.step()
    trainer._step._warm_ups["a step"] = 1
    trainer.load(trainer.state())
    assert not trainer._step._warm_ups
