"""What a run is told about its threads when other programs use the processor."""

import pytest

from gancli.training import threads


@pytest.mark.parametrize(
    ("number", "others", "cores", "better"),
    [
        (2, 1.0, 2, 1),
        (2, 0.6, 2, 1),
        (8, 3.1, 8, 5),
        (4, 9.0, 8, 1),
        (2, 0.2, 2, None),  # nothing to speak of
        (1, 1.0, 2, None),  # one thread does not wait
        (2, 2.0, 8, None),  # there are cores for all
    ],
)
def test_fewer_threads_are_advised_where_others_need_the_cores(
    number: int, others: float, cores: int, better: int | None
) -> None:
    found = threads.advice(number, others, cores)
    assert (found is None) == (better is None)
    if better:
        assert f"--threads {better} " in str(found)
