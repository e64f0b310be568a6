"""Imports go down only: a newcomer can read any room without the ones above it."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "gancli"
# What each room may import from gancli, at the top of the module or inside a function.
MAY = {
    "models": {"gan", "losses", "layers", "strided"},
    "datasets": {"datasets", "errors", "registry", "files", "download"},
    "formats": {"formats", "errors", "registry", "files", "images"},
    "capture": set(),
    "ema": set(),
    "stats": set(),
    "losses": set(),
    "layers": {"strided"},
    "strided": set(),
    "errors": set(),
    "gan": {"errors"},
    "latents": set(),
    "hardware": {"errors", "memory", "strided"},
    "memory": set(),
    "registry": {"errors"},
    "augment": set(),
    "resident": {"augment", "gan"},
    "streaming": {"datasets", "errors", "gan", "resident"},
    "translate": {"gan", "images"},
    "pairs": {"datasets", "images"},
    "distributed": {"errors", "gan"},
    "plateau": set(),
    "vitals": set(),
    "doctor": set(),
    "trainer": {
        "capture",
        "config",
        "distributed",
        "ema",
        "gan",
        "plateau",
        "resident",
        "stats",
        "streaming",
        "vitals",
    },
    "evaluate": {"checkpoint", "datasets", "errors", "images"},
}


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "gancli":
            inside = (node.module or "").split(".")[1:2]
            found |= set(inside) if inside else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("gancli.")}
    return found


@pytest.mark.parametrize("room", MAY)
def test_a_room_imports_only_from_below(room: str) -> None:
    files = list((ROOT / room).glob("*.py")) if (ROOT / room).is_dir() else [ROOT / f"{room}.py"]
    assert files
    for file in files:
        assert imported(file) <= MAY[room], file.name
