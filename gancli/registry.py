"""A folder of files is a registry: a name per file, a summary from its docstring, nothing imported.

`models/`, `datasets/`, `formats/` and `evaluation/metrics/` are each such a folder. The file
`fashion_mnist.py` is the entry `fashion-mnist`; its first docstring line is what lists show. Only
`load` imports, so that `gan --help` never waits for torch.
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

NOUNS = {"models": "model", "datasets": "data set", "formats": "format", "metrics": "metric"}
FOLDERS = {"metrics": "evaluation/metrics"}  # those that do not go by the name of the registry
LISTINGS = {"models": "gan train --help", "datasets": "gan datasets list"}


@cache
def names(kind: str) -> tuple[str, ...]:
    """The entries of a registry (one of `NOUNS`), sorted."""
    files = _folder(kind).glob("*.py")
    return tuple(sorted(f.stem.replace("_", "-") for f in files if not f.stem.startswith("_")))


def summary(kind: str, name: str) -> str:
    """The first docstring line of an entry, read without importing it."""
    source = _path(kind, name).read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]


def declared(kind: str, name: str, word: str, otherwise: Any = None) -> Any:
    """The value of the literal `word = ...`, or `word: type = ...`, read without importing it."""
    tree = ast.parse(_path(kind, name).read_text(encoding="utf-8"))
    for node in tree.body:
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            continue
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if word in map(ast.unparse, targets):
            return ast.literal_eval(node.value)
    return otherwise


def load(kind: str, name: str) -> ModuleType:
    """Import an entry. Raises UsageError for a name that is not there."""
    check(kind, name)
    package = FOLDERS.get(kind, kind).replace("/", ".")
    return importlib.import_module(f"gancli.{package}.{name.replace('-', '_')}")


def check(kind: str, name: str) -> None:
    """Raise UsageError, with the nearest name, unless `name` is an entry of `kind`."""
    if name not in names(kind):
        known = names(kind)
        raise UsageError(
            f"There is no {NOUNS[kind]} called {name!r}{did_you_mean(name, known)} "
            f"Known: {', '.join(known)}.",
            hint=LISTINGS.get(kind),
        )


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`. Did you mean 'x'?` for a near miss, else a full stop."""
    near = difflib.get_close_matches(word.lower(), list(known), n=1, cutoff=0.5)
    return f". Did you mean {near[0]!r}?" if near else "."


def _path(kind: str, name: str) -> Path:
    return _folder(kind) / f"{name.replace('-', '_')}.py"


def _folder(kind: str) -> Path:
    return Path(__file__).parent / FOLDERS.get(kind, kind)
