"""`gan runs`: list the trained runs and pretrained generators, describe one, or remove a run."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from gancli import pretrained
from gancli.cli import completion, console
from gancli.cli.options import JsonOpt
from gancli.errors import UsageError
from gancli.plans import FILE
from gancli.sampling.find import RUNS, find
from gancli.sampling.runs import RunSummary, pretrained_summaries, summaries
from gancli.weights import GENERATOR, Best, Header, read_generator

FILES = (GENERATOR, FILE)  # a run that was stopped before its first checkpoint has only the plan
COLUMNS = ("name", "model", "data", "epochs", "best", "MB", "last trained")


def runs(
    ref: Annotated[
        str | None,
        typer.Argument(
            metavar="REF",
            autocompletion=completion.runs,
            help="Describe this run or generator file.",
            show_default=False,
        ),
    ] = None,
    remove: Annotated[
        str | None,
        typer.Option("--remove", metavar="NAME", help="Delete the run NAME with all its files."),
    ] = None,
    json_: JsonOpt = False,
) -> None:
    """List the runs in the folder runs/, the newest first, or describe the generator REF.

    The pretrained generators that come with gan follow. Any command takes their names.

    Example: gan runs
    """
    if remove is not None:
        _remove(remove)
    elif ref is not None:
        _describe(find(ref), json_)
    else:
        _list(json_)


def _list(json_: bool) -> None:
    found, ready = summaries(), pretrained_summaries()
    if json_:
        console.result(json.dumps([_as_json(run) for run in (*found, *ready)], indent=2))
        return
    if not found:
        console.say(
            "There are no runs in runs/ yet. To train one: gan train dcgan --dataset glyphs"
        )
    console.table(COLUMNS, [_row(run) for run in (*found, *ready)])


def _row(run: RunSummary) -> tuple[str, ...]:
    return (
        run.name,
        run.header.model,
        run.header.dataset.name,
        _progress(run),
        _best(run.best),
        f"{run.size / 1e6:,.0f}",
        "pretrained" if run.pretrained else f"{run.modified:%Y-%m-%d %H:%M}",
    )


def _progress(run: RunSummary) -> str:
    if run.epochs is None:
        return f"{run.epochs_done:.3g}"
    # The last batch may go beyond the last epoch.
    return f"{min(run.epochs_done, run.epochs):.3g}/{run.epochs:g}"


def _best(best: Best | None) -> str:
    return f"{best.measure} {best.value:.4g} (epoch {best.epoch})" if best else ""


def _as_json(run: RunSummary) -> dict[str, Any]:
    return {
        "name": run.name,
        "pretrained": run.pretrained,
        "model": run.header.model,
        "dataset": run.header.dataset.name,
        "epochs_done": round(run.epochs_done, 3),
        "epochs": run.epochs,
        "best": asdict(run.best) if run.best else None,
        "bytes": run.size,
        "modified": run.modified.isoformat(timespec="seconds"),
    }


def _describe(file: Path, json_: bool) -> None:
    header = read_generator(file)
    if json_:
        console.result(json.dumps({"file": str(file), **header.as_dict()}, indent=2))
    else:
        console.table(("", str(file)), _header_rows(header))


def _header_rows(header: Header) -> list[tuple[str, str]]:
    """A row for each field of the header; those of nested objects as `dataset.name`."""
    rows = []
    for key, value in header.as_dict().items():
        inner = value.items() if isinstance(value, dict) else [("", value)]
        rows += [(f"{key}.{name}".rstrip("."), _shown(item)) for name, item in inner]
    return rows


def _shown(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _remove(name: str) -> None:
    from gancli.training.folder import RunFolder

    if name not in {found.parent.name for file in FILES for found in RUNS.glob(f"*/{file}")}:
        if name in pretrained.NAMES:
            raise UsageError(f"{name} comes with gan, so it cannot be removed.", hint="gan runs")
        raise UsageError(f"There is no run {name} in {RUNS}/.", hint="gan runs")
    folder = RunFolder(RUNS / name)
    folder.claim()
    if folder.remove():
        console.say(f"Removed the run {name}.")
    else:
        console.say(f"Removed the run {name}. Files that gan did not make stay in {folder}.")
