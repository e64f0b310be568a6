"""The plan of a run that is to be resumed, also if an earlier version has written it.

A setting that this version has added is missing in plans of earlier ones. Its default in `Settings`
stands for what they did; what new runs do is in the preset. So `fill` takes the default, and
`preset_of` leaves such settings out of the preset.
"""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from gancli import models
from gancli.config import Job
from gancli.training import distributed
from gancli.training.folder import RunFolder

ADDED = "added"  # in a filled plan: the names of the settings that run.json does not have


def saved_plan(job: Job) -> dict[str, Any] | None:
    """The plan of the run to resume in the job's folder, as rank 0 finds it, filled.

    None if the folder has no run, or with `--fresh`. Raises FileError if the run is damaged.
    """
    plan = None
    if distributed.is_rank_zero() and not job.fresh:
        plan = RunFolder(job.folder).saved_plan()
    data = distributed.broadcast_bytes(json.dumps(plan).encode())
    shared: dict[str, Any] | None = json.loads(data)
    return shared and fill(shared, models.load(job.model).Settings)


def fill(plan: dict[str, Any], settings_type: Any) -> dict[str, Any]:
    """Return a plan with the defaults of the settings that it lacks, whose names are in ADDED."""
    defaults = {
        f.name: f.default
        for f in dataclasses.fields(settings_type)
        if f.name not in plan["settings"] and f.default is not dataclasses.MISSING
    }
    return {**plan, "settings": {**plan["settings"], **defaults}, ADDED: list(defaults)}


def preset_of(plan: Mapping[str, Any] | None, preset: Mapping[str, Any]) -> dict[str, Any]:
    """Return the preset without the settings that the run to resume was started before."""
    return {k: v for k, v in preset.items() if plan is None or k not in plan[ADDED]}
