"""The command `gan`, and the one place where failures become sentences.

Nothing imported at the top imports torch: `gan --help` answers at once.
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

EMPTY = re.compile("--[^=]*=")  # an option that was given nothing

app = typer.Typer(
    help="Train the classic GANs and play with what they learned.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (train, sample, sweep, interpolate, translate, evaluate):
    app.command()(command)
app.add_typer(datasets.app, name="datasets")
# click's ClickException, or typer's own of that name: which, depends on the version.
_Refusal: Any = typer.BadParameter.__mro__[2]


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        console.result(f"gan {gancli.__version__}")
        raise typer.Exit()


def main() -> None:
    """The entry point: runs a command and says what went wrong, in one sentence."""
    try:
        _run()
    except SystemExit as end:
        one_of_several = os.environ.get("WORLD_SIZE", "1") != "1"
        if one_of_several or "torch.distributed.launcher.api" in sys.modules:
            # Threads of torch.distributed may outlive the interpreter, and abort. Another signal,
            # as the launcher sends its own, is none to heed any more.
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)
            atexit._run_exitfuncs()
            os._exit(int(end.code or 0))
        raise


def _run() -> NoReturn:
    try:
        if any(word == "" or EMPTY.fullmatch(word) for word in sys.argv[1:]):
            raise UsageError("A word of the command is empty: is a variable of the shell not set?")
        raise SystemExit(app(prog_name="gan", standalone_mode=False))
    except GanError as error:
        _end(error, error)
    except _Refusal as error:
        if not error.format_message():  # there was no command, and its help has been shown
            raise SystemExit(2) from None
        _end(error, _refused(error))
    except Exception as error:  # the last line of defence: no traceback reaches a user
        hint = "GAN_DEBUG=1 in front of the command shows where"
        _end(error, GanError(_sentence(error), hint))


def _refused(error: Any) -> GanError:
    """What typer says of words that it cannot read, said as all else is."""
    where = error.ctx.command_path if getattr(error, "ctx", None) else "gan"
    message = error.format_message().replace("Value error, ", "")
    stop = "" if message.endswith((".", "?")) else "."
    return UsageError(message + stop, hint=f"{where} --help")


def _end(error: Exception, said: GanError) -> NoReturn:
    if os.environ.get("GAN_DEBUG"):
        raise error
    console.fail(said)
    raise SystemExit(said.exit_code)


def _sentence(error: Exception) -> str:
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        training = "try a smaller --batch-size or --image-size"
        what = training if sys.argv[1:2] == ["train"] else "ask for fewer or smaller pictures"
        return f"There is not enough memory: {what}."
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'A file'}: {error.strerror}."
    return f"This should not have happened: {type(error).__name__}: {error}"
