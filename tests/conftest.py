"""Shared fixtures and helpers: small models and runs, and ways to run the command line."""

import os

# Set before torch is imported: tests run in parallel, and their tensors are too small for threads.
os.environ["OMP_NUM_THREADS"] = os.environ.get("OMP_NUM_THREADS", "1")
# If one of these is set, rich and typer print colours even without a terminal.
os.environ.pop("GITHUB_ACTIONS", None)
os.environ.pop("FORCE_COLOR", None)
os.environ.pop("PY_COLORS", None)
# No test uses the internet: connections fail at once, in child processes too.
os.environ["https_proxy"] = os.environ["HTTPS_PROXY"] = "http://127.0.0.1:9"

import importlib.util
import io
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from gancli import pretrained, registry, weights
from gancli.__main__ import main
from gancli.gan import GAN, Direction, Feeds, Shape
from gancli.sampling.generator import Generator
from gancli.training.narrow import narrow, narrow_trainer
from gancli.training.narrow import random_data as random_data
from gancli.training.trainer import Trainer
from gancli.weights import Header, TrainedOn

Command = Callable[..., "subprocess.CompletedProcess[str]"]


EXAMPLES = {  # models in files of their own
    file.stem: file
    for file in (Path(__file__).parents[1] / "examples").glob("*.py")
    if "def build(" in file.read_text(encoding="utf-8")
}


@cache
def model(name: str) -> ModuleType:
    """The module of a model: a registered one, or one of the examples."""
    if name not in EXAMPLES:
        return registry.load("models", name)
    spec = importlib.util.spec_from_file_location(name, EXAMPLES[name])
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look up their module there
    spec.loader.exec_module(module)
    return module


def small(name: str, shape: Shape, **settings: object) -> GAN:
    """Build a narrow model with a fixed seed. Models that learn from pairs get a source shape."""
    return narrow(model(name), shape, **settings)


def small_generator(name: str, shape: Shape, **settings: object) -> Generator:
    """Return the generator of a narrow model as sampling uses it, on the CPU, without a file."""
    gan = small(name, shape, **settings).eval()
    header = Header(
        model=name,
        settings=settings,
        shape=gan.shape,
        dataset=TrainedOn(name="drawn"),
        images_seen=0,
        classes=tuple(map(str, range(shape.classes))),
        labelled=Feeds.LABEL in gan.feeds,
        direction=Direction.A2B if Feeds.IMAGE in gan.feeds else None,
    )
    return Generator(model=gan, network=gan.generator, header=header)


def small_trainer(name: str, shape: Shape, **options: Any) -> Trainer:
    """Return a trainer of a narrow model on random images, with batches of 8."""
    return narrow_trainer(model(name), shape, **options)


HEADER = {
    "model": "dcgan",
    "settings": {},
    "shape": {"size": 16, "channels": 1},
    "dataset": {"name": "mnist"},
    "classes": [],
    "images_seen": 5,
}


def write_weights(path: Path, **changes: object) -> Path:
    """Write a weights file with HEADER, in which `changes` replace some values."""
    weights.save(path, {"w": torch.arange(3.0)}, {**HEADER, **changes})
    return path


@pytest.fixture
def exact() -> Iterator[None]:
    """Make a GPU deterministic and use full float32, so that every difference is an error."""
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True):
        before = torch.backends.cudnn.allow_tf32
        torch.backends.cudnn.allow_tf32 = False
        yield
        torch.backends.cudnn.allow_tf32 = before


