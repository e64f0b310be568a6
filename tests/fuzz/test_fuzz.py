"""No file from a stranger crashes a command: 300 cases of each kind, the same ones every time."""

from pathlib import Path

import pytest

from tests.fuzz import harness

CASES, CHUNK = 300, 100


@pytest.mark.parametrize("first", range(0, CASES, CHUNK))
@pytest.mark.parametrize("kind", harness.kinds())
def test_random_cases_end_in_a_result_or_one_clear_message(
    kind: str, first: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Time is judged when the fuzzer is run by hand; here, only a command that hangs is a failure.
    monkeypatch.setattr(harness, "MAX_SECONDS", harness.HUNG_SECONDS)
    outcomes = harness.run_many(kind, range(first, first + CHUNK), tmp_path / "room")
    failed = [str(outcome) for outcome in outcomes if outcome.problems]
    assert not failed, "\n".join(failed)
