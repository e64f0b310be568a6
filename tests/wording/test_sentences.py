"""Every message in the code, compared with the snapshot sentences.txt, and phrases to avoid.

Other tests check the kind of an error, the values in it and the command it suggests. The wording is
checked only here. After an intended change, update the snapshot and read its diff:

    GAN_UPDATE_SNAPSHOTS=1 pytest tests/wording
"""

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
FILES = sorted((ROOT / "gancli").rglob("*.py"))
SAY = {"say", "_say"}  # names of functions that print a message
# Phrases that read as translated. They are banned from code, tests and pages.
BANNED = (
    r"(?<!there )\b(is|are) no (?!longer|\w+er\b)",  # "X is no folder": write "X is not a folder"
    r"\banew\b",
    r"\bto be had\b",
    r"\bcannot be meant\b",
    r"\bnobody\b",
    r"\ball the same\b",
    r"\bfor want of\b",
    r"\bgone on with\b",
    r"\bsays? so\b",
)
PAGES = [
    *FILES,
    *sorted((ROOT / "tests").rglob("*.py")),
    *ROOT.glob("*.md"),
    *ROOT.glob("examples/*.[mp][dy]"),
]


def errors() -> set[str]:
    """Return the names of all error classes whose message is shown to the user."""
    classes = [
        node for file in FILES for node in ast.walk(parsed(file)) if isinstance(node, ast.ClassDef)
    ]
    found = {"GanError"}
    while more := {c.name for c in classes for b in c.bases if ast.unparse(b) in found} - found:
        found |= more
    return found


def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def text(node: ast.expr) -> str:
    """Return a literal string as it is, and any other expression as {code}."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(text(part) for part in node.values)
    if isinstance(node, ast.FormattedValue):
        return f"{{{ast.unparse(node.value)}}}"
    return f"{{{ast.unparse(node)}}}"


def sentences(file: Path, raised: set[str]) -> Iterator[str]:
    """Yield the messages and hints in a file, in the order of its lines."""
    calls = [n for n in ast.walk(parsed(file)) if isinstance(n, ast.Call) and n.args]
    for call in sorted(calls, key=lambda n: (n.lineno, n.col_offset)):
        name = call.func.attr if isinstance(call.func, ast.Attribute) else ast.unparse(call.func)
        if name in SAY:
            yield f"say: {text(call.args[0])}"
        elif name in raised:
            hints = [*call.args[1:2], *(k.value for k in call.keywords if k.arg == "hint")]
            yield "\n".join(
                [f"{name}: {text(call.args[0])}", *(f"    Next: {text(h)}" for h in hints)]
            )


def snapshot() -> str:
    """Return all messages, by file."""
    raised = errors()
    parts = []
    for file in FILES:
        if found := list(sentences(file, raised)):
            parts.append("\n".join([f"## {file.relative_to(ROOT).as_posix()}", *found]))
    return "\n\n".join(parts) + "\n"


def test_messages_match_the_snapshot() -> None:
    file, found = HERE / "sentences.txt", snapshot()
    if os.environ.get("GAN_UPDATE_SNAPSHOTS"):
        file.write_text(found, encoding="utf-8")
    assert found == file.read_text(encoding="utf-8")
    assert found.count("\n") > 200


@pytest.mark.parametrize("page", [p for p in PAGES if p != Path(__file__)], ids=str)
def test_no_file_contains_a_banned_phrase(page: Path) -> None:
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        for phrase in BANNED:
            assert not re.search(phrase, line, re.IGNORECASE), f"line {number}: {line.strip()}"
