"""How the rest of the code talks to its user: a line of conversation, and progress.

The command line passes functions that print; the Python API and the tests pass others, or `silent`.
"""

from collections.abc import Callable

Say = Callable[[str], None]  # takes one line of conversation
Progress = Callable[[str, int, "int | None"], None]  # takes what, how much is done, of how much


def silent(*_: object) -> None:
    """A `Say` or a `Progress` that shows nothing."""
