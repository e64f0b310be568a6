"""Output in a terminal: commands run in a pseudo-terminal, whose screen is read back."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Command

import gancli

pty = pytest.importorskip("pty", reason="Windows has no pseudo-terminals")
fcntl = pytest.importorskip("fcntl")
termios = pytest.importorskip("termios")

Shown = tuple[str, str]  # the output in the terminal, and the output in the pipe
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
COLOURED_BLOCK = re.compile(r"\x1b\[38;2;\d+;\d+;\d+;48;2;\d+;\d+;\d+m▀+")
TINY = ("--set", "width=4", "--batch-size", "10", "--precision", "fp32", "--device", "cpu")
TRAIN = ("train", "dcgan", "--dataset", "./pictures", "--epochs", "2", *TINY)


@pytest.fixture
def terminal(tmp_path: Path) -> Callable[..., Shown]:
    """Run `gan ...` with stderr, and stdout if wanted, in a colour terminal of 120x40."""
    left_out = ("GAN_DATA_DIR", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES")
    environment = {
        **{k: v for k, v in os.environ.items() if k not in left_out},
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "PYTHONUTF8": "1",
    }

    def run(*words: str, stdout_too: bool = False, module: str = "gancli") -> Shown:
        ours, theirs = pty.openpty()
        size = (40).to_bytes(2, sys.byteorder) + (120).to_bytes(2, sys.byteorder) + bytes(4)
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, size)
        process = subprocess.Popen(
            [sys.executable, *(("-m", module) if module else ()), *words],
            cwd=tmp_path,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=theirs if stdout_too else subprocess.PIPE,
            stderr=theirs,
        )
        os.close(theirs)
        shown = everything(ours)
        piped = process.communicate()[0] or b""
        assert process.returncode == 0, shown
        return shown, piped.decode()

    return run


def everything(terminal: int) -> str:
    """Return the output in a terminal until its last process closes it."""
    sent = bytearray()
    with open(terminal, "rb", buffering=0) as screen:
        try:
            while block := screen.read(65536):
                sent += block
        except OSError:  # on Linux: all processes have closed it
            pass
    return sent.decode()


def test_training_shows_a_progress_bar_and_previews_in_a_terminal(
    terminal: Callable[..., Shown], pictures: Path
) -> None:
    shown, piped = terminal(*TRAIN)
    assert piped == "runs/dcgan-pictures\n"
    text = ANSI.sub("", shown)
    *_, last = [line for line in re.split(r"[\r\n]+", text) if line.startswith("epoch")]
    assert re.fullmatch(
        r"epoch 2/2 ━+ 100% \d:\d\d:\d\d [\d,]+ images/s  d_loss \d+\.\d{3}  g_loss \d+\.\d{3} *",
        last,
    )
    assert text.count("━") > 40  # the bar is drawn more than once,
    assert "\x1b[2K" in shown  # in the same line
    assert "Traceback" not in text

    assert text.count("Samples: runs/dcgan-pictures/samples/") == 1
    lines = [line for line in re.split(r"[\r\n]+", shown) if COLOURED_BLOCK.search(line)]
    drawn = [ANSI.sub("", line) for line in lines]
    assert drawn
    assert len(drawn) % 16 == 0  # two rows of samples with 16 pixels; a line is two pixels high
    assert {len(line.rstrip()) for line in drawn} == {7 * 16}  # as many as fit in 120 columns


def test_no_preview_draws_no_samples(terminal: Callable[..., Shown], pictures: Path) -> None:
    shown, _ = terminal(*TRAIN, "--no-preview")
    assert "▀" not in shown
    assert "━" in shown


def test_a_preview_in_a_pipe_has_no_escape_sequences(gan: Command, pictures: Path) -> None:
    done = gan(*TRAIN)
    assert done.stdout == "runs/dcgan-pictures\n"
    assert "\x1b" not in done.stderr
    epochs = [line for line in done.stderr.splitlines() if line.startswith("epoch")]
    assert [line.split()[1] for line in epochs] == ["1/2", "2/2"]


def test_a_table_has_a_header_in_a_terminal_and_tabs_in_a_pipe(
    terminal: Callable[..., Shown], gan: Command
) -> None:
    shown, _ = terminal("datasets", "list", stdout_too=True)
    screen = [line.rstrip() for line in ANSI.sub("", shown).splitlines()]
    assert re.fullmatch(r"name +description", screen[0])
    piped = gan("datasets", "list").stdout
    rows = [line.split("\t") for line in piped.splitlines()]
    assert [line.split()[0] for line in screen[1:] if line] == [name for name, _ in rows]
    assert "\x1b" in shown
    assert "\x1b" not in piped


def test_names_with_escape_sequences_are_harmless_in_a_terminal_and_exact_in_a_pipe(
    terminal: Callable[..., Shown], gan: Command, tmp_path: Path
) -> None:
    name = ":bomb:\x1b[31m[bold]\n\t"
    code = (
        "from gancli.cli import console\n"
        f"console.result({name!r}); console.table(('a',), [({name!r},)]); console.say({name!r})"
    )
    shown, _ = terminal(*("-c", code), stdout_too=True, module="")
    assert "\x1b[31m" not in shown
    assert shown.count(":bomb:\ufffd[31m[bold]\ufffd\ufffd") == 2  # a result and a table
    assert shown.count(":bomb:") == 3
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"{name}\n:bomb:\ufffd[31m[bold]\ufffd\ufffd\n"


def test_version_prints_the_version_of_the_package(gan: Command) -> None:
    done = gan("--version")
    assert done.stdout == f"gan {gancli.__version__}\n"
    assert re.fullmatch(r"gan \d+\.\d+\S*\n", done.stdout)
    assert done.stderr == ""
