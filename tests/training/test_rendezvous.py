"""Processes meet in a store, and wrong variables of a launcher are refused."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from gancli.errors import UsageError
from gancli.training import distributed, rendezvous


def test_processes_meet_in_a_store_with_keys_of_an_earlier_start() -> None:
    store = torch.distributed.HashStore()  # type: ignore[attr-defined]
    names = []
    for _ in range(2):  # the second start finds the keys of the first
        with ThreadPoolExecutor(3) as pool:
            met = [pool.submit(rendezvous.meet, store, rank, 3) for rank in range(3)]
        answers = {future.result(timeout=60) for future in met}
        assert len(answers) == 1
        names += answers
    assert names[0] != names[1]


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("MASTER_PORT", "abc", "MASTER_PORT .*'abc'.* 1 to 65535"),
        ("RANK", "x", "RANK .*'x'.* 0 to 1"),
        ("RANK", "2", "RANK .*'2'"),
        ("WORLD_SIZE", "two", "WORLD_SIZE .*'two'"),
    ],
)
def test_launcher_variables_must_be_numbers_in_range(
    name: str, value: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}
    for key, text in (variables | {name: value}).items():
        monkeypatch.setenv(key, text)
    with pytest.raises(UsageError, match=expected), distributed.joined(torch.device("cpu")):
        pass
