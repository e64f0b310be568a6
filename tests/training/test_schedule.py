"""How the learning rate decays and halves, also when a run is stopped and resumed."""

import pytest
from conftest import small_trainer

from gancli.config import Training
from gancli.gan import Metric, Shape
from gancli.training.schedule import Schedule

LR = 0.008
LOWER = Metric("convergence", better="lower")


def schedule(patience: int = 0, lr_decay: float = 0.0) -> Schedule:
    return Schedule(Training(lr=LR, patience=patience, lr_decay=lr_decay))


def factors(schedule: Schedule, measures: list[float]) -> list[float]:
    """The factor on the learning rate after each measure."""
    found = []
    for measure in measures:
        schedule.record_measure(measure, LOWER)
        found.append(schedule.learning_rate(0, 100) / LR)
    return found


@pytest.mark.parametrize(
    ("lr_decay", "expected"),
    [(0.0, [1, 1, 1, 1]), (0.5, [1, 1, 0.5, 0]), (1.0, [1, 0.5, 0.25, 0])],
)
def test_rate_is_constant_and_then_falls_linearly_to_zero(
    lr_decay: float, expected: list[float]
) -> None:
    rates = [schedule(lr_decay=lr_decay).learning_rate(seen, 100) for seen in (0, 50, 75, 100)]
    assert rates == pytest.approx([LR * factor for factor in expected])


def test_rate_halves_after_patience_epochs_without_a_new_best_measure() -> None:
    measures = [9.0, 8.0, 8.5, 8.0, 7.0, 7.0, 7.0, 7.0, 7.0]
    assert factors(schedule(2), measures) == [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.125]
    assert factors(schedule(0), measures) == [1] * 9


def test_a_new_best_must_be_lower_by_more_than_one_percent() -> None:
    assert factors(schedule(3), [1.0, 0.997, 0.994, 0.991]) == [1, 1, 1, 0.5]
    assert factors(schedule(4), [1.0, 0.997, 0.994, 0.991, 0.988, 0.988, 0.988]) == [1] * 7


def test_rate_halves_at_most_three_times() -> None:
    assert factors(schedule(1), [1.0] * 9)[-1] == 0.125


def test_decay_halvings_and_rollbacks_multiply_and_are_saved() -> None:
    first, second = schedule(1, lr_decay=1.0), schedule(1, lr_decay=1.0)
    factors(first, [1.0, 1.0])
    first.rollbacks = 2
    assert first.learning_rate(50, 100) == LR * 0.5 * 0.5 * 0.25
    second.load(first.state())
    assert vars(second) == vars(first)


def test_state_keeps_the_keys_of_earlier_versions() -> None:
    state = schedule().state()
    assert {name: value.shape for name, value in state.items()} == {"plateau": (3,), "setbacks": ()}


def test_a_resumed_trainer_continues_the_schedule() -> None:
    def rates(trainer, epochs):  # type: ignore[no-untyped-def]
        found = []
        for report in trainer.run():
            if report.epoch_ended:
                trainer.step()
                found.append(round(trainer.lr.item(), 6))
                if len(found) == epochs:
                    break
        return found

    options = {"epochs": 5, "patience": 1, "lr_decay": 0.0, "lr": LR}
    shape = Shape(channels=1, size=16)
    trainer = small_trainer("began", shape, **options)
    trainer.schedule.best = -1.0  # no measure is lower
    first = rates(trainer, 2)
    resumed = small_trainer("began", shape, **options)
    resumed.load(trainer.state())
    assert first == pytest.approx([0.004, 0.002])
    assert rates(resumed, 2) == rates(trainer, 2) == pytest.approx([0.001, 0.001])
