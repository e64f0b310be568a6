"""The registry of metrics: one file is enough to add a metric."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import gancli
from gancli.evaluation import metrics

ADDED = '''"""How bright translations are, for a test."""

from gancli.evaluation.metrics import EvidenceMetric, Kind

METRICS = (
    EvidenceMetric(
        name="brightness",
        title="mean brightness",
        of=Kind.PHOTOS,
        better="lower",
        show="{:.1f} of 255".format,
        compute=lambda photos: float(photos.generated[0].mean()),
        protocol=lambda photos: "brightness of the first",
        place=0,
        in_training=True,
        best_epoch=True,
    ),
)
'''

USED = """
import json, sys
from gancli.evaluation import metrics
assert "torch" not in sys.modules
best = metrics.best_epoch_metric(["val_l1", "val_brightness"])
import numpy as np
from gancli.evaluation.evaluate import measure, numbers
from gancli.evaluation.evidence import Translations
gray = np.full((16, 16, 1), 51, np.uint8)
evidence = Translations(generated=[gray], truth=[gray])
found = measure(evidence)
shown = {"rows": found.rows(), "dict": found.as_dict(), "numbers": numbers(evidence)}
print(json.dumps({**shown, "best": best.name}))
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
    assert found["rows"][0] == ["mean brightness (lower is better)", "51.0 of 255"]
    assert found["rows"][-1][1].startswith("means over pairs; brightness of the first; SSIM")
    assert found["dict"]["brightness"] == 51
    assert found["numbers"] == {"val_brightness": 51, "val_l1": 0, "val_ssim": pytest.approx(1)}
    assert found["best"] == "val_brightness"


@pytest.mark.parametrize(
    ("measured", "name", "better"),
    [
        (["g_loss", "val_classes_hit", "val_frechet"], "val_frechet", "lower"),
        (["g_loss", "val_accuracy", "val_mean_iou"], "val_mean_iou", "higher"),
        (["g_loss", "val_l1", "val_ssim", "frechet"], None, None),
    ],
)
def test_the_best_epoch_is_chosen_by_one_metric(
    measured: list[str], name: str | None, better: str | None
) -> None:
    chosen = metrics.best_epoch_metric(measured)
    assert (chosen and chosen.name, chosen and chosen.better) == (name, better)


def test_metrics_that_choose_the_best_epoch_have_a_direction_and_are_computed_in_training() -> None:
    for metric in metrics.every():
        assert not metric.best_epoch or (metric.better and metric.in_training)


def test_metrics_of_the_same_kind_have_different_names() -> None:
    for pictures in (metrics.Kind.SAMPLES, metrics.Kind.LABEL_MAPS, metrics.Kind.PHOTOS):
        names = [m.name for m in metrics.every() if m.of in pictures]
        assert names
        assert len(set(names)) == len(names)
