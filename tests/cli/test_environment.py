"""Commands in odd surroundings: encodings, terminal sizes, full disks, closed streams."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Command

ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
CP1252 = {"PYTHONUTF8": "0", "PYTHONIOENCODING": "cp1252"}
needs_dev_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")


def shell(folder: Path, line: str, **changes: str) -> "subprocess.CompletedProcess[str]":
    """Run `line` in a shell in `folder`, where `gan` is a command; `changes` the environment."""
    environment = {**os.environ, "NO_COLOR": "1", "XDG_CACHE_HOME": str(folder), **changes}
    define = f'gan() {{ "{sys.executable}" -m gancli "$@"; }}\n'
    return subprocess.run(
        ["bash", "-c", define + line],
        cwd=folder,
        env=environment,
        capture_output=True,
        encoding="latin-1",
        check=False,
    )


@pytest.mark.parametrize("encoding", [ASCII, CP1252])
def test_any_encoding_can_show_any_text(tmp_path: Path, encoding: dict[str, str]) -> None:
    done = shell(tmp_path, "gan --help; echo $?; gan datasets info zoë-€; echo $?", **encoding)
    assert "UnicodeEncodeError" not in done.stderr
    assert [line for line in done.stdout.splitlines() if line.isdecimal()] == ["0", "2"]


def test_a_name_that_is_not_text_reaches_a_script_byte_by_byte(
    tmp_path: Path,
) -> None:
    code = (
        "from gancli.cli import console, environment\n"
        "environment.prepare()\nconsole.result('a\\udcff\\x1b[2J\\xe9')"
    )
    done = shell(tmp_path, f'"{sys.executable}" -c "{code}"', **ASCII)
    assert done.stdout == "a\xff\x1b[2J\\xe9\n"


@pytest.mark.parametrize("size", ["0", "wide", "9" * 5000])
def test_an_impossible_terminal_size_is_ignored(tmp_path: Path, size: str) -> None:
    done = shell(tmp_path, "gan --help", COLUMNS=size, LINES=size, TERMINAL_WIDTH=size, TERM="dumb")
    assert done.returncode == 0
    assert "Usage: gan" in done.stdout
    assert done.stderr == ""


@needs_dev_full
@pytest.mark.parametrize("words", ["--help", "datasets list"])
def test_a_full_standard_output_is_named(tmp_path: Path, words: str) -> None:
    done = shell(tmp_path, f"gan {words} > /dev/full")
    assert done.returncode == 1
    assert done.stderr.startswith("gan: Cannot write to standard output: ")
    assert len(done.stderr.splitlines()) == 1


@needs_dev_full
def test_a_full_log_file_does_not_stop_the_work(tmp_path: Path) -> None:
    code = "from gancli.cli import console; console.say('a message'); console.result('done')"
    done = shell(tmp_path, f'"{sys.executable}" -c "{code}" 2> /dev/full')
    assert (done.returncode, done.stdout) == (0, "done\n")


def test_closed_streams_do_not_matter(tmp_path: Path) -> None:
    line = "gan datasets list >&-; echo $?; gan --help >&- 2>&- <&-; echo $?; gan x 2>&-; echo $?"
    done = shell(tmp_path, line)
    assert done.stdout.split() == ["0", "0", "2"]
    assert done.stderr == ""


@pytest.mark.parametrize("words", ["--help", "datasets list"])
def test_a_reader_that_ends_early_ends_the_command_quietly(tmp_path: Path, words: str) -> None:
    done = shell(tmp_path, f"gan {words} | true; echo ${{PIPESTATUS[0]}}")
    assert done.stdout == "1\n"
    assert done.stderr == ""


@pytest.mark.parametrize("words", ["train dcgan --dataset glyphs", "datasets check ."])
def test_a_deleted_folder_gives_one_sentence(tmp_path: Path, words: str) -> None:
    (tmp_path / "gone").mkdir()
    done = shell(tmp_path, f"cd gone; rmdir ../gone; gan {words}")
    assert done.returncode == 1
    message, hint = done.stderr.splitlines()
    assert message.startswith("gan: The current folder")
    assert "Next: cd " in hint


@pytest.mark.parametrize(
    ("debug", "shown"), [({}, False), ({"GAN_DEBUG": "1"}, True), ({"PYTHONWARNINGS": "all"}, True)]
)
def test_warnings_of_libraries_are_shown_only_on_request(
    tmp_path: Path, debug: dict[str, str], shown: bool
) -> None:
    code = (
        "import logging, warnings\nfrom gancli.cli import environment\nenvironment.prepare()\n"
        "warnings.warn('from a library')\nlogging.getLogger('torch').warning('of a library')"
    )
    environment = dict.fromkeys(("GAN_DEBUG", "PYTHONWARNINGS"), "") | debug
    done = shell(tmp_path, f'"{sys.executable}" -c "{code}"', **environment)
    assert ("from a library" in done.stderr, "of a library" in done.stderr) == (shown, shown)


def test_ctrl_c_ends_with_one_line(
    gan_here: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from gancli.cli import datasets

    def press(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(datasets.registry, "summary", press)
    done = gan_here("datasets", "list", code=130)
    assert done.stderr == "Stopped.\n"


def test_ctrl_c_before_the_command_line_is_read_ends_with_one_line() -> None:
    code = (
        "import os, signal, sys, time\nfrom gancli import __main__\n"
        "sys.modules['gancli.cli'] = type('Presses', (), {'__getattr__': lambda *_: "
        "(os.kill(os.getpid(), signal.SIGINT), time.sleep(60))})()\n__main__.main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "Stopped.\n")
