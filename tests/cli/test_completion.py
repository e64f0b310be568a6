"""What the shell completes, without torch."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gancli.cli import completion

HEAVY = ("torch", "numpy", "PIL")
COMPLETE = f"""
import sys
from gancli.__main__ import main
try:
    main()
finally:
    heavy = [m for m in {HEAVY!r} if m in sys.modules]
    assert not heavy, heavy
"""


def completed(line: str, folder: Path) -> list[str]:
    """Return what bash offers at the end of `line`."""
    words = line.split(" ")
    environment = {
        **os.environ,
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
        "_GAN_COMPLETE": "complete_bash",
    }
    done = subprocess.run(
        [sys.executable, "-c", COMPLETE],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.usefixtures("runs")
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("gan train dc", ["dcgan"]),
        ("gan train dcgan --dataset fa", ["facades", "fashion-mnist"]),
        ("gan train acgan --set minib", ["minibatch_std="]),
        ("gan train dcgan --dataset mnist --preset p", ["paper"]),
        ("gan sample dcgan-f", ["dcgan-fashion-mnist"]),
        ("gan translate pix2pix-t", ["pix2pix-toy-facades-A2B"]),
        ("gan evaluate cg", ["cgan", "cgan-fashion-mnist", "cgan-glyphs", "cgan-mnist"]),
        ("gan runs ac", ["acgan", "acgan-fashion-mnist", "acgan-glyphs", "acgan-mnist"]),
        ("gan models be", ["began"]),
        ("gan datasets info gl", ["glyphs"]),
        ("gan datasets preview toy", ["toy-facades"]),
    ],
)
def test_values_are_completed(line: str, offered: list[str], tmp_path: Path) -> None:
    assert completed(line, tmp_path) == offered


def test_datasets_are_offered_in_any_case() -> None:
    assert [name for name, _ in completion.entries("datasets", "FASH")] == ["fashion-mnist"]
