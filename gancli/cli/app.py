"""The command `gan`, and the only place that turns exceptions into error messages.

No import at the top of this module imports torch, so `gan --help` is fast.
"""

import atexit
import os
import re
import signal
import sys
from typing import Annotated, Any, NoReturn

import typer

import gancli
from gancli.cli import console, datasets
from gancli.cli.evaluate import evaluate
from gancli.cli.sample import interpolate, sample, sweep
from gancli.cli.train import train
from gancli.cli.translate import translate
from gancli.errors import GanError, UsageError

EMPTY_OPTION = re.compile("--[^=]*=")  # such as `--out=`

app = typer.Typer(
    help="Train classic GANs and play with what they learned.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (train, sample, sweep, interpolate, translate, evaluate):
    app.command()(command)
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


def main() -> None:
    """Run the command line (the entry point of `gan`); print a failure as one sentence."""
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
        raise SystemExit(app(prog_name="gan", standalone_mode=False))
    except GanError as error:
        _exit(error, error)
    except _ClickException as error:
        if not error.format_message():  # no command was given, and typer has printed the help
            raise SystemExit(2) from None
        _exit(error, _usage_error(error))
    except Exception as error:  # a user never sees a traceback
        hint = "put GAN_DEBUG=1 in front of the command to see the traceback"
        _exit(error, GanError(_sentence(error), hint))


def _usage_error(error: Any) -> GanError:
    """Convert typer's error about the command line into one of ours."""
    where = error.ctx.command_path if getattr(error, "ctx", None) else "gan"
    message = error.format_message().replace("Value error, ", "")
    stop = "" if message.endswith((".", "?")) else "."
    return UsageError(message + stop, hint=f"{where} --help")


def _exit(error: Exception, shown: GanError) -> NoReturn:
    """Print `shown` and exit with its code; with GAN_DEBUG set, raise the original `error`."""
    if os.environ.get("GAN_DEBUG"):
        raise error
    console.fail(shown)
    raise SystemExit(shown.exit_code)


def _sentence(error: Exception) -> str:
    """Return the message for an exception that is not a GanError."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        smaller = "try a smaller --batch-size or --image-size"
        advice = smaller if sys.argv[1:2] == ["train"] else "try fewer or smaller pictures"
        return f"There is not enough memory: {advice}."
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'A file'}: {error.strerror}."
    return f"Internal error: {type(error).__name__}: {error}"
