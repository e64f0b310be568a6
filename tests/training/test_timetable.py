"""What is due by the clock during training."""

from gancli.training.timetable import Timetable


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def due_at(table: Timetable, clock: Clock, seconds: range) -> list[int]:
    found = []
    for second in seconds:
        clock.now = 100.0 + second
        if table.due():
            found.append(second)
    return found


def test_it_is_due_at_the_first_times_and_then_at_the_interval() -> None:
    clock = Clock()
    table = Timetable(100, (10, 30, 60), clock)
    assert due_at(table, clock, range(400)) == [10, 30, 60, 160, 260, 360]


def test_times_that_passed_meanwhile_count_once() -> None:
    clock = Clock()
    table = Timetable(100, (10, 30, 60), clock)
    assert due_at(table, clock, range(45, 200)) == [45, 60, 160]


def test_an_interval_of_zero_is_never_due() -> None:
    clock = Clock()
    assert due_at(Timetable(0, (10,), clock), clock, range(1000)) == []


def test_a_restart_postpones_it() -> None:
    clock = Clock()
    table = Timetable(100, (), clock)
    assert due_at(table, clock, range(90)) == []
    table.restart()
    assert due_at(table, clock, range(90, 300)) == [189, 289]
