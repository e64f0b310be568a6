"""The rounds of the soak test work, and its slopes are those of its measurements."""

from pathlib import Path

import pytest

from gancli import weights
from tests.soak import rounds


def test_a_round_runs_every_command_and_leaves_no_file_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "")  # restored at the end
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.delenv("GAN_DATA_DIR", raising=False)
    monkeypatch.setattr(weights, "load", weights.load)
    monkeypatch.chdir(tmp_path)
    rounds.prepare(tmp_path)
    rounds.run()
    first = rounds.usage(0)
    rounds.run()
    assert rounds.usage(1).files <= first.files


def test_slopes_are_per_hour() -> None:
    found = [rounds.Usage(60.0 * i, 100 + 2 * i, 7) for i in range(10)]
    (memory, error), (files, _) = rounds.slopes(found)
    assert (memory, files) == pytest.approx((120, 0))
    assert error == pytest.approx(0, abs=1e-6)
