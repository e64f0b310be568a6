"""The same command with the same seed gives the same bytes, in another process and folder."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

# Runs the commands in its first argument, and keeps what each prints on stdout.
PROGRAM = """
import contextlib, io, json, sys
from pathlib import Path
from gancli.__main__ import main

for number, line in enumerate(json.loads(sys.argv[1])):
    sys.argv, printed = ["gan", *line.split()], io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            main()
    except SystemExit as end:
        assert not end.code, line
    Path(f"printed-{number}.txt").write_text(printed.getvalue())
"""
CPU = "--device cpu"
TINY = f"--epochs 2 --batch-size 8 --set width=4 --precision fp32 {CPU}"
LINES = [
    f"train acgan --dataset ./pictures {TINY} --z-dim 6 --seed 3 --evaluate-every 2 --out run",
    f"train pix2pix --dataset ./pairs --direction A2B --image-size 16 {TINY} --out turned",
    f"sample run --labels all --per-class 3 --out grid.png {CPU}",
    f"sample run --seeds 7,3 --out singles {CPU}",
    f"sample run --like grid.png --out again.png {CPU}",
    f"sweep run --seeds 3 --steps 3 --out sweep.gif {CPU}",
    f"interpolate run --seeds 1-2 --steps 3 --loop --out walk.webp {CPU}",
    f"interpolate run --plane --grid 3x3 --out plane.png {CPU}",
    f"translate turned pairs/test --paired --variations 2 --seed 5 --out shown {CPU}",
    f"evaluate run --samples 200 --seed 2 --json {CPU}",
    f"evaluate turned --json {CPU}",
    "datasets preview ./pictures --out preview.png",
    "datasets stats ./pictures --json",
    "datasets check ./pictures --json",
]
TIMINGS = ("images_per_second", "seconds")


def start(folder: Path) -> "subprocess.Popen[str]":
    """Run LINES in a new folder with pictures and pairs."""
    rng = np.random.default_rng(0)
    for i in range(24):
        for path, width in ((f"pictures/{'ab'[i % 2]}", 16), (f"pairs/{'test' * (i < 4)}", 32)):
            (folder / path).mkdir(parents=True, exist_ok=True)
            pixels = rng.integers(0, 128 + 127 * (i % 2), (16, width, 3), dtype=np.uint8)
            pixels[:, 16:] = 255 - pixels[:, : width - 16]  # B is the negative of A
            Image.fromarray(pixels).save(folder / path / f"{i:02}.png")
    environment = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache")}
    environment.pop("PYTHONHASHSEED", None)  # sets have another order in each process
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, json.dumps(LINES)],
        cwd=folder,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )


def contents(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file that the commands wrote, without recorded timings."""
    files = [f for f in folder.rglob("*") if f.is_file() and "cache" not in f.parts]
    found = {str(f.relative_to(folder)): f.read_bytes() for f in files}
    for name in [name for name in found if name.endswith("metrics.jsonl")]:
        records = [json.loads(line) for line in found[name].splitlines()]
        kept = [{k: v for k, v in record.items() if k not in TIMINGS} for record in records]
        found[name] = json.dumps(kept).encode()
    return found


def test_every_command_gives_the_same_bytes_twice(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("first", "the-second")]
    processes = [start(folder) for folder in folders]
    messages = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], messages
    first, second = map(contents, folders)
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []
    assert first["run/training.safetensors"]
    for number, line in enumerate(LINES):
        if "--json" in line:  # a library must not print before it
            assert json.loads(first[f"printed-{number}.txt"])
