"""Code from outside the package: a file that the user named, or an installed package.

Nothing else runs such code. The header of a generator, a recipe in a picture and every other file
that may come from a stranger can name a model, but never a file to import.

A package adds to a registry with an entry point, whose value is a module:

    [project.entry-points."gancli.models"]
    wgan-gp = "my_package.wgan_gp"
"""

import hashlib
import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType

from gancli.errors import UsageError

SUFFIX = ".py"
DIGITS = 16  # hex digits of the SHA-256 that identifies a file

# The files and folders whose code may run, to recognise them in a traceback.
_outside: set[Path] = set()


def is_file(word: str) -> bool:
    """Return whether `word` names a file of the user's, and not an entry of a registry."""
    return word.endswith(SUFFIX)


def find_file(word: str) -> Path:
    """Return the absolute path of the file that `word` names. Raises UsageError without one."""
    path = Path(word).expanduser().absolute()
    if not path.is_file():
        raise UsageError(f"There is no file {word}.", hint="give the path of a .py file")
    _outside.add(path)
    return path


def digest(word: str) -> str:
    """Return the first hex digits of the SHA-256 of a file; modules that it imports do not count.

    It tells whether the code was edited since.
    """
    return hashlib.sha256(find_file(word).read_bytes()).hexdigest()[:DIGITS]


def import_file(word: str) -> ModuleType:
    """Run the file that `word` names and return it as a module; again only if it was edited."""
    path = find_file(word)
    return _run(path, path.read_bytes())


@cache
def _run(path: Path, source: bytes) -> ModuleType:
    # Dataclasses look their module up by its name, which must not hide another module.
    unique = hashlib.sha256(bytes(path) + source).hexdigest()[:DIGITS]
    module = ModuleType(f"{path.stem}_{unique}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module
    exec(compile(source, str(path), "exec"), module.__dict__)
    return module


@cache
def installed(kind: str) -> Mapping[str, tuple[EntryPoint, ...]]:
    """Return the entries that installed packages add to a registry, by name, without importing."""
    found: dict[str, tuple[EntryPoint, ...]] = {}
    for point in entry_points(group=f"gancli.{kind}"):
        found[point.name] = (*found.get(point.name, ()), point)
    return found


def package(point: EntryPoint) -> str:
    """Return the name of the package that an entry point comes from, as pip knows it."""
    return point.dist.name if point.dist else "unknown"


def import_installed(point: EntryPoint) -> ModuleType:
    """Import the module that an entry point names."""
    find_source(point.module)
    module: ModuleType = point.load()
    return module


def find_source(module: str) -> Path | None:
    """Return the source file of a module without importing its packages; None if it has none."""
    name, where, spec = "", None, None
    for part in module.split("."):
        name = f"{name}.{part}".lstrip(".")
        finders = (finder.find_spec(name, where) for finder in sys.meta_path)
        spec = next((found for found in finders if found), None)
        if spec is None:
            return None
        where = spec.submodule_search_locations
    if spec is None or spec.origin is None or not is_file(spec.origin):
        return None
    path = Path(spec.origin)
    alone = "." not in module and path.stem != "__init__"
    _outside.add(path if alone else path.parent)
    return path


@dataclass(frozen=True)
class OwnTraceback:
    """The part of a traceback that is in code from outside the package, and its last line."""

    text: str
    place: str  # "my_gan.py, line 3"


def own_traceback(error: BaseException) -> OwnTraceback | None:
    """Return the part of a traceback in code from outside the package; None if it has none.

    The frames of gan, of torch and of Python's import system are left out: they do not help the
    author of that code. If memory ran out, the cause is elsewhere, so the result is None.
    """
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return None
    frames = [f for f in traceback.extract_tb(error.__traceback__) if _is_outside(f.filename)]
    lines = ["Traceback (most recent call last):\n", *traceback.format_list(frames)]
    last = traceback.format_exception_only(error)
    if isinstance(error, SyntaxError) and _is_outside(error.filename or ""):
        return OwnTraceback("".join(last).rstrip(), _place(str(error.filename), error.lineno))
    if not frames:
        return None
    return OwnTraceback("".join([*lines, *last]).rstrip(), _place(*frames[-1][:2]))


def _place(file: str, line: int | None) -> str:
    return f"{Path(file).name}, line {line}"


def _is_outside(file: str) -> bool:
    return any(Path(file).is_relative_to(where) for where in _outside)
