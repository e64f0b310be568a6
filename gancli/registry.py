"""Registries of models, datasets, formats and metrics: each file in a folder is one entry.

The folders are `models/`, `datasets/`, `formats/` and `evaluation/metrics/`. To add an entry, add a
file. `fashion_mnist.py` becomes the entry `fashion-mnist`, and the first line of its docstring is
the summary that lists show. Names, summaries and constants are read from the source text. Only
`load` imports an entry, so `gan --help` does not wait for torch.
"""

import ast
import difflib
import importlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from gancli.errors import UsageError

# The registries, and what messages call one entry of each.
NOUNS = {"models": "model", "datasets": "dataset", "formats": "format", "metrics": "metric"}
FOLDERS = {"metrics": "evaluation/metrics"}  # the folder, if its name is not the registry's
LISTINGS = {"models": "gan train --help", "datasets": "gan datasets list"}  # commands that list one


@cache
def names(kind: str) -> tuple[str, ...]:
    """Return the names in a registry (a key of `NOUNS`), sorted."""
    files = _folder(kind).glob("*.py")
    return tuple(sorted(f.stem.replace("_", "-") for f in files if not f.stem.startswith("_")))


def summary(kind: str, name: str) -> str:
    """Return the first docstring line of an entry, without importing it."""
    source = _path(kind, name).read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]


def declared(kind: str, name: str, constant: str, default: Any = None) -> Any:
    """Return a module-level constant of an entry, without importing it; else `default`.

    Finds `constant = ...` and `constant: type = ...`. The value must be a literal.
    """
    tree = ast.parse(_path(kind, name).read_text(encoding="utf-8"))
    for node in tree.body:
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            continue
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if constant in map(ast.unparse, targets):
            return ast.literal_eval(node.value)
    return default


def load(kind: str, name: str) -> ModuleType:
    """Import an entry and return its module. Raises UsageError for an unknown name."""
    check(kind, name)
    package = FOLDERS.get(kind, kind).replace("/", ".")
    return importlib.import_module(f"gancli.{package}.{name.replace('-', '_')}")


def check(kind: str, name: str) -> None:
    """Raise UsageError, with the closest name, if registry `kind` has no entry `name`."""
    if name not in names(kind):
        known = names(kind)
        raise UsageError(
            f"Unknown {NOUNS[kind]} {name!r}{did_you_mean(name, known)} Known: {', '.join(known)}.",
            hint=LISTINGS.get(kind),
        )


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the end of a sentence: `. Did you mean 'x'?` if a known word is close, else `.`."""
    close = difflib.get_close_matches(word.lower(), list(known), n=1, cutoff=0.5)
    return f". Did you mean {close[0]!r}?" if close else "."


def _path(kind: str, name: str) -> Path:
    return _folder(kind) / f"{name.replace('-', '_')}.py"


def _folder(kind: str) -> Path:
    return Path(__file__).parent / FOLDERS.get(kind, kind)
