"""Registries of models, datasets, formats and metrics: each file in a folder is one entry.

The folders are `models/`, `datasets/`, `formats/` and `evaluation/metrics/`. To add an entry, add a
file. `fashion_mnist.py` becomes the entry `fashion-mnist`, and the first line of its docstring is
the summary that lists show. Names, summaries and constants are read from the source text. Only
`load` imports an entry, so `gan --help` does not wait for torch.

Installed packages can add models, datasets and formats (see `plugins`). Instead of the name of a
model or a dataset, users can type the path of a .py file of their own. Its name is then the stem:
`my_gan` for `./my_gan.py`.
"""

import ast
import difflib
import importlib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any

from gancli import plugins
from gancli.errors import UsageError

# The registries, and what messages call one entry of each.
NOUNS = {"models": "model", "datasets": "dataset", "formats": "format", "metrics": "metric"}
FOLDERS = {"metrics": "evaluation/metrics"}  # the folder, if its name is not the registry's
LISTINGS = {"models": "gan models", "datasets": "gan datasets list"}  # commands that list one
CLOSE, SHORTEST = 0.7, 3  # how similar two words are, of 1; letters of a start, at least
OPEN = ("models", "datasets", "formats")  # registries that installed packages can add to


@cache
def names(kind: str) -> tuple[str, ...]:
    """Return the names in a registry (a key of `NOUNS`), sorted. Imports none of the entries."""
    return tuple(sorted({*_built_in(kind), *_installed(kind)}))


def summary(kind: str, word: str) -> str:
    """Return the first docstring line of an entry, without importing it."""
    return (ast.get_docstring(_tree(kind, word)) or "").partition("\n")[0]


def declared(kind: str, word: str, constant: str, default: Any = None) -> Any:
    """Return a module-level constant of an entry, without importing it; else `default`.

    Finds `constant = ...` and `constant: type = ...`. Raises UsageError if the value is not a
    literal.
    """
    for node in _tree(kind, word).body:
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            continue
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if constant in map(ast.unparse, targets):
            return _literal(node.value, f"{constant} in {word}")
    return default


def fields(kind: str, word: str, name: str) -> list[str]:
    """Return the annotated names in the class `name` of an entry, without importing it."""
    classes = (node for node in _tree(kind, word).body if isinstance(node, ast.ClassDef))
    return [
        ast.unparse(node.target)
        for found in classes
        if found.name == name
        for node in found.body
        if isinstance(node, ast.AnnAssign)
    ]


def load(kind: str, word: str) -> ModuleType:
    """Import the entry `word`, or the .py file that it is the path of, and return the module.

    Only pass a word that the user typed: other words may come from a stranger's file, and a path in
    it must not run. Those are names, so `check` them first.

    Raises UsageError for an unknown name, a missing file and a name that exists twice. What the
    code of a file or a package raises is passed on.
    """
    if plugins.is_file(word):
        name_of(kind, word)
        return plugins.import_file(word)
    check(kind, word)
    if word in _installed(kind):
        return plugins.import_installed(_installed(kind)[word][0])
    package = FOLDERS.get(kind, kind).replace("/", ".")
    return importlib.import_module(f"gancli.{package}.{word.replace('-', '_')}")


def is_outside(kind: str, word: str) -> bool:
    """Return whether the entry `word` is defined by a file of the user's or another package."""
    return plugins.is_file(word) or word in _installed(kind)


def name_of(kind: str, word: str) -> str:
    """Return the name of an entry: `word` itself or, if that is the path of a file, its stem.

    Raises UsageError if `word` is unknown, if its file is missing, and if the name is already
    taken: a run could not tell which of the two it belongs to.
    """
    if not plugins.is_file(word):
        check(kind, word)
        return word
    path = plugins.find_file(word)
    name = path.stem.replace("_", "-")
    if taken := {name, path.stem} & {*names(kind)}:
        raise UsageError(
            f"{word} has the name of the {NOUNS[kind]} {taken.pop()}, which exists already.",
            hint=f"rename the file, for example to my_{path.name}",
        )
    return path.stem


def folded(word: str) -> str:
    """Return what is the same for `DCGAN_MNIST` and `dcgan-mnist`."""
    return word.lower().replace("_", "-")


def canonical(kind: str, word: str) -> str:
    """Return the entry that `word` names in any case, with `_` or `-`; else `word` itself."""
    name = folded(word)
    return name if word not in names(kind) and name in names(kind) else word


def check(kind: str, name: str) -> None:
    """Raise UsageError, with the closest name, unless registry `kind` has one entry `name`."""
    if name not in names(kind):
        known = names(kind)
        raise UsageError(
            f"Unknown {NOUNS[kind]} {name!r}{did_you_mean(name, known)} Known: {', '.join(known)}.",
            hint=LISTINGS.get(kind),
        )
    sources = [plugins.package(point) for point in _installed(kind).get(name, ())]
    sources = ["gancli", *sources] if name in _built_in(kind) else sources
    if len(sources) > 1:
        raise UsageError(
            f"The {NOUNS[kind]} {name} is defined by more than one package: {', '.join(sources)}.",
            hint=f"pip uninstall {sources[-1]}",
        )


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the end of a sentence: `. Did you mean 'x'?` if a known word is close, else `.`."""
    close = closest(word, known)
    return f". Did you mean {close!r}?" if close else "."


def closest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that starts with `word` or differs from it by a few letters, if any."""
    lower = {name.lower(): name for name in known}
    longer = [name for name in lower if name.startswith(word.lower()) and len(word) >= SHORTEST]
    close = longer or difflib.get_close_matches(word.lower(), lower, n=1, cutoff=CLOSE)
    return lower[close[0]] if close else None


def example_data(pairs: bool, direction: str = "A2B") -> str:
    """Return options of `gan train` that name a dataset of digits, or of `pairs`.

    `gan` draws both itself, so the command works without a download.
    """
    return f"--dataset toy-facades --direction {direction}" if pairs else "--dataset glyphs"


def _built_in(kind: str) -> set[str]:
    files = _folder(kind).glob("*.py")
    return {f.stem.replace("_", "-") for f in files if not f.stem.startswith("_")}


def _installed(kind: str) -> Mapping[str, tuple[EntryPoint, ...]]:
    return plugins.installed(kind) if kind in OPEN else {}


def _tree(kind: str, word: str) -> ast.Module:
    """Parse the source of an entry; empty if an installed package has no source for it."""
    path: Path | None = _folder(kind) / f"{word.replace('-', '_')}.py"
    if plugins.is_file(word):
        path = plugins.find_file(word)
    elif word in _installed(kind):
        path = plugins.find_source(_installed(kind)[word][0].module)
    return ast.parse(path.read_bytes(), str(path)) if path else ast.Module([], [])


def _literal(value: ast.expr, what: str) -> Any:
    try:
        return ast.literal_eval(value)
    except ValueError:
        raise UsageError(
            f"{what} must be a literal, because it is read without running the code.",
            hint="write out its value, such as True or ('.png',)",
        ) from None


def _folder(kind: str) -> Path:
    return Path(__file__).parent / FOLDERS.get(kind, kind)
