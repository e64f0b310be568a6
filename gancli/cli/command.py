"""A command of `gan`: other words for its options, and a help without bounds."""

from typing import Any

from typer.core import TyperCommand

# Other words for the same idea. The help leaves them out, so that it has one word for each.
ALIASES = {
    "--seeds": ("--z-seed", "--z-seeds"),
    "--labels": ("--label", "--classes"),
}
VALUES = {"--device": {"gpu": "cuda"}}  # of an option, in lower case


class Command(TyperCommand):
    """A command that takes aliases, and whose help leaves out the bounds of numbers.

    A message names the bounds when they matter. At 80 columns there is no room for
    `0<=x<=4294967295`.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse `args` with aliases replaced by the words of the help."""
        known = {option for parameter in self.params for option in parameter.opts}
        typed: list[str] = super().parse_args(ctx, without_aliases(args, known))
        return typed

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help."""
        from typer import rich_utils

        rich_utils.RANGE_STRING = ""
        super().format_help(ctx, formatter)


def without_aliases(args: list[str], known: set[str]) -> list[str]:
    """Replace the aliases of the options in `known`: `--z-seed 3` becomes `--seeds 3`."""
    words = {alias: word for word in ALIASES.keys() & known for alias in ALIASES[word]}
    replaced, values = [], dict[str, str]()  # the other words for the next argument
    for arg in args:
        option, equals, value = arg.partition("=") if arg.startswith("--") else (arg, "", "")
        option = values.get(option.lower(), words.get(option, option))
        values = VALUES.get(option, {}) if option in known else {}
        replaced.append(option + equals + values.get(value.lower(), value))
    return replaced
