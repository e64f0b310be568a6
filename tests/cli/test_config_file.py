"""`--config` trains as another run was trained, and trusts nothing in its run.json."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Command

TINY = "--set width=4 --batch-size 10 --precision fp32 --device cpu --no-preview"
FIRST = f"train dcgan --dataset ./pictures {TINY} --epochs 1 --seed 5 --lr 0.001 --image-size 20"


def run(gan: Command, line: str, code: int = 0) -> Any:
    return gan(*shlex.split(line), code=code)


def plan(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "run.json").read_text())
    return found


@pytest.mark.parametrize(
    "word", ["runs/dcgan-pictures", "runs/dcgan-pictures/run.json", "dcgan-pictures"]
)
def test_a_run_is_repeated_to_the_bit(
    gan_here: Command, pictures: Path, tmp_path: Path, word: str
) -> None:
    run(gan_here, FIRST)
    first, again = tmp_path / "runs" / "dcgan-pictures", tmp_path / "again"
    run(gan_here, f"train --config {word} --out again")
    assert plan(again) == {**plan(first), "folder": "again"}
    name = "generator.safetensors"
    assert (again / name).read_bytes() == (first / name).read_bytes()


def test_typed_options_override_the_configuration(
    gan_here: Command, pictures: Path, tmp_path: Path
) -> None:
    run(gan_here, f"{FIRST} --dry-run")
    (tmp_path / "plan.json").write_text(run(gan_here, f"{FIRST} --set hidden=8 --dry-run").stdout)
    typed = "--seed 6 --set width=6 --image-size 24 --preset default"
    found = json.loads(
        run(
            gan_here,
            f"train --config plan.json {typed.removesuffix(' --preset default')} --dry-run",
        ).stdout
    )
    assert found["settings"]["width"] == 6
    assert found["settings"]["hidden"] == 8
    assert (found["training"]["seed"], found["training"]["lr"]) == (6, 0.001)
    assert found["shape"]["size"] == 24
    assert "--preset" in run(gan_here, f"train --config plan.json {typed}", code=2).stderr
    other = run(gan_here, "train cgan --config plan.json --dry-run")
    assert json.loads(other.stdout)["training"]["lr"] == 0.001


CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "width": lambda p: p["settings"].update(width=[4]),
    "setting": lambda p: p["settings"].update({"a\nb": 1}),
    "infinite": lambda p: p["settings"].update(width=float("inf")),
    "training": lambda p: p["training"].update(lr=5),
    "shape": lambda p: p["shape"].update(size=10**9),
    "device": lambda p: p.pop("device"),
    "unknown setting": lambda p: p["settings"].update(widht=4),
    "unknown model": lambda p: p.update(model="../../x"),
    "data file": lambda p: p["dataset"].update(source="evil.py"),
    "model file": lambda p: p.update(model_file={"name": "evil.py", "digest": ""}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_by_somebody_else_is_checked_and_runs_nothing(
    gan_here: Command, pictures: Path, tmp_path: Path, change: str
) -> None:
    (tmp_path / "evil.py").write_text("open('ran', 'w')")
    found = json.loads(run(gan_here, f"{FIRST} --dry-run").stdout)
    CHANGES[change](found)
    (tmp_path / "plan.json").write_text(json.dumps(found))
    before = {path.name for path in tmp_path.iterdir()}
    done = gan_here("train", "--config", "plan.json", code=1 if change in [*CHANGES][:6] else 2)
    assert done.stderr.startswith("gan: ")
    assert {path.name for path in tmp_path.iterdir()} == before


def test_the_file_never_decides_where_the_run_is_written(
    gan_here: Command, pictures: Path, tmp_path: Path
) -> None:
    found = json.loads(run(gan_here, f"{FIRST} --dry-run").stdout)
    found["folder"] = str(tmp_path / "elsewhere")
    (tmp_path / "plan.json").write_text(json.dumps(found))
    assert run(gan_here, "train --config plan.json").stdout == "runs/dcgan-pictures\n"
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(("word", "code"), [("none", 2), ("pictures", 2), ("text.json", 1)])
def test_what_is_not_a_plan_is_refused(
    gan_here: Command, pictures: Path, tmp_path: Path, word: str, code: int
) -> None:
    (tmp_path / "text.json").write_text("text")
    done = run(gan_here, f"train --config {word}", code=code)
    assert word in done.stderr
    assert "Next: gan runs" in done.stderr
