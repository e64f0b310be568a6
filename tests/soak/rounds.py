"""One round of a soak test: every model and every command, in this process."""

import contextlib
import ctypes
import gc
import io
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
from numpy.typing import NDArray
from torch import Tensor

from gancli import registry, weights
from gancli.cli import app
from gancli.errors import FileError

Values = NDArray[np.float64]

VALID = Path(__file__).parents[1] / "versions" / "0.1.0"  # 40 pictures, 20 pairs
SMALL = ("--set", "width=4", "--batch-size", "4", "--precision", "fp32", "--device", "cpu")


def _train(model: str) -> list[list[str]]:
    pairs = registry.declared("models", model, "PAIRS")
    data = ["--dataset", "pairs", "--direction", "A2B"] if pairs else ["--dataset", "pictures"]
    out = ["--out", f"runs/{model}", "--epochs"]
    words = ["train", model, *data, *SMALL, *out]
    return [[*words, "1", "--fresh"], [*words, "2"]]  # a new run, and one that is resumed


PLAY = """
sample dcgan -n 9 --out grid.png
sample cgan --labels all --per-class 2 --force --out singles
sample --like grid.png --out again.png
sweep acgan --steps 3 --out sweep.gif
interpolate began --steps 3 --loop --out walk.webp
interpolate dcgan --plane --grid 3x3 --out plane.png
translate pix2pix in.png --force
evaluate acgan --samples 200
evaluate pix2pix --json
runs
runs dcgan --json
models
models began
env
datasets list
datasets info mnist
datasets check pictures
datasets stats pictures
datasets preview pictures --out preview.png
sample nothing
train dcgan --dataset nowhere
"""
WORDS = [words for model in registry.names("models") for words in _train(model)]
WORDS += [line.split() for line in PLAY.strip().splitlines()]
FAILING = 2  # the last commands fail on purpose
COMMANDS = len(WORDS)


@dataclass(frozen=True)
class Usage:
    """What this process uses after so many seconds."""

    seconds: float
    megabytes: float
    files: int

    def __str__(self) -> str:
        return f"{self.megabytes:8.1f} MB  {self.files:3} open files"


def prepare(room: Path) -> None:
    """Work in the folder `room` from now on."""
    for name in ("pictures", "pairs"):
        shutil.copytree(VALID / name, room / name)
    shutil.copy(next((room / "pictures").rglob("*.png")), room / "in.png")
    os.environ |= {"XDG_CACHE_HOME": str(room / "cache"), "NO_COLOR": "1"}
    os.environ.pop("GAN_DATA_DIR", None)
    weights.load = _load
    os.chdir(room)


def _load(path: Path) -> dict[str, Tensor]:
    """Do what `weights.load` does, without the function of safetensors that loses memory.

    `load_file`, at least in its versions 0.6 to 0.8, never frees the two integers that say where a
    tensor lies: 64 bytes for each tensor, which would be 43 MB an hour here.
    """
    try:
        return weights.unpack(path.read_bytes(), path)
    except OSError as error:
        raise FileError(str(error)) from None


def run() -> None:
    """Run every command once."""
    for number, words in enumerate(WORDS):
        expected = 2 if number >= COMMANDS - FAILING else 0
        code, output = _run(words)
        assert code == expected, (words, code, output)


def _run(words: list[str]) -> tuple[int, str]:
    sys.argv = ["gan", *words]
    sys.modules.pop("torch.distributed.launcher.api", None)  # `app.main` would leave with _exit
    output = io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        try:
            app.main()
        except SystemExit as end:
            return int(end.code or 0), output.getvalue()
    raise AssertionError(f"gan {words} did not end with an exit code")


def usage(seconds: float) -> Usage:
    """What this process uses now. Memory is what no other process shares.

    Free memory is first given back to the system: how much of it is kept varies by megabytes.
    """
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # another C library than that of GNU
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    process = psutil.Process()
    memory = process.memory_full_info()
    megabytes = getattr(memory, "uss", memory.rss) / 1e6
    return Usage(seconds, megabytes, process.num_fds())


def slopes(found: list[Usage]) -> tuple[tuple[float, float], tuple[float, float]]:
    """The slopes per hour of memory, in MB, and of open files, each with its standard error."""
    if len(found) < 4:
        raise SystemExit("Too few rounds for a slope: run it longer.")
    hours = np.array([u.seconds for u in found]) / 3600
    memory = _slope(hours, np.array([u.megabytes for u in found]))
    return memory, _slope(hours, np.array([float(u.files) for u in found]))


def _slope(x: Values, y: Values) -> tuple[float, float]:
    """The slope by least squares and its standard error."""
    (slope, _), covariance = np.polyfit(x, y, 1, cov=True)
    return float(slope), float(np.sqrt(covariance[0, 0]))
