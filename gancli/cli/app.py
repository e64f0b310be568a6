"""The command `gan`, and the only place that turns exceptions into error messages.

No import at the top of this module imports torch, so `gan --help` is fast.
"""

import atexit
import os
import re
import signal
import sys
from functools import cache
from typing import Annotated, Any, NoReturn

import typer

import gancli
from gancli import plugins
from gancli.cli import console, datasets, environment
from gancli.cli.check_model import check_model
from gancli.cli.command import Command
from gancli.cli.env import env
from gancli.cli.evaluate import evaluate
from gancli.cli.films import interpolate, sweep
from gancli.cli.models import models
from gancli.cli.next_command import completed
from gancli.cli.runs import runs
from gancli.cli.sample import sample
from gancli.cli.train import train
from gancli.cli.translate import translate
from gancli.cli.usage import usage_error
from gancli.errors import STOPPED, GanError, UsageError, out_of_memory

OWN_CODE_HINT = "correct it, then run the same command again"
EMPTY_OPTION = re.compile("--[^=]*=")  # such as `--out=`

app = typer.Typer(
    help="Train classic GANs and play with what they learned.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
COMMANDS = (train, sample, sweep, interpolate, translate, evaluate, check_model, runs, models, env)
for command in COMMANDS:
    app.command(cls=Command)(command)
app.add_typer(datasets.app, name="datasets")
# ClickException. Newer versions of typer bundle click, so it cannot be imported from click.
_ClickException: Any = typer.BadParameter.__mro__[2]


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        console.result(f"gan {gancli.__version__}")
        raise typer.Exit()
    environment.check_folder()


def main() -> None:
    """Run the command line (the entry point of `gan`); print a failure as one sentence."""
    environment.prepare()
    try:
        _run()
    except SystemExit as end:
        one_of_several = os.environ.get("WORLD_SIZE", "1") != "1"
        if one_of_several or "torch.distributed.launcher.api" in sys.modules:
            # Threads of torch.distributed can outlive the interpreter and abort the process, so
            # leave with os._exit. Ignore signals from here on: the launcher may still send some.
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)
            atexit._run_exitfuncs()
            os._exit(int(end.code or 0))
        raise


def _run() -> NoReturn:
    try:
        if any(word == "" or EMPTY_OPTION.fullmatch(word) for word in sys.argv[1:]):
            raise UsageError("An argument is empty; perhaps a shell variable is not set.")
        code = app(prog_name="gan", standalone_mode=False)
        if code == STOPPED:  # typer has caught the KeyboardInterrupt
            console.say("Stopped.")
        raise SystemExit(code)
    except GanError as error:
        _exit(error, error)
    except _ClickException as error:
        if not error.format_message():  # no command was given, and typer has printed the help
            raise SystemExit(2) from None
        _exit(error, usage_error(error, _root(), sys.argv[1:]))
    except Exception as error:  # a user never sees a traceback, except that of code of their own
        if theirs := plugins.own_traceback(error):
            console.say(theirs.text)
            _exit(error, GanError(f"The error above is in {theirs.place}.", hint=OWN_CODE_HINT))
        hint = "put GAN_DEBUG=1 in front of the command to see the traceback"
        _exit(error, GanError(_sentence(error), hint))


@cache
def _root() -> Any:
    """The commands as typer has built them, to look up options in."""
    return typer.main.get_command(app)


def _exit(error: Exception, shown: GanError) -> NoReturn:
    """Print `shown` and exit with its code; with GAN_DEBUG set, raise the original `error`."""
    if os.environ.get("GAN_DEBUG"):
        raise error
    hint = shown.hint and completed(shown.hint, sys.argv[1:], _root())
    console.fail(shown.message, hint)
    raise SystemExit(shown.exit_code)


def _sentence(error: Exception) -> str:
    """Return the message for an exception that is not a GanError."""
    if out_of_memory(error):
        smaller = "try a smaller --batch-size or --image-size"
        advice = smaller if sys.argv[1:2] == ["train"] else "try fewer or smaller pictures"
        return f"There is not enough memory: {advice}."
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'A file'}: {error.strerror}."
    return f"Internal error: {type(error).__name__}: {error}"
