"""Our own sentences for mistakes on the command line, because typer's name types and validators."""

import enum
import inspect
import re
import shlex
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gancli import registry
from gancli.cli import next_command
from gancli.errors import UsageError
from gancli.registry import did_you_mean

NOUNS = {int: "a whole number", float: "a number"}
# Words that other tools have, and where to find the same here.
ELSEWHERE = {"list": "models", "ls": "runs", "version": "--version", "generate": "sample"}
EXAMPLES = {  # values of options that have no default
    "epochs": "25",
    "minutes": "5",
    "image_size": "64",
    "batch_size": "64",
    "lr": "0.0002",
    "z_dim": "100",
    "count": "64",
    "scale": "4",
    "steps": "50",
    "samples": "10000",
}


def usage_error(error: Any, root: Any, words: Sequence[str]) -> UsageError:
    """Convert typer's `error` about `words`, the arguments of the command group `root`."""
    path, command = _command(error, root, words)
    return UsageError(*_sentence(error, path, command, words))


def _command(error: Any, root: Any, words: Sequence[str]) -> tuple[str, Any]:
    """Return the command that is wrong, as typed and as typer's object."""
    if context := getattr(error, "ctx", None):
        return context.command_path, context.command
    count, command = next_command.find(root, words)
    return " ".join(["gan", *words[:count]]), command


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
        return _bad_option(error.option_name, message, command, to_help)
    if kind == "MissingParameter":
        return _missing(parameter, path, command, words)
    if kind == "BadParameter" and parameter is not None:
        return _bad_value(parameter, command, words, to_help)
    if found := re.match(r"No such command '(.*?)'", message, re.DOTALL):
        return _unknown_command(found[1], path, command, words)
    if found := re.match(r"Got unexpected extra arguments?(?:\(s\))? \((.*)\)", message, re.DOTALL):
        return f"{path} does not expect {found[1]!r} there.", to_help
    return f"{message.rstrip('.?')}.", to_help


def _unknown_command(word: str, path: str, group: Any, words: Sequence[str]) -> tuple[str, str]:
    """Return what to say about a command that does not exist, and the one that was meant."""
    message = f"{path} does not have a command {word!r}"
    if word == "help":
        count, _ = next_command.find(group, words[1:])
        return f"{message}: put --help at the end.", " ".join(
            ["gan", *words[1 : 1 + count], "--help"]
        )
    if word in ELSEWHERE and path == "gan":
        return f"{message}.", f"{path} {ELSEWHERE[word]}"
    if path == "gan" and word in registry.names("models"):
        return f"{message}.", f"gan train {word} {_dataset_for(word)}"
    return f"{message}{did_you_mean(word, group.commands)}", f"{path} --help"


def _bad_option(option: str, message: str, command: Any, to_help: str) -> tuple[str, str]:
    """Return what to say about an option without its value, or a flag with one."""
    if "not take" in message:
        return f"{option} does not take a value.", option
    parameter = next((p for p in command.params if option in p.opts), None)
    value = None if parameter is None else EXAMPLES.get(parameter.name, parameter.default)
    return f"{option} needs a value.", to_help if value is None else f"{option} {value}"


def _missing(parameter: Any, path: str, command: Any, words: Sequence[str]) -> tuple[str, str]:
    """Return what is missing, and the line to type: the help's example, or with a dataset."""
    if parameter.opts == ["--dataset"]:
        return f"{path} needs --dataset.", _with_dataset(words)
    missing = _declared(command, parameter)[1].metavar.rstrip(".")
    example = re.search(r"Example: (gan .*)", command.help or "")
    return f"{path} needs {missing}.", example[1] if example else f"{path} --help"


def _with_dataset(words: Sequence[str]) -> str:
    """Return `gan train dcgan --dataset mnist` for `train dcgan mnist`; else with some dataset."""
    for place, word in enumerate(words[1:], 1):
        named = word in registry.names("datasets") or Path(word).is_dir()
        if named or (place == 2 and not word.startswith("-")):  # after `train MODEL`
            rest = [*words[:place], *words[place + 1 :]]
            rest = rest if place > 1 else ["train", "dcgan", *rest[1:]]
            return shlex.join(["gan", *rest, "--dataset", word])
    return _dataset_for(words[1] if len(words) > 1 else "")


def _dataset_for(model: str) -> str:
    """Return options that name a dataset for `model` that needs no download."""
    known = model in registry.names("models")
    return registry.example_data(known and registry.declared("models", model, "PAIRS", False))


def _bad_value(parameter: Any, command: Any, words: Sequence[str], to_help: str) -> tuple[str, str]:
    """Return what an option must be and what was given, and the option with a valid value."""
    option, given = _typed(parameter.opts, words)
    hint, declared = _declared(command, parameter)
    kind = next(k for k in (*typing.get_args(hint), hint) if k is not type(None))
    choices = _choices(hint)
    example = EXAMPLES.get(parameter.name, parameter.default)
    valid = next((v for v in (example, declared.min, *choices) if v is not None), None)
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
