"""The callbacks through which code reports to the user: messages and progress.

Code below the command line never prints. It takes a `Say` and a `Progress` and calls them. The
command line passes functions that print. The Python API and the tests pass their own, or `silent`.
"""

from collections.abc import Callable

Say = Callable[[str], None]  # called with one line of text
Progress = Callable[[str, int, "int | None"], None]  # (what, done, total or None)


def silent(*_: object) -> None:
    """Ignore the report: a `Say` or `Progress` that shows nothing."""
