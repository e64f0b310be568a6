"""Metrics (metrics.jsonl) that are wrong, hostile or damaged, and whose run is resumed."""

import json
import random
from pathlib import Path

from tests.fuzz import mutate, training_state
from tests.fuzz.harness import CACHE, Case

NAMES = ("d_loss", "g_loss", "k", "k_max", "real_spread", "fake_spread", "real_recognised")
NAMES += ("fake_recognised", "classes_hit", "g_gradient", "d_wins", "l1", "l_real", "x\n_loss")


def make(rng: random.Random, folder: Path) -> Case:
    """Change lines as JSON, add some, or change any bytes."""
    training_state.copy_run(folder)
    path = folder / "run" / "metrics.jsonl"
    data = path.read_bytes()
    if rng.random() < 0.2:
        path.write_bytes(mutate.spoiled(rng, data))
    else:
        path.write_text("\n".join(_changed(rng, data.splitlines())) + "\n", encoding="utf-8")
    return Case(commands=[training_state.resume(rng)], outputs=["run", CACHE])


def _changed(rng: random.Random, lines: list[bytes]) -> list[str]:
    changed = []
    for line in lines:
        record = json.loads(line)
        if rng.random() < 0.3:  # as if after many epochs, when the doctor begins to look
            record |= {"images_seen": rng.choice((8, 28, 10_000, 100_000))}
        for name in rng.sample(NAMES, rng.randrange(4)):
            record[name] = rng.choice(
                (0, 0.0, 1, -1, 1e-9, 0.4, 1e29, -1e29, 1e300, "x", [1], None)
            )
        text = mutate.json_text(rng, record) if rng.random() < 0.4 else json.dumps(record)
        changed += [text.replace("\n", " ")] * rng.choice((1,) * 10 + (0, 2, 100))
    return changed
