"""Processes find each other, and say what a launcher has set wrongly."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from gancli.errors import UsageError
from gancli.training import distributed, rendezvous


def test_processes_meet_whatever_the_dead_have_left_in_the_store() -> None:
    store = torch.distributed.HashStore()  # type: ignore[attr-defined]
    names = []
    for _ in range(2):  # the second time over the notes of the first
        with ThreadPoolExecutor(3) as pool:
            met = [pool.submit(rendezvous.meet, store, rank, 3) for rank in range(3)]
        heard = {future.result(timeout=60) for future in met}
        assert len(heard) == 1
        names += heard
    assert names[0] != names[1]


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("MASTER_PORT", "abc", "MASTER_PORT is 'abc': it must be a number from 1 to 65535"),
        ("RANK", "x", "RANK is 'x': it must be a number from 0 to 1"),
        ("RANK", "2", "RANK is '2'"),
        ("WORLD_SIZE", "two", "WORLD_SIZE is 'two'"),
    ],
)
def test_what_a_launcher_sets_must_be_numbers_that_fit(
    name: str, value: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_ = {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}
    for key, text in (set_ | {name: value}).items():
        monkeypatch.setenv(key, text)
    with pytest.raises(UsageError, match=says), distributed.joined(torch.device("cpu")):
        pass
