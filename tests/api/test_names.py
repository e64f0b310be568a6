"""The names in `gancli`: complete, typed, and imported only when they are used."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import gancli

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "numpy", "PIL", "typer", "rich")
SCRIPT = """
import gancli

run = gancli.train("dcgan", "glyphs", epochs=2, width=16, out="here", say=gancli.silent)
for report in run:
    losses: dict[str, float] = report.metrics
    if report.epoch > 1:
        break
generator: gancli.Generator = run.generator()
generator.sample(4, labels=["sneaker", 3]).save("a.png")
length: int = generator.sweep(labels="0-9", grid=(2, 2)).save("b.gif")
size: tuple[int, ...] = generator.interpolate(range(3)).frames.shape
value: str = generator.evaluate(samples=200).rows()[0][1]
try:
    gancli.load("nothing")
except gancli.UsageError as error:
    print(error.hint)

class Mine(gancli.GAN):
    def after_step(self, metrics: gancli.Metrics) -> None:
        assert self.shape == gancli.Shape(channels=1, size=28)
"""
WRONG = """
import gancli

gancli.train("dcgan", "glyphs", epochs="many")
gancli.load("dcgan").sample(nonsense=3)
"""


def test_importing_gancli_imports_nothing_heavy() -> None:
    code = (
        "import sys, gancli\n"
        "gancli.UsageError, dir(gancli), gancli.__version__\n"
        f"heavy = [m for m in {HEAVY!r} if m in sys.modules]\nassert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_name_is_listed_typed_and_found() -> None:
    tree = ast.parse((ROOT / "gancli" / "__init__.py").read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    imported = {
        alias.name: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert imported == gancli._HOMES
    assert sorted(imported) == sorted(gancli.__all__)
    assert {*gancli.__all__, "__version__"} <= {*dir(gancli)}
    for name in gancli.__all__:
        assert getattr(gancli, name) is not None
    with pytest.raises(AttributeError, match="'trian'"):
        _ = gancli.trian


def test_mypy_accepts_a_script_that_uses_the_api_and_finds_wrong_words(tmp_path: Path) -> None:
    (tmp_path / "right.py").write_text(SCRIPT)
    (tmp_path / "wrong.py").write_text(WRONG)
    # Other packages are not followed: reading their types takes a minute.
    others = ("torch", "torchvision", "numpy", "PIL", "imageio", "safetensors", "lpips", "rich")
    skipped = "".join(f"[mypy-{name}.*]\nfollow_imports = skip\n" for name in others)
    config = f"[mypy]\nstrict = true\n[mypy-gancli.*]\nfollow_imports = silent\n{skipped}"
    (tmp_path / "mypy.ini").write_text(config)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "right.py", "wrong.py"],
        cwd=tmp_path,
        env={"MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    errors = [line for line in done.stdout.splitlines() if " error: " in line]
    assert len(errors) == 2, done.stdout + done.stderr
    assert all(line.startswith("wrong.py") for line in errors)
    assert '"epochs"' in errors[0] and '"nonsense"' in errors[1]
    assert (ROOT / "gancli" / "py.typed").exists()
