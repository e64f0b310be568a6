"""The command to type next, in full: what was typed, with the options that a message suggests."""

import shlex
from collections.abc import Iterator, Sequence
from typing import Any

from gancli.cli.command import without_aliases

LEAVE_OUT = "leave out "
LONGEST = 400  # characters; a longer command is not shown again


def find(root: Any, words: Sequence[str]) -> tuple[int, Any]:
    """Return the command that `words` call, and how many of them are its name."""
    count, command = 0, root
    for word in words:
        if word not in getattr(command, "commands", {}):
            break
        count, command = count + 1, command.commands[word]
    return count, command


def completed(hint: str, words: Sequence[str], root: Any) -> str:
    """Return a whole command for a hint such as `--epochs 25` or `leave out --labels`.

    `words` is what was typed after `gan`, for the command group `root`. Any other hint is returned
    as it is.
    """
    left_out = hint.startswith(LEAVE_OUT)
    if not hint.startswith(("-", LEAVE_OUT)):
        return hint
    changes = _split(shlex.split(hint.removeprefix(LEAVE_OUT)))
    if changes is None:
        return hint
    count, command = find(root, words)
    if hint.startswith("--dataset ") and words[:1] == ["datasets"]:  # there, it is the argument
        return shlex.join(["gan", *words[:count], *shlex.split(hint)[1:], *words[count + 1 :]])
    options = {o: p for p in command.params for o in (*p.opts, *p.secondary_opts)}
    changed = [options.get(option.partition("=")[0]) for option, *_ in changes]
    if None in changed:
        return hint
    kept = _without(changed, without_aliases(list(words[count:]), set(options)), options)
    added = [] if left_out else [word for change in changes for word in change]
    command_line = shlex.join(["gan", *words[:count], *kept, *added])
    return hint if len(command_line) > LONGEST else command_line


def _split(words: list[str]) -> list[list[str]] | None:
    """Return each option of a hint with its value; None if there are other words, as in prose."""
    found: list[list[str]] = []
    for word in words:
        if word.startswith("-"):
            found.append([word])
        elif found and len(found[-1]) == 1:
            found[-1].append(word)
        else:
            return None
    return found


def _without(changed: Sequence[Any], words: list[str], options: dict[str, Any]) -> Iterator[str]:
    """Yield `words` without the options in `changed` and their values."""
    while words:
        word, *words = words
        short = word[:2] if word[:1] == "-" and word[1:2] != "-" else word  # -n3
        parameter = options.get(word.partition("=")[0]) or options.get(short)
        if parameter is None or parameter not in changed:
            yield word
        elif word in options and not parameter.is_flag and words and words[0][:2] != "--":
            words = words[1:]
