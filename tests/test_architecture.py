"""Imports point down only, private names stay in their folder, and no file is too long to read."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "gancli"
# From the top down; what stands in one line may not import each other.
LAYERS = [
    ["cli"],
    ["training"],
    ["report"],
    ["evaluation"],
    ["sampling"],
    ["datasets"],
    ["data"],
    ["formats", "models"],
    ["nn"],
    ["gan"],
    ["base"],
]
LEVEL = {name: level for level, names in enumerate(reversed(LAYERS)) for name in names}
FILES = sorted(ROOT.rglob("*.py"))
LONGEST = 300  # lines
LONG = {"toy_facades.py"}  # which draws


def module(file: Path) -> str:
    """`sampling.latents` for gancli/sampling/latents.py, `formats` for its `__init__`."""
    parts = [*file.relative_to(ROOT).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module(file): file for file in FILES}


def layer(name: str) -> str:
    """The layer of a module: its folder, or `base` for the files at the top."""
    first = name.partition(".")[0]
    return first if first in LEVEL else "base"


def imports(file: Path) -> Iterator[tuple[str, str | None]]:
    """What a file imports from gancli, wherever it does: the module, and a name in it, if any."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} imports relatively"
            where, _, inside = (node.module or "").partition(".")
            for alias in node.names if where == "gancli" else ():
                full = f"{inside}.{alias.name}".lstrip(".")
                yield (full, None) if full in MODULES else (inside, alias.name)
        elif isinstance(node, ast.Import):
            found = (a.name for a in node.names if a.name.startswith("gancli."))
            yield from ((name.removeprefix("gancli."), None) for name in found)


@pytest.mark.parametrize(
    "file", [f for f in FILES if not f.stem.startswith("__") or f.parent != ROOT]
)
def test_imports_point_down(file: Path) -> None:
    own = layer(module(file))
    for name, _ in imports(file):
        other = layer(name)
        assert other == own or LEVEL[other] < LEVEL[own], f"{module(file)} imports {name}"


@pytest.mark.parametrize("file", FILES)
def test_private_names_stay_in_their_folder(file: Path) -> None:
    for name, what in imports(file):
        private = [p for p in (*name.split("."), what or "") if p.startswith("_")]
        home = MODULES[name].parent if name in MODULES else ROOT
        public = all(p.startswith("__") for p in private)
        assert public or home == file.parent, f"{module(file)} imports {name}, {what}"


def test_imports_make_no_cycle() -> None:
    """An import inside a function counts as well: it only hides a cycle."""
    ahead = {
        name: {n for n, _ in imports(file) if n in MODULES and n != name}
        for name, file in MODULES.items()
    }
    while ends := {name for name, others in ahead.items() if not others}:
        ahead = {name: others - ends for name, others in ahead.items() if name not in ends}
    assert not ahead


def test_the_rules_see_files_and_what_they_import() -> None:
    """Each of them holds of nothing at all."""
    found = {module(file): {name for name, _ in imports(file)} for file in FILES}
    assert {layer(name) for name in found} == set(LEVEL)
    assert "gan" in found["models.dcgan"]
    assert "errors" in found["weights"]


@pytest.mark.parametrize("file", FILES)
def test_no_file_is_too_long(file: Path) -> None:
    lines = len(file.read_text(encoding="utf-8").splitlines())
    assert lines <= LONGEST or file.name in LONG, f"{lines} lines"
