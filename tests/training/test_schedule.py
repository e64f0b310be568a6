"""The rate halves when the measure stalls, wherever the run was stopped."""

import pytest
from conftest import small_trainer

from gancli.gan import Shape
from gancli.training.schedule import Plateau


def factors(plateau: Plateau, measures: list[float]) -> list[float]:
    found = []
    for measure in measures:
        plateau.see(measure)
        found.append(plateau.factor)
    return found


def test_it_halves_after_so_many_epochs_without_a_lower_measure() -> None:
    measures = [9.0, 8.0, 8.5, 8.0, 7.0, 7.0, 7.0, 7.0, 7.0]
    assert factors(Plateau(2), measures) == [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.125]
    assert factors(Plateau(0), measures) == [1] * 9


def test_a_hair_lower_is_not_lower_and_four_hairs_are() -> None:
    assert factors(Plateau(3), [1.0, 0.997, 0.994, 0.991]) == [1, 1, 1, 0.5]
    assert factors(Plateau(4), [1.0, 0.997, 0.994, 0.991, 0.988, 0.988, 0.988]) == [1] * 7


def test_it_does_not_halve_for_ever() -> None:
    assert factors(Plateau(1), [1.0] * 9)[-1] == 0.125


def test_the_learning_rate_follows_through_a_restart() -> None:
    def rates(trainer, epochs):  # type: ignore[no-untyped-def]
        found = []
        for report in trainer.run():
            if report.epoch_ended:
                trainer.step()
                found.append(round(trainer.lr.item(), 6))
                if len(found) == epochs:
                    break
        return found

    options = {"epochs": 5, "patience": 1, "lr_decay": 0.0, "lr": 0.008}
    shape = Shape(channels=1, size=16)
    trainer = small_trainer("began", shape, **options)
    trainer.plateau.lowest = -1.0  # nothing is lower
    first = rates(trainer, 2)
    again = small_trainer("began", shape, **options)
    again.load(trainer.state())
    assert first == pytest.approx([0.004, 0.002])
    assert rates(again, 2) == rates(trainer, 2) == pytest.approx([0.001, 0.001])
