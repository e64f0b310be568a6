"""Our own sentences for mistakes on the command line, because typer's name types and validators."""

import enum
import inspect
import re
import typing
from collections.abc import Sequence
from typing import Any

from gancli.errors import UsageError
from gancli.registry import did_you_mean

NOUNS = {int: "a whole number", float: "a number"}


def usage_error(error: Any, root: Any, words: Sequence[str]) -> UsageError:
    """Convert typer's `error` about `words`, the arguments of the command group `root`."""
    path, command = _command(error, root, words)
    return UsageError(*_sentence(error, path, command, words))


def _command(error: Any, root: Any, words: Sequence[str]) -> tuple[str, Any]:
    """Return the command that is wrong, as typed and as typer's object."""
    if context := getattr(error, "ctx", None):
        return context.command_path, context.command
    path, command = "gan", root
    for word in words:
        if word not in getattr(command, "commands", {}):
            break
        path, command = f"{path} {word}", command.commands[word]
    return path, command


def _sentence(error: Any, path: str, command: Any, words: Sequence[str]) -> tuple[str, str]:
    """Return the message for `error`, and the command to type next."""
    message, to_help = str(error.format_message()), f"{path} --help"
    kind = type(error).__name__
    parameter: Any = getattr(error, "param", None)
    if kind == "NoSuchOption":
        options = [option for p in command.params for option in (*p.opts, *p.secondary_opts)]
        guess = did_you_mean(error.option_name, options)
        return f"{path} does not have an option {error.option_name}{guess}", to_help
    if kind == "BadOptionUsage":
        needs = "does not take" if "not take" in message else "needs"
        return f"{error.option_name} {needs} a value.", to_help
    if kind == "MissingParameter":
        is_option = parameter.param_type_name == "option"
        missing = parameter.opts[0] if is_option else _declared(command, parameter)[1].metavar
        return f"{path} needs {missing}.", to_help
    if kind == "BadParameter" and parameter is not None:
        return _bad_value(parameter, command, words, to_help)
    if found := re.match(r"No such command '(.*?)'", message, re.DOTALL):
        guess = did_you_mean(found[1], command.commands)
        return f"{path} does not have a command {found[1]!r}{guess}", to_help
    if found := re.match(r"Got unexpected extra arguments?(?:\(s\))? \((.*)\)", message, re.DOTALL):
        return f"{path} does not expect {found[1]!r} there.", to_help
    return f"{message.rstrip('.?')}.", to_help


def _bad_value(parameter: Any, command: Any, words: Sequence[str], to_help: str) -> tuple[str, str]:
    """Return what an option must be and what was given, and the option with a valid value."""
    option, given = _typed(parameter.opts, words)
    hint, declared = _declared(command, parameter)
    kind = next(k for k in (*typing.get_args(hint), hint) if k is not type(None))
    choices = _choices(hint)
    valid = next((v for v in (parameter.default, declared.min, *choices) if v is not None), None)
    expected = (
        " or ".join((", ".join(choices[:-1]), choices[-1])) if choices else _number(kind, declared)
    )
    shown = "" if given is None else f", not {given if _is_number(given) else repr(given)}"
    next_ = to_help if valid is None else f"{option} {valid}"
    return f"{option} must be {expected}{shown}.", next_


def _declared(command: Any, parameter: Any) -> tuple[Any, Any]:
    """Return the type of a parameter and its typer.Option or typer.Argument, as we wrote them."""
    hints = typing.get_type_hints(inspect.unwrap(command.callback), include_extras=True)
    hint, declared = typing.get_args(hints[parameter.name])[:2]  # of Annotated
    return hint, declared


def _choices(hint: Any) -> list[str]:
    """Return the words that a parameter takes: those of a Literal or an enum, or none."""
    for kind in (hint, *typing.get_args(hint)):
        if isinstance(kind, type) and issubclass(kind, enum.Enum):
            return [str(choice.value) for choice in kind]
        if typing.get_origin(kind) is typing.Literal:
            return list(typing.get_args(kind))
    return []


def _number(kind: Any, declared: Any) -> str:
    """Return what kind of number a parameter takes, with the limits that it declares."""
    noun, low, high = NOUNS.get(kind, "valid"), declared.min, declared.max
    if low is None:
        return noun
    return f"{noun}, {low:,} or more" if high is None else f"{noun} from {low:,} to {high:,}"


def _typed(options: Sequence[str], words: Sequence[str]) -> tuple[str, str | None]:
    """Return the last of `options` in `words`, as typed, with its value; None if there is none."""
    found: tuple[str, str | None] = (max(options, key=len), None)
    for word, following in zip(words, [*words[1:], None], strict=True):
        for option in options:
            joined = f"{option}=" if option.startswith("--") else option  # --count=3 or -n3
            if word == option:
                found = (option, following)
            elif word.startswith(joined):
                found = (option, word.removeprefix(joined))
    return found


def _is_number(word: str) -> bool:
    return re.fullmatch(r"-?[\d.]+", word) is not None
