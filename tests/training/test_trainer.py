"""The training loop: its reports, its learning rate, its end, and its state."""

import copy

import pytest
import torch
from conftest import small_trainer
from torch import nn

from gancli.gan import Shape

SHAPE = Shape(channels=1, size=16)


@pytest.mark.parametrize(("size", "seen"), [(16, [48, 80, 128]), (32, [64, 96, 128])])
def test_an_epoch_ends_with_the_step_that_completes_a_pass(size: int, seen: list[int]) -> None:
    trainer = small_trainer("dcgan", SHAPE, epochs=3, batch_size=size)  # of 40 images
    ends = [r for r in trainer.run() if r.epoch_ended]
    assert [r.images_seen for r in ends] == seen
    assert [r.epoch for r in ends] == [1, 2, 3]
    assert trainer.images_seen == trainer.total == 128


def test_reports_come_between_epochs_and_have_metrics_and_speed() -> None:
    trainer = small_trainer("dcgan", SHAPE, epochs=1)
    reports = list(trainer.run(seconds=0))
    assert [r.epoch_ended for r in reports] == [False] * 4 + [True]
    assert all(set(r.metrics) == set(reports[0].metrics) for r in reports)
    assert all(r.images_per_second > 0 for r in reports)


def test_both_learning_rates_are_constant_then_fall_to_zero() -> None:
    trainer = small_trainer("dcgan", SHAPE, epochs=10, lr=0.01, lr_decay=0.5, d_lr_scale=2.0)
    rates = []
    while trainer.images_seen < trainer.total:
        trainer.step()
        rates.append(trainer.lr.item())
        assert trainer.d_lr.item() == pytest.approx(2 * rates[-1])
    assert rates[:25] == pytest.approx([0.01] * 25)
    assert rates[25:] == pytest.approx([0.01 * (1 - i / 25) for i in range(25)])


def test_the_report_interval_does_not_affect_the_training() -> None:
    states = []
    for seconds in (0, 99):
        trainer = small_trainer("dcgan", SHAPE)
        list(trainer.run(seconds))
        states.append(trainer.state())
    a, b = states
    assert all(torch.equal(a[k], b[k]) for k in a)


def test_each_network_has_the_optimiser_settings_of_its_own() -> None:
    trainer = small_trainer("dcgan", SHAPE, beta1=0.1, d_beta1=0.0, d_beta2=0.9)
    (of_g,), (of_d,) = (o.adam.param_groups for o in (trainer.g_optimiser, trainer.d_optimiser))
    assert (of_g["betas"], of_d["betas"]) == ((0.1, 0.999), (0.0, 0.9))


def test_a_penalised_discriminator_is_not_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch.compile has no second gradient."""
    compiled: list[nn.Module] = []
    monkeypatch.setattr(nn.Module, "compile", lambda network: compiled.append(network))
    trainer = small_trainer("r3gan", SHAPE, compile=True)
    assert compiled == [trainer.gan.generator]


@pytest.mark.filterwarnings("ignore")  # torch.compile causes warnings in torch itself
def test_compiled_networks_train_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the eager backend, which takes seconds instead of minutes and changes no result."""
    compiled, compile = [], nn.Module.compile

    def compile_eagerly(network: nn.Module) -> None:
        compiled.append(network)
        compile(network, backend="eager")

    monkeypatch.setattr(nn.Module, "compile", compile_eagerly)
    trainers = [small_trainer("dcgan", SHAPE, compile=c) for c in (False, True)]
    assert compiled == [trainers[1].gan.generator, trainers[1].gan.discriminator]
    for _ in range(2):
        for trainer in trainers:
            torch.manual_seed(0)
            trainer.step()
    a, b = (trainer.state() for trainer in trainers)
    assert a.keys() == b.keys()
    assert all(torch.equal(a[k], b[k]) for k in a)


def test_steps_after_load_leave_the_loaded_state_unchanged() -> None:
    first = small_trainer("dcgan", SHAPE)
    first.step()
    state = first.state()
    kept = copy.deepcopy(state)
    second = small_trainer("dcgan", SHAPE)
    second.load(state)
    second.step()
    assert [k for k in kept if not torch.equal(kept[k], state[k])] == []


def test_the_seed_decides_the_weights() -> None:
    weights = []
    for seed in (5, 5, 6):
        trainer = small_trainer("dcgan", SHAPE, seed=seed)
        trainer.step()
        weights.append(trainer.state()["ema.0.weight"])
    first, same_seed, other_seed = weights
    assert torch.equal(first, same_seed)
    assert not torch.equal(first, other_seed)


def test_load_resets_the_captured_step() -> None:
    trainer = small_trainer("dcgan", SHAPE)
    trainer.step()
    trainer._update._warm_ups["a step"] = 1
    trainer.load(trainer.state())
    assert not trainer._update._warm_ups
