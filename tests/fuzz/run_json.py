"""Plans (run.json) that are wrong, hostile or damaged, and whose run is resumed."""

import json
import random
from pathlib import Path

from tests.fuzz import mutate, training_state
from tests.fuzz.harness import CACHE, Case


def make(rng: random.Random, folder: Path) -> Case:
    """Change a plan as JSON, or any bytes of it."""
    training_state.copy_run(folder)
    path = folder / "run" / "run.json"
    data = path.read_bytes()
    if rng.random() < 0.2:
        path.write_bytes(mutate.spoiled(rng, data))
    else:
        path.write_text(mutate.json_text(rng, json.loads(data)), encoding="utf-8")
    precision = rng.choice(("auto", "fp32"))  # auto takes that of the plan
    words = [precision if w == "fp32" else w for w in training_state.resume(rng)]
    return Case(commands=[words], outputs=["run", CACHE])
