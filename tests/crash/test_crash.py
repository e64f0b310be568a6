"""The short form of `python -m tests.crash`: a run that dies or goes wrong recovers to the bit."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SHORT = ("--deaths", "3", "--every", "12", "--faults", "3", "--collapses", "1")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that fork")
def test_a_run_survives_its_death_and_divergence_and_leaves_nothing_behind() -> None:
    # In a process of its own: this one may have threads, which a fork would not copy.
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash", "--models", "began", *SHORT],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.split() for line in done.stdout.splitlines()[1:]]
    assert [row[1] for row in rows] == [
        *("killed", "operations", "replacing", "faults", "collapses")
    ]
    assert all(int(row[2]) > 0 for row in rows)
