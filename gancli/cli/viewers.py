"""Look at a result: in the terminal, or in the system's viewer."""

import time
from pathlib import Path

import typer

from gancli.cli import console
from gancli.formats import RECIPE_FORMATS

FRAME = 1 / 12  # seconds, at least: a terminal is not fast enough for more frames


def present(result: Path, show: bool, open_: bool) -> None:
    """Print the path of a result; draw it in the terminal, or open it in a viewer, as asked."""
    console.result(str(result))
    if show:
        _draw(result)
    if open_:
        _open(result)


def _open(result: Path) -> None:
    try:
        failed = typer.launch(str(result.absolute()))
    except OSError:
        failed = 1
    if failed:
        console.say(f"This system has no program to open {result} with.")


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
