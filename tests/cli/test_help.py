"""The help of every command, compared with the snapshots help-80.txt and help-120.txt.

After an intended change of the help, update the snapshots and read their diff:

    GAN_UPDATE_SNAPSHOTS=1 pytest tests/cli/test_help.py

typer draws the help a little differently in every release. The first line of a snapshot names the
release that drew it; with any other release, only the commands and options are compared.
"""

import json
import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
WIDTHS = (80, 120)
TYPER = ".".join(version("typer").split(".")[:2])

# One process prints the help of all commands: starting a process takes longer than that. It starts
# with `gan --help` and goes on with every command listed there.
PROGRAM = r"""
import contextlib, io, json, re, sys
from gancli.__main__ import main

found, todo = {}, [[]]
while todo:
    words = todo.pop(0)
    sys.argv = ["gan", *words, "--help"]
    shown = io.StringIO()
    try:
        with contextlib.redirect_stdout(shown):
            main()
    except SystemExit as end:
        assert not end.code, end.code
    text = found[" ".join(sys.argv)] = shown.getvalue()
    if re.search("Usage: .* COMMAND", text):
        todo += [[*words, name] for name in re.findall(r"^│ ([a-z]\S*) ", text, re.MULTILINE)]
print(json.dumps(found))
"""


def helps(width: int) -> dict[str, str]:
    """Return the help of every command, by its command line, `width` characters wide."""
    environment = {
        "COLUMNS": str(width),
        "TERM": "xterm",  # a dumb terminal is always 80 wide
        "NO_COLOR": "1",
        "PYTHONUTF8": "1",
        **{k: v for k, v in os.environ.items() if k in ("PATH", "SYSTEMROOT")},
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout)
    return found


def snapshot(found: dict[str, str]) -> str:
    """Return all help as one text, without trailing spaces."""
    parts = [f"Drawn by typer {TYPER}."]
    for command, text in found.items():
        lines = [line.rstrip() for line in text.strip("\n").splitlines()]
        parts.append("\n".join([f"$ {command}", *lines]).rstrip())
    return "\n\n".join(parts) + "\n"


def options(text: str) -> dict[str, set[str]]:
    """Return the long options in the help of each command of a snapshot."""
    first, *rest = re.split(r"^\$ (.*)$", text, flags=re.MULTILINE)
    assert first.startswith("Drawn by typer")
    return {
        command: set(re.findall(r"(?<![\w-])--[a-z][\w-]*", shown))
        for command, shown in zip(rest[::2], rest[1::2], strict=True)
    }


@pytest.mark.parametrize("width", WIDTHS)
def test_the_help_of_every_command_matches_the_snapshot(width: int) -> None:
    file = HERE / f"help-{width}.txt"
    found = snapshot(helps(width))
    if os.environ.get("GAN_UPDATE_SNAPSHOTS"):
        file.write_text(found, encoding="utf-8")
    kept = file.read_text(encoding="utf-8")
    if kept.splitlines()[0] == found.splitlines()[0]:
        assert found == kept
    assert options(found) == options(kept)


@pytest.mark.parametrize("width", WIDTHS)
def test_no_line_of_the_help_is_wider_than_the_terminal(width: int) -> None:
    text = (HERE / f"help-{width}.txt").read_text(encoding="utf-8")
    assert max(map(len, text.splitlines())) == width
    assert {"gan --help", "gan train --help", "gan datasets info --help"} <= set(options(text))
