"""FLIP and LPIPS, whose libraries are extras and whose weights are fetched: here from nowhere."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torchvision

from gancli.evaluation.evaluate import Evaluation, measure
from gancli.evaluation.evidence import Translations
from gancli.images import Array
from gancli.reporting import Say, silent


def of_photos(made: list[Array], truth: list[Array], say: Say = silent) -> Evaluation:
    return measure(Translations(made=made, truth=truth, say=say))


@pytest.fixture(autouse=True)
def alexnet(monkeypatch: pytest.MonkeyPatch) -> None:
    """AlexNet with weights by a fixed seed, in place of those that torchvision would fetch."""

    def drawn(**asked: object) -> SimpleNamespace:
        assert asked.get("pretrained") or asked.get("weights")
        with torch.device("meta"):  # its classifier, of which LPIPS has no need, takes a second
            features = torchvision.models.AlexNet().features
        features.to_empty(device="cpu")
        torch.manual_seed(0)
        for weight in features.parameters():
            torch.nn.init.normal_(weight, std=0.05)
        return SimpleNamespace(features=features)

    monkeypatch.setattr(torchvision.models, "alexnet", drawn)


@pytest.mark.parametrize("channels", [1, 3])
def test_flip_is_nothing_for_equal_photos_and_all_for_black_and_white(
    channels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("flip_evaluator", reason="has no wheels for this Python yet")
    monkeypatch.setitem(sys.modules, "lpips", None)
    black = np.zeros((40, 40, channels), np.uint8)
    assert of_photos([black], [black]).as_dict()["flip"] == 0
    found = of_photos([255 - black], [black])
    flip = found.as_dict()["flip"]
    assert flip > 0.9
    assert ("FLIP", f"{flip:.3f}") in found.rows()


@pytest.mark.parametrize("channels", [1, 3])
def test_lpips_is_nothing_for_equal_photos_and_grows_with_the_difference(channels: int) -> None:
    said: list[str] = []
    photo = np.random.default_rng(0).integers(60, 196, (64, 64, channels), np.uint8)
    slightly, very = photo ^ np.uint8(8), 255 - photo
    found = [of_photos([made], [photo], said.append) for made in (photo, slightly, very)]
    same, near, far = (each.as_dict()["lpips"] for each in found)
    assert said == []
    assert same == 0 < near < far
    assert ("LPIPS", f"{far:.3f}") in found[-1].rows()


def test_weights_that_cannot_be_fetched_are_said_and_the_rest_is_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(**_: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr(torchvision.models, "alexnet", fail)
    said: list[str] = []
    photo = np.zeros((40, 40, 3), np.uint8)
    found = of_photos([photo], [photo], said.append)
    (line,) = (line for line in said if line.startswith("LPIPS"))
    assert "its weights cannot be had (no network)" in line
    assert found.as_dict()["lpips"] is None
    assert found.as_dict()["l1"] == 0
    assert "LPIPS" not in dict(found.rows())


def test_what_is_not_installed_is_named_with_the_command_that_adds_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for library in ("flip_evaluator", "lpips"):
        monkeypatch.setitem(sys.modules, library, None)  # as if it were not there
    said: list[str] = []
    photo = np.zeros((16, 16, 3), np.uint8)
    found = of_photos([photo], [photo], said.append)
    assert (found.as_dict()["flip"], found.as_dict()["lpips"]) == (None, None)
    assert [line.split()[0] for line in said] == ["FLIP", "LPIPS"]
    assert all("pip install 'gancli[perceptual]'" in line for line in said)
