"""What a line about an epoch shows of its metrics."""

from itertools import chain, repeat

import pytest
from conftest import small_trainer

from gancli.cli import display
from gancli.gan import Metric, Shape
from gancli.training.reports import Report

METRICS = {"classes_hit": 0.5, "convergence": 0.25, "d_loss": 1.5, "val_frechet": 23.456, "k": 0.5}


@pytest.mark.parametrize(
    ("model", "shown"),
    [
        ("dcgan", "d_loss 1.500  val_frechet 23.46"),
        ("began", "convergence 0.250  d_loss 1.500  val_frechet 23.46  k 0.500"),
    ],
)
def test_a_line_shows_losses_the_models_metrics_and_what_chooses_the_best_epoch(
    model: str, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    trainer = small_trainer(model, Shape(channels=1, size=16))
    report = Report(
        images_seen=40, epoch=1, epoch_ended=True, images_per_second=1.0, metrics=METRICS
    )
    with display.training(trainer, preview=False) as show:
        show(report)
    assert capsys.readouterr().err.rstrip().endswith(f"images/s  {shown}")


def test_a_metric_is_shown_in_the_format_that_it_carries(
    capsys: pytest.CaptureFixture[str],
) -> None:
    trainer = small_trainer("dcgan", Shape(channels=1, size=16))
    trainer.gan.shown = (Metric("classes_hit", "higher", "{:.0%}".format),)  # type: ignore[misc]
    report = Report(
        images_seen=40, epoch=1, epoch_ended=True, images_per_second=1.0, metrics=METRICS
    )
    with display.training(trainer, preview=False) as show:
        show(report)
    assert "images/s  classes_hit 50%  d_loss" in capsys.readouterr().err


@pytest.mark.parametrize(("epochs", "named"), [(1000, "2 h 46 min"), (100, "")])
def test_a_run_that_takes_more_than_an_hour_says_once_what_would_shorten_it(
    epochs: int, named: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    trainer = small_trainer("dcgan", Shape(channels=1, size=16))
    trainer.set_epochs(epochs)
    per_epoch = len(trainer.data)
    clock = chain([0.0], repeat(30.0))
    monkeypatch.setattr(display.time, "monotonic", lambda: next(clock))
    report = Report(
        images_seen=3 * per_epoch, epoch=3, epoch_ended=True, images_per_second=1.0, metrics={}
    )
    with display.training(trainer, preview=False) as show:
        show(report)
        show(report)
    err = capsys.readouterr().err
    assert err.count("This will take about") == bool(named)
    if named:
        assert f"about {named}" in err
        for option in ("--minutes 20", "--set width=16", "GPU"):
            assert option in err