@pytest.fixture
def gan(tmp_path: Path) -> Command:
    """Run `gan ...` in a new process and folder. Returns the process with its output."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache"), "NO_COLOR": "1"}
    environment.pop("GAN_DATA_DIR", None)

    def run(*words: str, code: int = 0) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "gancli", *map(str, words)]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return done

    return run


@pytest.fixture
def gan_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run `gan ...` in this process and a new folder: fast, as torch is imported already.

    With `code=None`, any exit code will do.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.delenv("GAN_DATA_DIR", raising=False)
    monkeypatch.setattr(sys, "warnoptions", ["error"])  # so that warnings still fail a test
    # torch's launcher, if another test imported it
    monkeypatch.delitem(sys.modules, "torch.distributed.launcher.api", raising=False)

    def run(*words: str, code: int | None = 0) -> "subprocess.CompletedProcess[str]":
        command = ["gan", *map(str, words)]
        monkeypatch.setattr(sys, "argv", command)
        before = {s: signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)}
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as end:
            main()
        for number, handler in before.items():
            signal.signal(number, handler)
        exit_code = int(end.value.code or 0)
        assert code in (None, exit_code), err.getvalue()
        return subprocess.CompletedProcess(command, exit_code, out.getvalue(), err.getvalue())

    return run


# A script that runs `gan ...`, and stops itself as Ctrl-Z does once stderr contains its first
# argument. Tests can then inspect or end the process at a known point, without a race.
PAUSING = """
import os, signal, sys, time
from gancli.__main__ import main

pause_at = sys.argv.pop(1)

class Pausing:
    def __init__(self, stream):
        self.stream = stream

    def write(self, text):
        written = self.stream.write(text)
        if pause_at in text:
            self.stream.flush()
            os.kill(os.getpid(), signal.SIGSTOP)
            time.sleep(0.5)  # a signal sent in the pause can reach another thread first
        return written

    def __getattr__(self, name):
        return getattr(self.stream, name)

sys.stderr = Pausing(sys.stderr)
main()
"""


def paused(process: "subprocess.Popen[str]") -> bool:
    """Wait until `process`, which runs PAUSING, has stopped itself. SIGCONT makes it continue."""
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    stopped = os.WIFSTOPPED(status)
    if not stopped:
        print(f"ended with status {status} instead of pausing:", process.communicate()[1])
    return stopped


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder of 60 gray 16x16 pictures in two classes."""
    rng = np.random.default_rng(0)
    for i in range(60):
        path = tmp_path / "pictures" / ("dark" if i % 2 else "light") / f"{i:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        low = 0 if i % 2 else 128
        Image.fromarray(rng.integers(low, low + 128, (16, 16), dtype=np.uint8)).save(path)
    return tmp_path / "pictures"


@pytest.fixture
def nothing_pretrained(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if gan came without trained generators."""
    monkeypatch.setattr(pretrained, "NAMES", ())


@pytest.fixture
def runs(tmp_path: Path) -> None:
    """Untrained generators in run folders, as training writes them."""
    unet = small("pix2pix", Shape(channels=3, size=32))
    for data in ("toy-facades", "facades"):
        header = {
            "model": "pix2pix",
            "settings": {"width": 8},
            "shape": {"channels": 3, "size": 32, "classes": 0, "source": 3},
            "dataset": {"name": data, "source": data, "pictures": 1, "digest": ""},
            "classes": [],
            "labelled": False,
            "direction": "A2B",
            "images_seen": 0,
        }
        file = tmp_path / "runs" / f"pix2pix-{data}-A2B" / weights.GENERATOR
        weights.save(file, unet.generator.state_dict(), header)
    for name, labelled in (("dcgan", False), ("cgan", True), ("acgan", True)):
        model = small(name, Shape(channels=1, size=28, classes=10))
        for data in ("fashion-mnist", "mnist", "glyphs"):
            header = {
                "model": name,
                "settings": {"width": 8, "z_dim": 6},
                "shape": {"channels": 1, "size": 28, "classes": 10},
                "dataset": {"name": data, "source": data, "pictures": 1, "digest": ""},
                "classes": list("0123456789"),
                "labelled": labelled,
                "images_seen": 0,
            }
            file = tmp_path / "runs" / f"{name}-{data}" / weights.GENERATOR
            weights.save(file, model.generator.state_dict(), header)
