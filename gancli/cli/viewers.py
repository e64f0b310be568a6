"""Present a result: name it, draw it in the terminal, or open it in the system's viewer."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from gancli.cli import console
from gancli.formats import RECIPE_FORMATS

FRAME = 1 / 12  # seconds, at least: a terminal is not fast enough for more frames
PATIENCE = 2.0  # seconds in which a viewer that cannot be started has failed


def present(result: Path, made_by: Path, json_: bool, show: bool, open_: bool) -> None:
    """Print the path of a result, or with `json_` also that of the generator that made it.

    Draw it in the terminal with `show`, and open it in the system's viewer with `open_`.
    """
    console.result(as_json([result], made_by) if json_ else str(result))
    if show:
        _draw(result)
    if open_:
        open_file(result)


def as_json(files: Sequence[Path], generator: Path) -> str:
    """Return what --json prints of the files that a generator made."""
    return json.dumps({"files": [*map(str, files)], "generator": str(generator)}, indent=2)


def open_file(result: Path) -> None:
    """Open a file or a folder as a double click would, and do not wait for the viewer to end."""
    if not _opens(str(result.absolute())):
        console.say(f"This system has no program to open {result} with.")


def _opens(path: str) -> bool:
    """Start the viewer of the file at `path`. Return False if there is none, or it fails at once.

    The viewer does not get our streams: what it prints is not a result, and Ctrl-C is not for it.
    """
    null, program = subprocess.DEVNULL, "open" if sys.platform == "darwin" else "xdg-open"
    with suppress(OSError):
        if sys.platform == "win32":
            os.startfile(path)
            return True
        viewer = subprocess.Popen(
            [program, path], stdin=null, stdout=null, stderr=null, start_new_session=True
        )
        with suppress(subprocess.TimeoutExpired):
            return viewer.wait(PATIENCE) == 0
        viewer.returncode = 0  # it goes on without us; without this, Python warns about it
        return True
    return False


def _draw(result: Path) -> None:
    terminal = console.terminal()
    if terminal is None:
        console.say("--show draws only in a terminal.")
        return
    if result.suffix.lower() not in RECIPE_FORMATS:
        console.say(f"--show draws {', '.join(RECIPE_FORMATS)}, but not {result}.")
        return
    import numpy as np
    from PIL import ImageSequence
    from rich.live import Live

    from gancli.cli.preview import half_blocks
    from gancli.images import opened

    with opened(result) as picture, Live(console=terminal, auto_refresh=False) as live:
        for frame in ImageSequence.Iterator(picture):
            began = time.monotonic()
            height = 2 * (terminal.height - 2)
            width = min(terminal.width - 1, frame.width * height // frame.height)
            live.update(half_blocks(np.asarray(frame.convert("RGB")), width), refresh=True)
            shown = max(FRAME, frame.info.get("duration", 0) / 1000)
            if getattr(picture, "n_frames", 1) > 1:
                time.sleep(max(0.0, shown - (time.monotonic() - began)))
