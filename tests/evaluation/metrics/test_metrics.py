"""The registry of metrics: one file is enough to add a metric."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import gancli
from gancli import registry
from gancli.evaluation import metrics

FILES = registry.names("metrics")

ADDED = '''"""How bright translations are, for a test."""

from gancli.evaluation.metrics import Kind, Metric

IN_TRAINING = ("brightness",)
BEST_EPOCH_METRICS = ("brightness",)

METRICS = (
    Metric(
        name="brightness",
        title="mean brightness",
        of=Kind.PHOTOS,
        better="lower",
        show="{:.1f} of 255".format,
        compute=lambda photos: float(photos.generated[0].mean()),
        protocol=lambda photos: "brightness of the first",
        place=0,
    ),
)
'''

USED = """
import json, sys
from gancli.evaluation import metrics
names, best = metrics.in_training_names(), metrics.best_epoch_metric(["l1", "brightness"])
assert "torch" not in sys.modules
import numpy as np
from gancli.evaluation.evaluate import measure
from gancli.evaluation.evidence import Translations
gray = np.full((16, 16, 1), 51, np.uint8)
found = measure(Translations(generated=[gray], truth=[gray]), in_training=True)
shown = {"rows": found.rows(), "dict": found.as_dict(), "numbers": found.numbers()}
print(json.dumps({**shown, "names": names, "best": best}))
"""


def test_adding_a_file_adds_a_metric(tmp_path: Path) -> None:
    shutil.copytree(Path(gancli.__file__).parent, tmp_path / "gancli")
    (tmp_path / "gancli" / "evaluation" / "metrics" / "brightness.py").write_text(ADDED)
    found = json.loads(
        subprocess.run(
            [sys.executable, "-c", USED],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    )
    assert found["rows"][0] == ["mean brightness", "51.0 of 255"]
    assert found["rows"][-1][1].startswith("means over pairs; brightness of the first; SSIM")
    assert found["dict"]["brightness"] == 51
    assert found["numbers"] == {"brightness": 51, "l1": 0, "ssim": pytest.approx(1)}
    assert {*found["names"]} == {*metrics.in_training_names(), "brightness"}
    assert found["best"] == "brightness"


def test_the_frechet_distance_chooses_the_best_epoch() -> None:
    assert metrics.best_epoch_metric(["g_loss", "classes_hit", "frechet"]) == "frechet"
    assert metrics.best_epoch_metric(["g_loss", "l1", "ssim"]) is None


@pytest.mark.parametrize("file", FILES)
def test_declared_names_are_metrics_of_the_file(file: str) -> None:
    known = {m.name: m for m in registry.load("metrics", file).METRICS}
    trained = registry.declared("metrics", file, "IN_TRAINING", ())
    best = registry.declared("metrics", file, "BEST_EPOCH_METRICS", ())
    assert set(best) <= set(trained) <= set(known)
    assert all(known[name].better == "lower" for name in best)


def test_metrics_of_the_same_kind_have_different_names() -> None:
    for pictures in (metrics.Kind.SAMPLES, metrics.Kind.LABEL_MAPS, metrics.Kind.PHOTOS):
        names = [m.name for m in metrics.every() if m.of in pictures]
        assert names
        assert len(set(names)) == len(names)
