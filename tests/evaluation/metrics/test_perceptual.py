"""FLIP and LPIPS, with and without their libraries and weights; nothing is downloaded here."""

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


def measured(generated: list[Array], truth: list[Array], say: Say = silent) -> Evaluation:
    return measure(Translations(generated=generated, truth=truth, say=say))


@pytest.fixture(autouse=True)
def alexnet(monkeypatch: pytest.MonkeyPatch) -> None:
    """AlexNet with random weights of a fixed seed instead of downloaded ones."""

    def random_alexnet(**options: object) -> SimpleNamespace:
        assert options.get("pretrained") or options.get("weights")
        with torch.device("meta"):  # saves a second: LPIPS does not need the classifier's weights
            features = torchvision.models.AlexNet().features
        features.to_empty(device="cpu")
        torch.manual_seed(0)
        for weight in features.parameters():
            torch.nn.init.normal_(weight, std=0.05)
        return SimpleNamespace(features=features)

    monkeypatch.setattr(torchvision.models, "alexnet", random_alexnet)


@pytest.mark.parametrize("channels", [1, 3])
def test_flip_is_0_for_equal_photos_and_near_1_for_black_and_white(
    channels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("flip_evaluator", reason="flip-evaluator has no wheels for this Python")
    monkeypatch.setitem(sys.modules, "lpips", None)
    black = np.zeros((40, 40, channels), np.uint8)
    assert measured([black], [black]).as_dict()["flip"] == 0
    found = measured([255 - black], [black])
    flip = found.as_dict()["flip"]
    assert flip > 0.9
    assert ("FLIP (lower is better)", f"{flip:.3f}") in found.rows()


@pytest.mark.parametrize("channels", [1, 3])
def test_lpips_is_0_for_equal_photos_and_grows_with_the_difference(channels: int) -> None:
    messages: list[str] = []
    photo = np.random.default_rng(0).integers(60, 196, (64, 64, channels), np.uint8)
    slightly, very = photo ^ np.uint8(8), 255 - photo
    found = [measured([other], [photo], messages.append) for other in (photo, slightly, very)]
    same, near, far = (each.as_dict()["lpips"] for each in found)
    assert messages == []
    assert same == 0 < near < far
    assert ("LPIPS (lower is better)", f"{far:.3f}") in found[-1].rows()


def test_lpips_is_left_out_with_a_message_if_its_weights_cannot_be_downloaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(**_: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr(torchvision.models, "alexnet", fail)
    messages: list[str] = []
    photo = np.zeros((40, 40, 3), np.uint8)
    found = measured([photo], [photo], messages.append)
    (message,) = (line for line in messages if "LPIPS" in line)
    assert "no network" in message
    assert found.as_dict()["lpips"] is None
    assert found.as_dict()["l1"] == 0
    assert "LPIPS" not in dict(found.rows())


def test_a_missing_library_is_reported_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for library in ("flip_evaluator", "lpips"):
        monkeypatch.setitem(sys.modules, library, None)  # as if it were not installed
    messages: list[str] = []
    photo = np.zeros((16, 16, 3), np.uint8)
    found = measured([photo], [photo], messages.append)
    assert (found.as_dict()["flip"], found.as_dict()["lpips"]) == (None, None)
    assert ["FLIP" in messages[0], "LPIPS" in messages[1]] == [True, True]
    for package, line in zip(("flip-evaluator", "lpips"), messages, strict=True):
        assert line.endswith(f"pip install {package}")
